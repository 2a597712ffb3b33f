/**
 * The samples of the last hours, in memory: nothing on disk.
 *
 * Each series has a fine tier (the last 64 scrapes: ten minutes with a scrape each 10 s) and a coarse one (72 steps of
 * five minutes: six hours). Counters are kept as what they grew by, so that 4 bytes are exact enough however large they
 * are, and a restart of the target is no gap. A sample costs 4 bytes and a series about 900.
 *
 * Bounds: `maxSeries` in all and `maxPerTarget`. When they are reached, series that their target no longer has go first,
 * then targets that are gone, oldest first; what still does not fit is counted in `rejected` and left out.
 */
import { parseExposition, parseLabels } from "./exposition.ts";
import { SampleRows } from "./sample-rows.ts";
import { BucketLabels, PairLabels, splitBucket, type LabelReader } from "./series-labels.ts";

/** Scrapes in the fine tier, unless the store is told otherwise. */
export const fineLength = 64;
/** Steps in the coarse tier, and their length in ms. */
export const coarseLength = 72;
export const coarseStep = 300_000;
/** How far back the store knows, ms. */
export const retention = coarseLength * coarseStep;

export interface StoreOptions {
  /** Scrapes in the fine tier, at least 2. Default 64. */
  readonly fine?: number;
  /** Default 50,000: 250 for each of 200 pods. */
  readonly maxSeries?: number;
  /** Default 5,000. */
  readonly maxPerTarget?: number;
  /** Which metrics to keep; histograms by the name of their buckets. */
  readonly families: ReadonlySet<string>;
}

/** One metric with one set of labels. What changes with each scrape lies in the rows: an object for it would cost more. */
export class Series {
  readonly name: string;
  readonly labels: LabelReader;
  readonly target: Target;
  readonly row: number;

  constructor(name: string, labels: LabelReader, target: Target, row: number) {
    this.name = name;
    this.labels = labels;
    this.target = target;
    this.row = row;
  }

  get gauge(): boolean {
    return !counterName.test(this.name);
  }

  /** Number of the scrape that had it last, -1 before the first. */
  get seen(): number {
    return this.target.rows.getState(this.row, seenState);
  }

  /** All that the counter grew by since it is known, and what it stood at then; a gauge's newest value. */
  get total(): number {
    return this.target.rows.getState(this.row, totalState);
  }
}

/** What is kept of each series beside its samples: also the value as the target gave it last, and the step of that. */
const totalState = 0;
const rawState = 1;
const seenState = 2;
const stepState = 3;
const states = 4;

interface Buckets {
  readonly metric: string;
  readonly series: Series[];
  /** Where the next one is expected: scrapes have them in order. */
  hint: number;
}

/** Series with the same labels (but `le`). */
interface Group {
  readonly labels: LabelReader;
  /** Few: the metrics that have just these labels. */
  plain: Series[];
  buckets: Buckets[];
}

/** Whose proxy it is, as labels: namespace, pod, deployment and so on. */
export type TargetLabels = ReadonlyMap<string, string>;

export interface Target {
  labels: TargetLabels;
  readonly rows: SampleRows;
  readonly groups: Map<string, Group>;
  /** When the scrapes of the fine tier were made, ms, by number modulo the length; and their count. */
  readonly times: Float64Array;
  scrapes: number;
  /** When the newest scrape of each coarse step was made; and the newest step, counted since 1970 of the clock. */
  readonly stepTimes: Float64Array;
  step: number;
  size: number;
  /** Since when the pod is gone, ms; null while it is there. */
  gone: number | null;
  /** Makes room at most once per scrape. */
  swept: number;
}

/** How the proxy, as all who follow Prometheus' advice, names what only grows. */
const counterName = /_(total|bucket|sum|count)$/;

const noLabels: TargetLabels = new Map();

export class SampleStore {
  private readonly byName = new Map<string, Target>();
  private readonly rows: SampleRows;
  private readonly fine: number;
  private readonly maxSeries: number;
  private readonly maxPerTarget: number;
  private readonly families: ReadonlySet<string>;
  private readonly interned = new Map<string, string>();
  private count = 0;
  /** Series left out because the store was full. */
  rejected = 0;
  /** Lines of scrapes that were not understood. */
  malformed = 0;

