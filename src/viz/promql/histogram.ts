/** `histogram_quantile`. https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile */
import { quantile } from "../metrics/quantile.ts";
import { labelsKey, without } from "./aggregate.ts";
import type { Point } from "./evaluate.ts";
import type { Labels } from "./storage.ts";

export function histogramQuantile(share: number, points: readonly Point[]): Point[] {
  const groups = new Map<string, { readonly labels: Labels; readonly buckets: Map<number, number> }>();
  for (const { labels, value } of points) {
    const le = labels["le"];
    const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
    if (le === undefined || Number.isNaN(bound)) continue;
    const kept = without(labels, ["le"]);
    const key = labelsKey(kept);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { labels: kept, buckets: new Map() }));
    group.buckets.set(bound, (group.buckets.get(bound) ?? 0) + value);
  }
  return [...groups.values()].map(({ labels, buckets }) => ({ labels, value: valueOf(share, buckets) }));
}

function valueOf(share: number, buckets: ReadonlyMap<number, number>): number {
  if (Number.isNaN(share)) return Number.NaN;
  if (share < 0) return Number.NEGATIVE_INFINITY;
  if (share > 1) return Number.POSITIVE_INFINITY;
  // Without the last bucket nothing says how many there are.
  if (!buckets.has(Number.POSITIVE_INFINITY) || buckets.size < 2) return Number.NaN;
  return quantile(buckets, share) ?? Number.NaN;
}
