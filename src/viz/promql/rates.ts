/** Functions of a range of one series' samples. https://prometheus.io/docs/prometheus/latest/querying/functions/ */

/** Samples from `first` to `last`, both included, of a range from `from` to `to` (ms). */
export interface Range {
  readonly times: Float64Array;
  readonly values: Float64Array;
  readonly first: number;
  readonly last: number;
  readonly from: number;
  readonly to: number;
}

/** Null: the range has too few samples. */
export type RangeFunction = (range: Range) => number | null;

export const rangeFunctions: Readonly<Record<string, RangeFunction>> = {
  rate: (range) => extrapolated(range, true, true),
  increase: (range) => extrapolated(range, true, false),
  delta: (range) => extrapolated(range, false, false),
  irate: (range) => lastTwo(range, true, true),
  idelta: (range) => lastTwo(range, false, false),
  avg_over_time: (range) => sum(range) / (range.last - range.first + 1),
  sum_over_time: sum,
  count_over_time: ({ first, last }) => last - first + 1,
  last_over_time: ({ values, last }) => values[last]!,
  min_over_time: (range) => reduce(range, Math.min),
  max_over_time: (range) => reduce(range, Math.max),
  changes: (range) => pairs(range, (a, b) => a !== b),
  resets: (range) => pairs(range, (a, b) => b < a),
};

/** As Prometheus does it: carried on to the ends of the range, as far as the series seems to reach. */
function extrapolated(range: Range, counter: boolean, perSecond: boolean): number | null {
  const { times, values, first, last, from, to } = range;
  if (last <= first) return null;
  let result = values[last]! - values[first]!;
  if (counter) {
    for (let i = first + 1; i <= last; i++) if (values[i]! < values[i - 1]!) result += values[i - 1]!;
  }
  const sampled = (times[last]! - times[first]!) / 1000;
  const average = sampled / (last - first);
  let before = (times[first]! - from) / 1000;
  const after = (to - times[last]!) / 1000;
  // A counter can't have been below zero.
  if (counter && result > 0 && values[first]! >= 0) before = Math.min(before, sampled * (values[first]! / result));
  const threshold = average * 1.1;
  const reach = sampled + (before < threshold ? before : average / 2) + (after < threshold ? after : average / 2);
  const increase = result * (reach / sampled);
  return perSecond ? increase / ((to - from) / 1000) : increase;
}

function lastTwo({ times, values, first, last }: Range, counter: boolean, perSecond: boolean): number | null {
  if (last <= first) return null;
  const now = values[last]!;
  const before = values[last - 1]!;
  const grown = counter && now < before ? now : now - before;
  return perSecond ? grown / ((times[last]! - times[last - 1]!) / 1000) : grown;
}

function sum({ values, first, last }: Range): number {
  let total = 0;
  for (let i = first; i <= last; i++) total += values[i]!;
  return total;
}

function reduce({ values, first, last }: Range, of: (a: number, b: number) => number): number {
  let result = values[first]!;
  for (let i = first + 1; i <= last; i++) result = of(result, values[i]!);
  return result;
}

function pairs({ values, first, last }: Range, is: (a: number, b: number) => boolean): number {
  let count = 0;
  for (let i = first + 1; i <= last; i++) if (is(values[i - 1]!, values[i]!)) count++;
  return count;
}