  constructor(options: StoreOptions) {
    this.fine = options.fine ?? fineLength;
    this.rows = new SampleRows(this.fine + coarseLength, states);
    this.maxSeries = options.maxSeries ?? 50_000;
    this.maxPerTarget = options.maxPerTarget ?? 5000;
    this.families = options.families;
  }

  get size(): number {
    return this.count;
  }

  /** Says whose proxy a target is. */
  describe(name: string, labels: TargetLabels): void {
    const target = this.targetOf(name);
    target.labels = labels;
    target.gone = null;
  }

  /** Takes one scrape of a target made at `now` (ms). */
  add(name: string, now: number, text: string): void {
    const target = this.targetOf(name);
    const before = target.scrapes - 1;
    const number = target.scrapes++;
    target.times[number % target.times.length] = now;
    const step = Math.floor(now / coarseStep);
    target.step = step;
    target.stepTimes[step % coarseLength] = now;
    this.malformed += parseExposition(text, ({ name: family, labelText, value }) => {
      if (!this.families.has(family) || !Number.isFinite(value)) return;
      const series = this.find(target, family, labelText) ?? this.create(target, family, labelText, value, before);
      if (series !== null) write(series, number, value);
    });
    for (const series of allSeries(target)) if (series.seen !== number) markAbsent(series, number);
  }

  /** The target's pod is gone: its samples stay until they are too old, or until there is no room for them. */
  retire(name: string, now: number): void {
    const target = this.byName.get(name);
    if (target === undefined) return;
    if (target.size === 0) this.byName.delete(name);
    target.gone ??= now;
    for (const [other, { gone }] of this.byName) if (gone !== null && gone < now - retention) this.drop(other);
  }

  /** Forgets a target. */
  drop(name: string): void {
    const target = this.byName.get(name);
    if (target === undefined) return;
    for (const series of allSeries(target)) this.rows.release(series.row);
    this.count -= target.size;
    this.byName.delete(name);
  }

  /** Targets with what they are, gone ones too. */
  targets(): Iterable<Target> {
    return this.byName.values();
  }

  /** Every series of a target. */
  seriesOf(name: string): Iterable<Series> {
    const target = this.byName.get(name);
    return target === undefined ? [] : allSeries(target);
  }

  /** Every series of a target at hand. */
  seriesIn(target: Target): Iterable<Series> {
    return allSeries(target);
  }

  /** The series of one metric. */
  *seriesNamed(target: Target, metric: string): Iterable<Series> {
    for (const { plain, buckets } of target.groups.values()) {
      for (const series of plain) if (series.name === metric) yield series;
      for (const siblings of buckets) if (siblings.metric === metric) yield* siblings.series;
    }
  }

  /** When a target was last scraped with success, ms; -1 if never. */
  scrapedAt(name: string): number {
    const target = this.byName.get(name);
    return target === undefined || target.scrapes === 0
      ? -1
      : target.times[(target.scrapes - 1) % target.times.length]!;
  }

  private targetOf(name: string): Target {
    let target = this.byName.get(name);
    if (target === undefined) {
      target = {
        labels: noLabels,
        rows: this.rows,
        groups: new Map(),
        times: new Float64Array(this.fine),
        scrapes: 0,
        stepTimes: new Float64Array(coarseLength).fill(Number.NEGATIVE_INFINITY),
        step: -1,
        size: 0,
        gone: null,
        swept: -1,
      };
      this.byName.set(name, target);
    }
    return target;
  }

  private find(target: Target, family: string, labelText: string): Series | undefined {
    const bucket = family.endsWith("_bucket") ? splitBucket(labelText) : null;
    if (bucket === null) {
      return target.groups.get(labelText)?.plain.find(({ name }) => name === family);
    }
    const siblings = target.groups.get(bucket.shared)?.buckets.find(({ metric }) => metric === family);
    return siblings === undefined ? undefined : siblingOf(siblings, bucket.le);
  }

