/** Computes expressions at points in time. */
import { MeshError } from "#lib/errors.ts";
import { coarseStep } from "../metrics/store.ts";
import { aggregate } from "./aggregate.ts";
import { combine } from "./combine.ts";
import type { Expression, Selector } from "./expression.ts";
import { histogramQuantile } from "./histogram.ts";
import { rangeFunctions } from "./rates.ts";
import type { Labels, Samples, Storage } from "./storage.ts";

export interface Point {
  readonly labels: Labels;
  readonly value: number;
}

export type Value = number | readonly Point[];

/** How old an instant's newest sample may be, ms. As in Prometheus. */
const lookback = 300_000;
/** Time that one query may take, ms: other answers wait meanwhile. */
const budget = 5000;

export class Evaluation {
  private readonly storage: Storage;
  private readonly start: number;
  private readonly end: number;
  private readonly clock: () => number;
  private readonly deadline: number;
  private readonly loaded = new Map<Selector, Samples[]>();

  /** For points from `start` to `end`, ms since 1970. `clock`: monotonic ms. */
  constructor(storage: Storage, start: number, end: number, clock: () => number) {
    this.storage = storage;
    this.start = start;
    this.end = end;
    this.clock = clock;
    this.deadline = clock() + budget;
  }

  at(expression: Expression, time: number): Value {
    switch (expression.kind) {
      case "number":
        return expression.value;
      case "string":
        throw new MeshError("invalid-argument", "A text is no value; functions alone take some");
      case "selector":
        if (expression.range !== null) {
          throw new MeshError("invalid-argument", "A range of samples is no value; give it to a function such as rate");
        }
        return this.instant(expression, time);
      case "negate": {
        const value = this.at(expression.of, time);
        return typeof value === "number" ? -value : value.map((point) => renamed(point, -point.value));
      }
      case "aggregate": {
        const { param } = expression;
        return aggregate(expression, this.vector(expression.of, time), param === null ? 0 : this.scalar(param, time));
      }
      case "binary":
        return combine(expression, this.at(expression.left, time), this.at(expression.right, time));
      case "call":
        return this.call(expression.name, expression.args, time);
      default:
        return expression satisfies never;
    }
  }

  private call(name: string, args: readonly Expression[], time: number): Value {
    const range = Object.hasOwn(rangeFunctions, name) ? rangeFunctions[name] : undefined;
    if (range !== undefined) {
      const [selector] = needs(name, args, 1);
      if (selector?.kind !== "selector" || selector.range === null) {
        throw new MeshError(
          "invalid-argument",
          `Function ${name} needs a range of samples, such as ${name}(metric[1m])`,
        );
      }
      const points = this.ranged(selector, selector.range, time, range);
      // The last sample is still one of that metric.
      return name === "last_over_time" ? points : points.map((point) => renamed(point, point.value));
    }
    const map = Object.hasOwn(mathFunctions, name) ? mathFunctions[name] : undefined;
    if (map !== undefined) {
      const [of, ...rest] = args;
      if (of === undefined) throw new MeshError("invalid-argument", `Function ${name} needs an argument`);
      const params = rest.map((arg) => this.scalar(arg, time));
      return this.vector(of, time).map((point) => renamed(point, map(point.value, ...params)));
    }
    switch (name) {
      case "histogram_quantile": {
        const [share, buckets] = needs(name, args, 2);
        return histogramQuantile(this.scalar(share!, time), this.vector(buckets!, time));
      }
      case "vector":
        return [{ labels: {}, value: this.scalar(needs(name, args, 1)[0]!, time) }];
      case "scalar": {
        const points = this.vector(needs(name, args, 1)[0]!, time);
        return points.length === 1 ? points[0]!.value : Number.NaN;
      }
      case "time":
        needs(name, args, 0);
        return time / 1000;
      case "absent":
        return this.vector(needs(name, args, 1)[0]!, time).length > 0 ? [] : [{ labels: {}, value: 1 }];
      case "sort":
        return this.vector(needs(name, args, 1)[0]!, time).toSorted((a, b) => a.value - b.value);
      case "sort_desc":
        return this.vector(needs(name, args, 1)[0]!, time).toSorted((a, b) => b.value - a.value);
      case "label_replace":
        return this.labelReplace(args, time);
      default:
        throw new MeshError("invalid-argument", `Function "${name}" is not supported`);
    }
  }

