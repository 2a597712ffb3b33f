/** Quantiles from cumulative histogram buckets, interpolated within a bucket as Prometheus' histogram_quantile does. */

/** Upper bound (inclusive, may be +Inf) → cumulative count or rate. */
export type Buckets = ReadonlyMap<number, number>;

/** The value below which a share `q` (0–1) of the observations lies, or null when there are none. */
export function quantile(buckets: Buckets, q: number): number | null {
  const bounds = [...buckets].toSorted((a, b) => a[0] - b[0]);
  const total = bounds[bounds.length - 1]?.[1] ?? 0;
  if (!(total > 0)) return null;
  const rank = q * total;
  let lower = 0;
  let below = 0;
  for (const [bound, cumulative] of bounds) {
    if (cumulative >= rank) {
      // Nothing is known about the width of the last bucket: its lower bound is the honest answer.
      if (bound === Number.POSITIVE_INFINITY) return lower;
      const inside = cumulative - below;
      return inside <= 0 ? bound : lower + ((bound - lower) * (rank - below)) / inside;
    }
    lower = bound;
    below = cumulative;
  }
  return lower;
}
