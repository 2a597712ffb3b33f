/**
 * The samples of the last minutes, kept in memory: a ring per series, nothing on disk.
 *
 * A series belongs to one target (a pod). Memory is bounded: `maxSeries` series (about 1 KiB each with the default
 * ring); what comes beyond that is counted in `rejected` and left out.
 */
import { parseExposition, parseLabels } from "./exposition.ts";

export interface StoreOptions {
  /** Samples kept per series, at least 2. With a scrape each 10 s the default of 64 covers 10 minutes. */
  readonly ring?: number;
  /** Default 100,000. */
  readonly maxSeries?: number;
  /** Which metrics to keep. */
  readonly families: ReadonlySet<string>;
}

export interface Series {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  /** Ring of times (ms) and values, oldest at `head` once full. */
  readonly times: Float64Array;
  readonly values: Float64Array;
  head: number;
  length: number;
}

interface Target {
  readonly series: Map<string, Series>;
  /** When the target was last scraped with success, ms; -1 before the first time. */
  scraped: number;
}

export class SampleStore {
  private readonly targets = new Map<string, Target>();
  private readonly ring: number;
  private readonly maxSeries: number;
  private readonly families: ReadonlySet<string>;
  private count = 0;
  /** Series left out because the store was full. */
  rejected = 0;
  /** Lines of scrapes that were not understood. */
  malformed = 0;

  constructor(options: StoreOptions) {
    this.ring = Math.max(2, options.ring ?? 64);
    this.maxSeries = options.maxSeries ?? 100_000;
    this.families = options.families;
  }

  get size(): number {
    return this.count;
  }

  /** Takes one scrape of `target` made at `now` (ms). */
  add(target: string, now: number, text: string): void {
    let entry = this.targets.get(target);
    if (entry === undefined) {
      entry = { series: new Map(), scraped: -1 };
      this.targets.set(target, entry);
    }
    const { series: known, scraped } = entry;
    this.malformed += parseExposition(text, ({ name, labelText, value }) => {
      if (!this.families.has(name)) return;
      const key = `${name}{${labelText}`;
      let series = known.get(key);
      if (series === undefined) {
        if (this.count >= this.maxSeries) {
          this.rejected++;
          return;
        }
        series = {
          name,
          labels: parseLabels(labelText),
          times: new Float64Array(this.ring),
          values: new Float64Array(this.ring),
          head: 0,
          length: 0,
        };
        known.set(key, series);
        this.count++;
        // A series that was absent from the scrape before stood at 0 then: its first events are not lost.
        if (scraped >= 0) push(series, this.ring, scraped, 0);
      }
      push(series, this.ring, now, value);
    });
    entry.scraped = now;
  }

  /** Forgets a target that is gone. */
  drop(target: string): void {
    const entry = this.targets.get(target);
    if (entry === undefined) return;
    this.count -= entry.series.size;
    this.targets.delete(target);
  }

  /** Every series of a target. */
  seriesOf(target: string): Iterable<Series> {
    return this.targets.get(target)?.series.values() ?? [];
  }

  /** When `target` was last scraped with success, ms; -1 if never. */
  scrapedAt(target: string): number {
    return this.targets.get(target)?.scraped ?? -1;
  }
}

function push(series: Series, ring: number, time: number, value: number): void {
  const index = (series.head + series.length) % ring;
  series.times[index] = time;
  series.values[index] = value;
  if (series.length < ring) series.length++;
  else series.head = (series.head + 1) % ring;
}

/** A counter's increase per second over the last `window` ms; 0 with fewer than two samples in it. Resets count from 0. */
export function rate(series: Series, now: number, window: number): number {
  const ring = series.times.length;
  let total = 0;
  let first = -1;
  let last = 0;
  let previous = 0;
  for (let i = 0; i < series.length; i++) {
    const index = (series.head + i) % ring;
    const time = series.times[index]!;
    if (time < now - window) continue;
    const value = series.values[index]!;
    if (first < 0) first = time;
    else total += value >= previous ? value - previous : value;
    previous = value;
    last = time;
  }
  return first < 0 || last <= first ? 0 : (total / (last - first)) * 1000;
}

/** A gauge's newest value if it is no older than `window` ms, else 0. */
export function latest(series: Series, now: number, window: number): number {
  if (series.length === 0) return 0;
  const index = (series.head + series.length - 1) % series.times.length;
  return series.times[index]! < now - window ? 0 : series.values[index]!;
}
