/** Expressions of the part of PromQL that is understood. https://prometheus.io/docs/prometheus/latest/querying/basics/ */

export interface LabelMatcher {
  readonly name: string;
  readonly op: "=" | "!=" | "=~" | "!~";
  readonly value: string;
  /** For =~ and !~: matches whole values. */
  readonly pattern: RegExp | null;
}

export interface Selector {
  readonly kind: "selector";
  /** Of the metric; null when only matchers name it. */
  readonly metric: string | null;
  readonly matchers: readonly LabelMatcher[];
  /** ms; null for an instant. */
  readonly range: number | null;
  /** ms */
  readonly offset: number;
}

export type AggregateOp =
  | "sum"
  | "avg"
  | "min"
  | "max"
  | "count"
  | "topk"
  | "bottomk"
  | "group"
  | "stddev"
  | "quantile";
export type BinaryOp =
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "^"
  | "=="
  | "!="
  | ">"
  | "<"
  | ">="
  | "<="
  | "and"
  | "or"
  | "unless";

export interface Matching {
  /** Labels that must agree, or all but these. */
  readonly on: boolean;
  readonly labels: readonly string[];
  /** Which side may have several for one of the other. */
  readonly many: "none" | "left" | "right";
  /** Labels taken over from the side that has one. */
  readonly include: readonly string[];
}

export type Expression =
  | Selector
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "negate"; readonly of: Expression }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[] }
  | {
      readonly kind: "aggregate";
      readonly op: AggregateOp;
      readonly by: boolean;
      readonly labels: readonly string[];
      readonly param: Expression | null;
      readonly of: Expression;
    }
  | {
      readonly kind: "binary";
      readonly op: BinaryOp;
      /** Comparisons only: 0 or 1 instead of leaving out. */
      readonly bool: boolean;
      readonly matching: Matching;
      readonly left: Expression;
      readonly right: Expression;
    };