  private labelReplace(args: readonly Expression[], time: number): Value {
    const [of, ...texts] = needs("label_replace", args, 5);
    const [target = "", replacement = "", source = "", pattern = ""] = texts.map((text) => {
      if (text.kind !== "string") throw new MeshError("invalid-argument", "label_replace needs four texts");
      return text.value;
    });
    // What is quoted by others' boards: names of labels and "(.*)". Anything richer could take exponential time.
    if (!/^[\w.:/ ()*+-]*$/.test(pattern) || /\([^()]*[+*][^()]*\)\s*[+*]/.test(pattern)) {
      throw new MeshError("invalid-argument", `The regular expression "${pattern}" of label_replace is not supported`);
    }
    let matcher: RegExp;
    try {
      matcher = new RegExp(`^(?:${pattern})$`, "su");
    } catch (error) {
      throw new MeshError("invalid-argument", `"${pattern}" is no regular expression`, { cause: error });
    }
    return this.vector(of!, time).map((point) => {
      const match = matcher.exec(point.labels[source] ?? "");
      if (match === null) return point;
      const value = replacement.replaceAll(
        /\$(?:\{(\d+)\}|(\d+))/g,
        (_all, a?: string, b?: string) => match[Number(a ?? b)] ?? "",
      );
      const { [target]: _old, ...labels } = point.labels;
      return { labels: value === "" ? labels : { ...labels, [target]: value }, value: point.value };
    });
  }

  private scalar(expression: Expression, time: number): number {
    const value = this.at(expression, time);
    if (typeof value === "number") return value;
    throw new MeshError("invalid-argument", "A single number is needed where the query has series");
  }

  private vector(expression: Expression, time: number): readonly Point[] {
    const value = this.at(expression, time);
    if (typeof value !== "number") return value;
    throw new MeshError("invalid-argument", "Series are needed where the query has a single number");
  }

  private load(selector: Selector): Samples[] {
    let found = this.loaded.get(selector);
    if (found === undefined) {
      const back = (selector.range ?? lookback) + selector.offset;
      found = this.storage.select(selector, this.start - back, this.end - selector.offset);
      this.loaded.set(selector, found);
    }
    if (this.clock() > this.deadline) {
      throw new MeshError("timeout", `The query takes more than ${budget / 1000} s; ask for fewer series or points`);
    }
    return found;
  }

  private instant(selector: Selector, time: number): Point[] {
    const at = time - selector.offset;
    const points: Point[] = [];
    for (const { labels, times, values, staleAt } of this.load(selector)) {
      const last = lastUpTo(times, at);
      if (last < 0 || times[last]! < at - lookback || at >= staleAt) continue;
      points.push({ labels, value: values[last]! });
    }
    return points;
  }

  private ranged(selector: Selector, length: number, time: number, of: (typeof rangeFunctions)[string]): Point[] {
    const to = time - selector.offset;
    const points: Point[] = [];
    for (const { labels, times, values, fineFrom } of this.load(selector)) {
      // Where samples are five minutes apart, a shorter range would find none or one.
      const from = to - (to - length < fineFrom ? Math.max(length, 2 * coarseStep) : length);
      const last = lastUpTo(times, to);
      if (last < 0 || times[last]! < from) continue;
      const first = lastUpTo(times, from - 1) + 1;
      const value = of({ times, values, first, last, from, to });
      if (value !== null) points.push({ labels, value });
    }
    return points;
  }
}

const mathFunctions: Readonly<Record<string, (value: number, ...params: number[]) => number>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  floor: Math.floor,
  exp: Math.exp,
  ln: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  sqrt: Math.sqrt,
  round: (value, to = 1) => Math.round(value / to) * to,
  clamp: (value, min = 0, max = 0) => Math.min(Math.max(value, min), max),
  clamp_min: (value, min = 0) => Math.max(value, min),
  clamp_max: (value, max = 0) => Math.min(value, max),
};

function needs(name: string, args: readonly Expression[], count: number): readonly Expression[] {
  if (args.length === count) return args;
  throw new MeshError("invalid-argument", `Function ${name} takes ${count} arguments, not ${args.length}`);
}

/** What is computed is no longer the metric of that name. */
function renamed({ labels }: Point, value: number): Point {
  const { __name__: _name, ...rest } = labels;
  return { labels: rest, value };
}

/** Index of the last time up to `time`, -1 if none. */
function lastUpTo(times: Float64Array, time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
