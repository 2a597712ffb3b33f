/** `sum by (…)` and its relatives. */
import type { Expression } from "./expression.ts";
import type { Point } from "./evaluate.ts";
import type { Labels } from "./storage.ts";

type Aggregate = Extract<Expression, { kind: "aggregate" }>;

export function aggregate({ op, by, labels, of: _of }: Aggregate, points: readonly Point[], param: number): Point[] {
  const groups = new Map<string, { readonly labels: Labels; readonly points: Point[] }>();
  for (const point of points) {
    const kept = by ? only(point.labels, labels) : without(point.labels, labels);
    const key = labelsKey(kept);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { labels: kept, points: [point] });
    else group.points.push(point);
  }
  return [...groups.values()].flatMap((group) => {
    if (op === "topk" || op === "bottomk") {
      const sorted = group.points.toSorted((a, b) => (op === "topk" ? b.value - a.value : a.value - b.value));
      return sorted.slice(0, Math.max(0, Math.floor(param)));
    }
    return [
      {
        labels: group.labels,
        value: reduce(
          op,
          group.points.map(({ value }) => value),
          param,
        ),
      },
    ];
  });
}

function reduce(op: Exclude<Aggregate["op"], "topk" | "bottomk">, values: readonly number[], param: number): number {
  const total = values.reduce((sum, value) => sum + value, 0);
  switch (op) {
    case "sum":
      return total;
    case "avg":
      return total / values.length;
    case "count":
      return values.length;
    case "group":
      return 1;
    case "min":
      return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
    case "max":
      return values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    case "stddev": {
      const mean = total / values.length;
      return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    }
    case "quantile": {
      if (param < 0) return Number.NEGATIVE_INFINITY;
      if (param > 1) return Number.POSITIVE_INFINITY;
      const sorted = values.toSorted((a, b) => a - b);
      const rank = param * (sorted.length - 1);
      const low = sorted[Math.floor(rank)] ?? Number.NaN;
      const high = sorted[Math.ceil(rank)] ?? Number.NaN;
      return low + (high - low) * (rank - Math.floor(rank));
    }
    default:
      return op satisfies never;
  }
}

export function only(labels: Labels, names: readonly string[]): Labels {
  const kept: Record<string, string> = {};
  for (const name of names) {
    const value = labels[name];
    if (value !== undefined && value !== "") kept[name] = value;
  }
  return kept;
}

export function without(labels: Labels, names: readonly string[]): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => name !== "__name__" && !names.includes(name)));
}

export function labelsKey(labels: Labels): string {
  return Object.keys(labels)
    .toSorted()
    .map((name) => `${name}\0${labels[name]}`)
    .join("\0\0");
}
