/** The embedded store as a source of sums. */
import { latest, rate, type SampleStore, type Series, type Target } from "../metrics/store.ts";
import type { Matcher, MetricsSource, Sum, SumQuery } from "./source.ts";

/** Sums that one query may give: more is a mistake in the query, and no table shows it. */
const maxSums = 20_000;

/** What a label stands for: the proxy's own word first, then whose proxy it is. */
export function labelOf(target: Target, series: Series, name: string): string {
  return series.labels.get(name) ?? target.labels.get(name) ?? "";
}

export class StoreSource implements MetricsSource {
  private readonly store: SampleStore;
  private readonly now: () => number;

  constructor(store: SampleStore, now: () => number) {
    this.store = store;
    this.now = now;
  }

  async sum(query: SumQuery): Promise<readonly Sum[]> {
    const sums = new Map<string, { labels: Record<string, string>; value: number }>();
    const now = this.now();
    for (const target of this.store.targets()) {
      for (const series of this.store.seriesNamed(target, query.metric)) {
        if (!query.where.every((matcher) => matches(matcher, labelOf(target, series, matcher.label)))) continue;
        const value = query.of === "rate" ? rate(series, now, query.window) : latest(series, now, query.window);
        const values = query.by.map((name) => labelOf(target, series, name));
        const key = values.join("\0");
        const sum = sums.get(key);
        if (sum !== undefined) sum.value += value;
        else if (sums.size < maxSums) {
          sums.set(key, { labels: Object.fromEntries(query.by.map((name, i) => [name, values[i] ?? ""])), value });
        }
      }
    }
    return [...sums.values()];
  }
}

function matches({ op, value }: Matcher, label: string): boolean {
  if (typeof value !== "string") return value.includes(label);
  return (label === value) === (op === "=");
}
