/** Binary operators. https://prometheus.io/docs/prometheus/latest/querying/operators/ */
import { MeshError } from "#lib/errors.ts";
import { labelsKey, only, without } from "./aggregate.ts";
import type { BinaryOp, Expression } from "./expression.ts";
import type { Point, Value } from "./evaluate.ts";
import type { Labels } from "./storage.ts";

type Binary = Extract<Expression, { kind: "binary" }>;

const compares: ReadonlySet<BinaryOp> = new Set<BinaryOp>(["==", "!=", ">", "<", ">=", "<="]);

export function combine(binary: Binary, left: Value, right: Value): Value {
  const { op, bool } = binary;
  if (op === "and" || op === "or" || op === "unless") return sets(binary, op, left, right);
  if (typeof left === "number" && typeof right === "number") {
    if (compares.has(op) && !bool) {
      throw new MeshError("invalid-argument", `Comparing two numbers needs "${op} bool"`);
    }
    return apply(op, left, right);
  }
  if (typeof right === "number") {
    return keep(
      (left as readonly Point[]).map((point) => [point, apply(op, point.value, right), point.value]),
      binary,
    );
  }
  if (typeof left === "number") {
    return keep(
      right.map((point) => [point, apply(op, left, point.value), point.value]),
      binary,
    );
  }
  return matched(binary, op, left, right);
}

/** Results of comparisons leave points out or, with `bool`, are 0 or 1. */
function keep(results: ReadonlyArray<readonly [Point, result: number, own: number]>, { op, bool }: Binary): Point[] {
  if (!compares.has(op)) return results.map(([{ labels }, value]) => ({ labels: without(labels, []), value }));
  if (bool) return results.map(([{ labels }, value]) => ({ labels: without(labels, []), value }));
  return results.filter(([, value]) => value === 1).map(([{ labels }, , value]) => ({ labels, value }));
}

type ValueOp = Exclude<BinaryOp, "and" | "or" | "unless">;

function matched(binary: Binary, op: ValueOp, left: readonly Point[], right: readonly Point[]): Point[] {
  const { bool, matching } = binary;
  const keyOf = matchKey(binary);
  const manyLeft = matching.many !== "right";
  const [many, one] = manyLeft ? [left, right] : [right, left];
  const ones = new Map<string, Point>();
  for (const point of one) {
    const key = keyOf(point.labels);
    if (ones.has(key)) {
      throw new MeshError(
        "invalid-argument",
        `Several series on one side of "${op}" match the same series of the other`,
      );
    }
    ones.set(key, point);
  }
  const used = new Set<string>();
  const found: Point[] = [];
  for (const point of many) {
    const key = keyOf(point.labels);
    const other = ones.get(key);
    if (other === undefined) continue;
    if (matching.many === "none") {
      if (used.has(key)) {
        throw new MeshError(
          "invalid-argument",
          `Several series match the same one of "${op}"; use group_left or group_right`,
        );
      }
      used.add(key);
    }
    const [a, b] = manyLeft ? [point.value, other.value] : [other.value, point.value];
    const result = apply(op, a, b);
    if (compares.has(op) && !bool && result !== 1) continue;
    const value = compares.has(op) && !bool ? a : result;
    found.push({ labels: resultLabels(binary, point.labels, other.labels), value });
  }
  return found;
}

function resultLabels({ op, bool, matching }: Binary, many: Labels, one: Labels): Labels {
  if (matching.many !== "none") return { ...without(many, matching.include), ...only(one, matching.include) };
  if (compares.has(op) && !bool) return many;
  return matching.on ? only(many, matching.labels) : without(many, matching.labels);
}

function sets(binary: Binary, op: "and" | "or" | "unless", left: Value, right: Value): Point[] {
  if (typeof left === "number" || typeof right === "number") {
    throw new MeshError("invalid-argument", `Both sides of "${op}" must be series; use vector() for numbers`);
  }
  const keyOf = matchKey(binary);
  const keys = new Set((op === "or" ? left : right).map(({ labels }) => keyOf(labels)));
  if (op === "or") return [...left, ...right.filter(({ labels }) => !keys.has(keyOf(labels)))];
  return left.filter(({ labels }) => keys.has(keyOf(labels)) === (op === "and"));
}

function matchKey({ matching }: Binary): (labels: Labels) => string {
  return (labels) => labelsKey(matching.on ? only(labels, matching.labels) : without(labels, matching.labels));
}

function apply(op: ValueOp, a: number, b: number): number {
  switch (op) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "%":
      return a % b;
    case "^":
      return a ** b;
    case "==":
      return Number(a === b);
    case "!=":
      return Number(a !== b);
    case ">":
      return Number(a > b);
    case "<":
      return Number(a < b);
    case ">=":
      return Number(a >= b);
    case "<=":
      return Number(a <= b);
    default:
      return op satisfies never;
  }
}
