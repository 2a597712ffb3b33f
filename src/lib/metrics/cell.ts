/**
 * The values behind series. Hot file: `value += 1` and `observe` are all that runs per request, so cells are plain
 * objects with numeric fields, and a histogram finds its bucket by a table instead of a search.
 */

/** A counter or gauge: the owner changes `value` directly. */
export interface Cell {
  value: number;
}

export function createCell(): Cell {
  return { value: 0 };
}

/** Ascending upper bounds and the table that finds one; shared by all series of a family. */
export interface Buckets {
  readonly bounds: readonly number[];
  /** Units of the table per unit of a value. */
  readonly scale: number;
  /** For values of n significant bits (in table units): the first bound that may hold one. */
  readonly first: Uint8Array;
}

/** At most 255 bounds, ascending and positive. */
export function createBuckets(bounds: readonly number[]): Buckets {
  const smallest = bounds[0] ?? 1;
  const scale = 4 / smallest;
  const first = new Uint8Array(33);
  for (let bits = 0; bits <= 32; bits++) {
    // The smallest value with that many bits; every smaller bound is out of the question.
    const least = bits === 0 ? 0 : 2 ** (bits - 1) / scale;
    let index = 0;
    while (index < bounds.length && (bounds[index] ?? 0) < least) index++;
    first[bits] = index;
  }
  return { bounds, scale, first };
}

/** Counts per bucket (not cumulative), count and sum of what was observed. */
export class HistogramCell {
  count = 0;
  sum = 0;
  /** One more than there are bounds: the last one is +Inf. */
  readonly counts: number[];
  private readonly buckets: Buckets;

  constructor(buckets: Buckets) {
    this.buckets = buckets;
    this.counts = Array.from({ length: buckets.bounds.length + 1 }, () => 0);
  }

  /** Counts one value; negative and NaN count as 0 (a clock that went backwards is no reason to lose a request). */
  observe(value: number): void {
    const { bounds, scale, first } = this.buckets;
    const v = value > 0 ? value : 0;
    let index = bounds.length;
    if (v <= (bounds[index - 1] ?? 0)) {
      index = first[32 - Math.clz32(v * scale)] ?? 0;
      while (v > (bounds[index] ?? Number.POSITIVE_INFINITY)) index++;
    }
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.count++;
    this.sum += v;
  }
}
