/** Golden metrics of whatever labels tell apart: how often, how well and how fast requests were answered. */
import { quantile } from "../metrics/quantile.ts";
import type { Matcher, MetricsSource, Sum } from "./source.ts";

export interface Golden {
  /** 0–1, null without traffic. */
  readonly success: number | null;
  /** Per second, null without traffic. */
  readonly rps: number | null;
  /** Milliseconds. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

export interface GoldenGroup extends Golden {
  /** Values of the labels in `by`. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface GoldenQuery {
  /** Counter of answers. */
  readonly responses: string;
  /** Labels of the counter that tell answers apart, and which of them are good ones. */
  readonly outcome: readonly string[];
  readonly good: (labels: Readonly<Record<string, string>>) => boolean;
  /** Histogram of how long they took, with `_bucket`, and how many ms its unit has. */
  readonly latencies: string;
  readonly unit: 1 | 1000;
  readonly where: readonly Matcher[];
  readonly by: readonly string[];
  readonly window: number;
}

/** How the proxy's own metrics, with `scope` before their names, count. */
export function classified(scope: "" | "route_" | "route_actual_") {
  return {
    responses: `${scope}response_total`,
    outcome: ["classification"],
    good: (labels: Readonly<Record<string, string>>) => labels["classification"] === "success",
    latencies: `${scope}response_latency_ms_bucket`,
    unit: 1 as const,
  };
}

/** The groups that had traffic in the window. */
export async function goldenBy(source: MetricsSource, query: GoldenQuery): Promise<GoldenGroup[]> {
  const { where, by, window, outcome } = query;
  const [answers, times] = await Promise.all([
    source.sum({ metric: query.responses, of: "rate", where, by: [...by, ...outcome], window }),
    source.sum({ metric: query.latencies, of: "rate", where, by: [...by, "le"], window }),
  ]);
  const groups = new Map<string, { labels: Record<string, string>; good: number; all: number }>();
  for (const { labels, value } of answers) {
    if (!(value > 0)) continue;
    const key = groupKey(labels, by);
    let group = groups.get(key);
    if (group === undefined) {
      group = { labels: Object.fromEntries(by.map((name) => [name, labels[name] ?? ""])), good: 0, all: 0 };
      groups.set(key, group);
    }
    group.all += value;
    if (query.good(labels)) group.good += value;
  }
  const buckets = bucketsBy(times, by);
  return [...groups].map(([key, { labels, good, all }]) => {
    const own = buckets.get(key) ?? new Map<number, number>();
    const percentile = (share: number): number | null => {
      const value = quantile(own, share);
      return value === null ? null : value * query.unit;
    };
    return {
      labels,
      success: good / all,
      rps: all,
      p50: percentile(0.5),
      p95: percentile(0.95),
      p99: percentile(0.99),
    };
  });
}

export function groupKey(labels: Readonly<Record<string, string>>, by: readonly string[]): string {
  return by.map((name) => labels[name] ?? "").join("\0");
}

function bucketsBy(sums: readonly Sum[], by: readonly string[]): Map<string, Map<number, number>> {
  const found = new Map<string, Map<number, number>>();
  for (const { labels, value } of sums) {
    const le = labels["le"] ?? "";
    const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
    if (le === "" || Number.isNaN(bound)) continue;
    const key = groupKey(labels, by);
    let buckets = found.get(key);
    if (buckets === undefined) found.set(key, (buckets = new Map()));
    buckets.set(bound, (buckets.get(bound) ?? 0) + value);
  }
  return found;
}

export function compareTexts(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < a.length; i++) {
    const [left = "", right = ""] = [a[i], b[i]];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}