  /** Null: there is no room. */
  private create(target: Target, family: string, labelText: string, value: number, before: number): Series | null {
    if (this.isFull(target)) this.makeRoom(target);
    if (this.isFull(target)) {
      this.rejected++;
      return null;
    }
    const bucket = family.endsWith("_bucket") ? splitBucket(labelText) : null;
    const key = bucket?.shared ?? labelText;
    let group = target.groups.get(key);
    if (group === undefined) {
      const pairs = [...parseLabels(key)].flatMap(([name, text]) => [this.intern(name), this.intern(text)]);
      group = { labels: new PairLabels(pairs), plain: [], buckets: [] };
      target.groups.set(copyOf(key), group);
    }
    const name = this.intern(family);
    const gauge = !counterName.test(name);
    const le = bucket === null ? null : this.intern(bucket.le);
    const row = this.rows.take();
    const series = new Series(name, le === null ? group.labels : new BucketLabels(group.labels, le), target, row);
    const stood = gauge || before < 0 ? value : 0;
    for (const [state, known] of [
      [totalState, stood],
      [rawState, stood],
      [seenState, -1],
      [stepState, -1],
    ] as const) {
      this.rows.setState(row, state, known);
    }
    // A counter that was absent from the scrape before stood at 0 then: its first events are not lost.
    if (before >= 0 && !gauge) {
      this.rows.set(series.row, before % target.times.length, 0);
    }
    if (le === null) group.plain.push(series);
    else {
      let siblings = group.buckets.find(({ metric }) => metric === name);
      if (siblings === undefined) group.buckets.push((siblings = { metric: name, series: [], hint: 0 }));
      siblings.series.push(series);
    }
    target.size++;
    this.count++;
    return series;
  }

  private isFull(target: Target): boolean {
    return this.count >= this.maxSeries || target.size >= this.maxPerTarget;
  }

  private makeRoom(target: Target): void {
    if (target.swept !== target.scrapes) {
      target.swept = target.scrapes;
      // This scrape is not read to its end: what the one before did not have either is gone.
      this.sweep(target, (series) => series.seen < target.scrapes - 2);
    }
    if (this.count < this.maxSeries) return;
    let oldest: string | null = null;
    let since = Number.POSITIVE_INFINITY;
    for (const [name, { gone }] of this.byName) {
      if (gone !== null && gone < since) {
        since = gone;
        oldest = name;
      }
    }
    if (oldest !== null) this.drop(oldest);
  }

  private sweep(target: Target, isGone: (series: Series) => boolean): void {
    const release = (series: Series): boolean => {
      if (!isGone(series)) return false;
      this.rows.release(series.row);
      target.size--;
      this.count--;
      return true;
    };
    for (const [key, group] of target.groups) {
      group.plain = group.plain.filter((series) => !release(series));
      group.buckets = group.buckets.flatMap(({ metric, series }) => {
        const kept = series.filter((one) => !release(one));
        return kept.length === 0 ? [] : [{ metric, series: kept, hint: 0 }];
      });
      if (group.plain.length === 0 && group.buckets.length === 0) target.groups.delete(key);
    }
  }

  /** One copy of each text that labels have in common. Starts anew when it holds too many. */
  private intern(text: string): string {
    const known = this.interned.get(text);
    if (known !== undefined) return known;
    if (this.interned.size >= 20_000) this.interned.clear();
    const copy = copyOf(text);
    this.interned.set(copy, copy);
    return copy;
  }
}

/** A text of its own: a slice would keep all of the scrape that it was cut out of. */
function copyOf(text: string): string {
  return Buffer.from(text).toString();
}

function* allSeries(target: Target): Iterable<Series> {
  for (const group of target.groups.values()) {
    yield* group.plain;
    for (const siblings of group.buckets) yield* siblings.series;
  }
}

/** The bucket with a bound. */
function siblingOf(siblings: Buckets, le: string): Series | undefined {
  const { series, hint } = siblings;
  for (let i = 0; i < series.length; i++) {
    const index = (hint + i) % series.length;
    const candidate = series[index]!;
    if (candidate.labels.get("le") !== le) continue;
    siblings.hint = index + 1;
    return candidate;
  }
  return undefined;
}

