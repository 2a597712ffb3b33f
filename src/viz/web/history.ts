/**
 * The last minutes of a workload as columns for a chart.
 *
 * What a counter grew by between two scrapes is spread evenly over the steps between them, so that steps need not fall on
 * scrapes. Steps that no proxy has told about are gaps; steps at the end that are not complete yet are left out.
 */
import { quantile } from "../metrics/quantile.ts";
import { coarseStep, retention, samples as samplesOf, type Series } from "../metrics/store.ts";
import { round } from "./golden-sum.ts";
import type { TrafficQuery } from "./traffic.ts";
import type { History } from "./view.ts";

/** How far back charts go: with each scrape the last minutes, or as far as the store reaches in steps of minutes. */
export type HistoryRange = "10m" | "6h";
/** ms that the store has to keep each scrape for. */
export const historyLength = 600_000;
/** ms. Finer than people see, and than most scrape. */
const shortestStep = 4000;

interface Step {
  known: boolean;
  success: number;
  failure: number;
  readonly buckets: Map<number, number>;
}

export interface HistoryQuery extends Omit<TrafficQuery, "window"> {
  /** ms since 1970 of `now`. */
  readonly wall: number;
  /** ms between two scrapes of a proxy. */
  readonly scrapeInterval: number;
  readonly range: HistoryRange;
}

/** `pods` are those of the workload. */
export function workloadHistory({ pods, samples, now, wall, scrapeInterval, range }: HistoryQuery): History {
  const length = range === "6h" ? coarseStep : Math.max(shortestStep, scrapeInterval);
  const reach = range === "6h" ? retention : historyLength;
  // Steps begin at whole multiples of their length since 1970: a point stays where it is while time goes on.
  const offset = wall - now;
  const first = Math.ceil((wall - reach) / length);
  const count = Math.floor(wall / length) - first;
  const steps = Array.from({ length: count }, (): Step => ({
    known: false,
    success: 0,
    failure: 0,
    buckets: new Map(),
  }));
  // Up to where each pod has told everything; one that is gone or can't be scraped does not hold the others back.
  const told: number[] = [];
  const current = (wall - 1.5 * scrapeInterval) / length - first;
  for (const pod of pods) {
    let newest = 0;
    for (const series of samples.seriesOf(pod.target)) {
      if (series.labels.get("direction") !== "inbound") continue;
      const add = adderOf(series);
      if (add === null) continue;
      newest = Math.max(
        newest,
        spread(
          samplesOf(series, now - reach - length, now),
          (time) => (time + offset) / length - first,
          (step, increase) => {
            const entry = steps[step];
            if (entry === undefined) return;
            entry.known = true;
            if (increase > 0) add(entry, increase);
          },
        ),
      );
    }
    if (newest > 0) told.push(newest);
  }
  const complete = Math.min(...told.filter((newest) => newest >= current), count);
  // Nothing is known of the time before the first scrape: a chart begins there.
  const begin = Math.max(
    0,
    steps.findIndex(({ known }) => known),
  );
  const shown = told.length === 0 ? [] : steps.slice(begin, Math.floor(complete));
  const perSecond = (value: number): number => round((value * 1000) / length, 100);
  const percentile = (share: number) =>
    shown.map(({ buckets }) => {
      const value = quantile(buckets, share);
      return value === null ? null : round(value, 10);
    });
  return {
    times: shown.map((_step, index) => (first + begin + index + 1) * length),
    succeeded: shown.map(({ known, success }) => (known ? perSecond(success) : null)),
    failed: shown.map(({ known, failure }) => (known ? perSecond(failure) : null)),
    p50: percentile(0.5),
    p95: percentile(0.95),
    p99: percentile(0.99),
  };
}

function adderOf(series: Series): ((step: Step, increase: number) => void) | null {
  switch (series.name) {
    case "response_total":
      return series.labels.get("classification") === "success"
        ? (step, increase) => {
            step.success += increase;
          }
        : (step, increase) => {
            step.failure += increase;
          };
    case "response_latency_ms_bucket": {
      const le = series.labels.get("le") ?? "";
      const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
      if (Number.isNaN(bound)) return null;
      return ({ buckets }, increase) => {
        buckets.set(bound, (buckets.get(bound) ?? 0) + increase);
      };
    }
    default:
      return null;
  }
}

/** Calls `add` for each step with its part of what the counter grew by. @returns the position of the newest sample. */
function spread(
  samples: Iterable<readonly [time: number, value: number]>,
  positionOf: (time: number) => number,
  add: (step: number, increase: number) => void,
): number {
  let from = 0;
  let previous = 0;
  let to = 0;
  let first = true;
  for (const [time, value] of samples) {
    to = positionOf(time);
    if (!first && to > from) {
      const perStep = (value - previous) / (to - from);
      for (let step = Math.max(0, Math.floor(from)); step < to; step++) {
        add(step, perStep * (Math.min(to, step + 1) - Math.max(from, step)));
      }
    }
    first = false;
    from = to;
    previous = value;
  }
  return to;
}
