/** What queries read: the embedded store, by the wall clock. */
import { MeshError } from "#lib/errors.ts";
import { coarseStep, samples, type SampleStore, type Series, type Target } from "../metrics/store.ts";
import type { LabelMatcher, Selector } from "./expression.ts";

/** Labels of a series, the metric's name as `__name__`. */
export type Labels = Readonly<Record<string, string>>;

/** A series' samples, oldest first, ms since 1970. */
export interface Samples {
  readonly labels: Labels;
  readonly times: Float64Array;
  readonly values: Float64Array;
  /** Before this time samples are five minutes apart. */
  readonly fineFrom: number;
  /** From this time on the series is no more. */
  readonly staleAt: number;
}

/** Series that one selector may name, and that one list of series has. */
export const maxSeries = 10_000;

export class Storage {
  private readonly store: SampleStore;
  /** What to add to times of the store for ms since 1970. */
  private readonly toWall: () => number;

  constructor(store: SampleStore, toWall: () => number) {
    this.store = store;
    this.toWall = toWall;
  }

  /** Series of a selector, with what they have between two times. */
  select(selector: Pick<Selector, "metric" | "matchers">, from: number, to: number): Samples[] {
    const shift = this.toWall();
    return this.series(selector).map(([target, series]) => {
      const found = samples(series, from - 2 * coarseStep - shift, to - shift);
      const times = new Float64Array(found.length);
      const values = new Float64Array(found.length);
      found.forEach(([time, value], i) => {
        times[i] = Math.round(time + shift);
        values[i] = value;
      });
      const newest = target.times[(target.scrapes - 1) % target.times.length] ?? 0;
      const oldest = target.times[Math.max(0, target.scrapes - target.times.length) % target.times.length] ?? 0;
      const stale = target.gone ?? (series.seen === target.scrapes - 1 ? Number.POSITIVE_INFINITY : newest);
      return {
        labels: labelsOf(target, series),
        times,
        values,
        fineFrom: Math.round(oldest + shift),
        staleAt: stale + shift,
      };
    });
  }

  /** Labels of all series of a selector, or of all that there are. */
  *labels(selector: Pick<Selector, "metric" | "matchers"> | null): Iterable<Labels> {
    for (const [target, series] of this.matching(selector ?? { metric: null, matchers: [] })) {
      yield labelsOf(target, series);
    }
  }

  private series(selector: Pick<Selector, "metric" | "matchers">): Array<readonly [Target, Series]> {
    const found: Array<readonly [Target, Series]> = [];
    for (const pair of this.matching(selector)) {
      if (found.length === maxSeries) {
        throw new MeshError(
          "resource-exhausted",
          `The query selects more than ${maxSeries} series; narrow it by namespace or workload`,
        );
      }
      found.push(pair);
    }
    return found;
  }

  private *matching({ metric, matchers }: Pick<Selector, "metric" | "matchers">): Iterable<readonly [Target, Series]> {
    for (const target of this.store.targets()) {
      if (target.scrapes === 0) continue;
      const candidates = metric === null ? this.store.seriesIn(target) : this.store.seriesNamed(target, metric);
      for (const series of candidates) {
        if (matchers.every((matcher) => isMatch(matcher, valueOf(target, series, matcher.name)))) {
          yield [target, series];
        }
      }
    }
  }
}

function valueOf(target: Target, series: Series, name: string): string {
  if (name === "__name__") return series.name;
  return series.labels.get(name) ?? target.labels.get(name) ?? "";
}

function isMatch({ op, value, pattern }: LabelMatcher, actual: string): boolean {
  const equal = pattern === null ? actual === value : pattern.test(actual);
  return equal === (op === "=" || op === "=~");
}

function labelsOf(target: Target, series: Series): Labels {
  const labels: Record<string, string> = { __name__: series.name };
  for (const [name, value] of target.labels) labels[name] = value;
  for (const [name, value] of series.labels) if (value !== "") labels[name] = value;
  return labels;
}