function write(series: Series, number: number, value: number): void {
  const { row, target } = series;
  const { rows } = target;
  const coarse = target.times.length + (target.step % coarseLength);
  openStep(series);
  if (series.gauge) {
    rows.setState(row, totalState, value);
    rows.set(row, number % target.times.length, value);
    rows.set(row, coarse, value);
  } else {
    const raw = rows.getState(row, rawState);
    // A counter that is lower than before began anew at 0.
    const grown = value >= raw ? value - raw : value;
    rows.setState(row, totalState, rows.getState(row, totalState) + grown);
    rows.set(row, number % target.times.length, grown);
    const known = rows.get(row, coarse);
    rows.set(row, coarse, Number.isNaN(known) ? grown : known + grown);
  }
  rows.setState(row, rawState, value);
  rows.setState(row, seenState, number);
}

function markAbsent(series: Series, number: number): void {
  openStep(series);
  const { rows, times } = series.target;
  rows.set(series.row, number % times.length, Number.NaN);
}

/** Empties the coarse steps that have begun since the series was written last. */
function openStep({ target, row }: Series): void {
  const { rows } = target;
  const known = rows.getState(row, stepState);
  if (known === target.step) return;
  const from = known < 0 ? target.step : Math.max(known + 1, target.step - coarseLength + 1);
  for (let step = from; step <= target.step; step++) {
    rows.set(row, target.times.length + (step % coarseLength), Number.NaN);
  }
  rows.setState(row, stepState, target.step);
}

/** A counter's increase per second over the last `window` ms; 0 with fewer than two samples in it. Resets count from 0. */
export function rate(series: Series, now: number, window: number): number {
  const { target, row } = series;
  const { rows } = target;
  const oldest = Math.max(0, target.scrapes - target.times.length);
  const from = now - window;
  let first = -1;
  let last = 0;
  let total = 0;
  if (oldest === 0 || target.times[oldest % target.times.length]! <= from) {
    for (let number = oldest; number < target.scrapes; number++) {
      const time = target.times[number % target.times.length]!;
      if (time < from || time > now) continue;
      const value = rows.get(row, number % target.times.length);
      if (Number.isNaN(value)) continue;
      if (first < 0) first = time;
      else total += value;
      last = time;
    }
  } else {
    let start = 0;
    for (const [time, value] of samples(series, from, now)) {
      if (first < 0) {
        first = time;
        start = value;
      }
      total = value - start;
      last = time;
    }
  }
  return first < 0 || last <= first ? 0 : (total / (last - first)) * 1000;
}

/** A gauge's newest value if it is no older than `window` ms, else 0. */
export function latest(series: Series, now: number, window: number): number {
  if (series.seen < 0) return 0;
  const { target } = series;
  // What the newest scrape no longer has is gone.
  if (series.seen !== target.scrapes - 1) return 0;
  return target.times[series.seen % target.times.length]! < now - window ? 0 : series.total;
}

/**
 * Times (ms) and values from `from` to `to`, both included, oldest first: each scrape of the last minutes, before that
 * the last of every five minutes. Counters never fall: what they grew by is added up.
 */
export function samples(series: Series, from: number, to: number): Array<readonly [time: number, value: number]> {
  const { target, row, gauge } = series;
  const { rows } = target;
  const newestStep = rows.getState(row, stepState);
  const found: Array<readonly [number, number]> = [];
  let value = series.total;
  let oldest = Number.POSITIVE_INFINITY;
  const firstNumber = Math.max(0, target.scrapes - target.times.length);
  for (let number = target.scrapes - 1; number >= firstNumber; number--) {
    const grown = rows.get(row, number % target.times.length);
    const time = target.times[number % target.times.length]!;
    oldest = time;
    if (Number.isNaN(grown)) continue;
    if (gauge) value = grown;
    if (time >= from && time <= to) found.push([time, value]);
    if (!gauge) value -= grown;
  }
  if (oldest > from) {
    let coarse = series.total;
    let above = found.at(-1)?.[1] ?? Number.POSITIVE_INFINITY;
    for (let step = newestStep; step > Math.max(0, newestStep - coarseLength); step--) {
      const grown = rows.get(row, target.times.length + (step % coarseLength));
      if (Number.isNaN(grown)) continue;
      const time = target.stepTimes[step % coarseLength]!;
      if (gauge) coarse = grown;
      else if (time < oldest) coarse = Math.min(coarse, above);
      if (time < oldest && time >= from && time <= to) found.push([time, coarse]);
      if (!gauge) {
        if (time < oldest) above = coarse;
        coarse -= grown;
      }
    }
  }
  return found.toReversed();
}
