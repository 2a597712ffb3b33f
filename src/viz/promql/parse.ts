/** Reads PromQL, as far as boards and canaries for Linkerd use it; the rest is refused by name. */
import { MeshError } from "#lib/errors.ts";
import type { AggregateOp, BinaryOp, Expression, LabelMatcher, Matching } from "./expression.ts";
import { durationMs, syntaxError, tokens, type Token } from "./tokens.ts";

const aggregates: ReadonlySet<string> = new Set<AggregateOp>([
  "sum",
  "avg",
  "min",
  "max",
  "count",
  "topk",
  "bottomk",
  "group",
  "stddev",
  "quantile",
]);
const withParam: ReadonlySet<string> = new Set(["topk", "bottomk", "quantile"]);

/** Binding powers; higher binds tighter. */
const powers: Readonly<Record<BinaryOp, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  "==": 3,
  "!=": 3,
  ">": 3,
  "<": 3,
  ">=": 3,
  "<=": 3,
  "+": 4,
  "-": 4,
  "*": 5,
  "/": 5,
  "%": 5,
  "^": 7,
};
const isOperator = (text: string): text is BinaryOp => Object.hasOwn(powers, text);
/** Between those of * and ^. */
const unaryPower = 6;
/** Expressions within each other. */
const maxDepth = 64;

const noMatching: Matching = { on: false, labels: [], many: "none", include: [] };

export function parsePromql(query: string): Expression {
  return new Parser(tokens(query)).whole();
}

class Parser {
  private readonly tokens: readonly Token[];
  private position = 0;
  private depth = 0;

  constructor(all: readonly Token[]) {
    this.tokens = all;
  }

  whole(): Expression {
    const expression = this.expression(0);
    const rest = this.peek();
    if (rest.kind !== "end") throw syntaxError(`unexpected "${rest.text}"`, rest.at);
    return expression;
  }

  private peek(): Token {
    return this.tokens[this.position]!;
  }

  private next(): Token {
    const token = this.peek();
    if (token.kind !== "end") this.position++;
    return token;
  }

  private takes(text: string): boolean {
    const token = this.peek();
    if (token.kind === "string" || token.text !== text || token.kind === "end") return false;
    this.position++;
    return true;
  }

  private expect(text: string): void {
    const token = this.peek();
    if (!this.takes(text)) {
      throw syntaxError(`expected "${text}"${token.kind === "end" ? "" : `, not "${token.text}"`}`, token.at);
    }
  }

  private expression(power: number): Expression {
    if (++this.depth > maxDepth)
      throw syntaxError(`more than ${maxDepth} expressions within each other`, this.peek().at);
    let left = this.operand();
    for (;;) {
      const token = this.peek();
      if (token.kind === "string" || !isOperator(token.text)) break;
      const op = token.text;
      const own = powers[op];
      if (own <= power) break;
      this.next();
      const bool = this.takes("bool");
      const matching = this.matching();
      // "^" alone groups to the right.
      const right = this.expression(op === "^" ? own - 1 : own);
      left = { kind: "binary", op, bool, matching, left, right };
    }
    this.depth--;
    return left;
  }

  private matching(): Matching {
    const on = this.takes("on");
    if (!on && !this.takes("ignoring")) return noMatching;
    const labels = this.labels();
    for (const [word, many] of [
      ["group_left", "left"],
      ["group_right", "right"],
    ] as const) {
      if (this.takes(word)) return { on, labels, many, include: this.peek().text === "(" ? this.labels() : [] };
    }
    return { on, labels, many: "none", include: [] };
  }

  private labels(): string[] {
    const found: string[] = [];
    this.expect("(");
    while (!this.takes(")")) {
      const token = this.next();
      if (token.kind !== "name") throw syntaxError(`expected a label, not "${token.text}"`, token.at);
      found.push(token.text);
      if (this.peek().text !== ")") this.expect(",");
    }
    return found;
  }

  private operand(): Expression {
    const token = this.next();
    switch (token.kind) {
      case "number":
        return this.suffix({ kind: "number", value: Number(token.text) });
      case "string":
        return { kind: "string", value: token.text };
      case "symbol":
        if (token.text === "(") {
          const inner = this.expression(0);
          this.expect(")");
          return this.suffix(inner);
        }
        if (token.text === "-") return { kind: "negate", of: this.expression(unaryPower) };
        if (token.text === "+") return this.expression(unaryPower);
        if (token.text === "{") {
          this.position--;
          return this.suffix(this.selector(null));
        }
        throw syntaxError(`unexpected "${token.text}"`, token.at);
      case "name":
        return this.named(token);
      case "duration":
        throw syntaxError(`unexpected duration "${token.text}"`, token.at);
      case "end":
        throw syntaxError("the query ends here", token.at);
      default:
        return token.kind satisfies never;
    }
  }

  private named(token: Token): Expression {
    const name = token.text;
    const following = this.peek().text;
    if (aggregates.has(name) && ["(", "by", "without"].includes(following)) return this.aggregate(name as AggregateOp);
    if (following === "(") {
      this.next();
      const args: Expression[] = [];
      while (!this.takes(")")) {
        args.push(this.expression(0));
        if (this.peek().text !== ")") this.expect(",");
      }
      return this.suffix({ kind: "call", name, args });
    }
    if (/^inf$/i.test(name)) return { kind: "number", value: Number.POSITIVE_INFINITY };
    if (/^nan$/i.test(name)) return { kind: "number", value: Number.NaN };
    return this.suffix(this.selector(name));
  }

  private aggregate(op: AggregateOp): Expression {
    let grouping = this.grouping();
    this.expect("(");
    const first = this.expression(0);
    let param: Expression | null = null;
    let of = first;
    if (withParam.has(op)) {
      this.expect(",");
      param = first;
      of = this.expression(0);
    }
    this.expect(")");
    grouping ??= this.grouping();
    return { kind: "aggregate", op, ...(grouping ?? { by: true, labels: [] }), param, of };
  }

  private grouping(): { readonly by: boolean; readonly labels: readonly string[] } | null {
    if (this.takes("by")) return { by: true, labels: this.labels() };
    return this.takes("without") ? { by: false, labels: this.labels() } : null;
  }

  private selector(metric: string | null): Expression {
    const matchers: LabelMatcher[] = [];
    if (this.takes("{")) {
      while (!this.takes("}")) {
        matchers.push(this.matcher());
        if (this.peek().text !== "}") this.expect(",");
      }
    }
    if (metric === null && !matchers.some(({ op, value }) => value !== "" && (op === "=" || op === "=~"))) {
      throw new MeshError(
        "invalid-argument",
        "A selector needs a metric or a matcher that does not match the empty text",
      );
    }
    return { kind: "selector", metric, matchers, range: null, offset: 0 };
  }

  private matcher(): LabelMatcher {
    const label = this.next();
    if (label.kind !== "name") throw syntaxError(`expected a label, not "${label.text}"`, label.at);
    const operator = this.next();
    const op = operator.text as LabelMatcher["op"];
    if (!["=", "!=", "=~", "!~"].includes(op)) throw syntaxError(`expected =, !=, =~ or !~`, operator.at);
    const value = this.next();
    if (value.kind !== "string") throw syntaxError("expected a quoted text", value.at);
    const isPattern = op === "=~" || op === "!~";
    return { name: label.text, op, value: value.text, pattern: isPattern ? pattern(value) : null };
  }

  /** A range, an offset. */
  private suffix(of: Expression): Expression {
    let result = of;
    for (;;) {
      const token = this.peek();
      if (token.kind === "string") return result;
      if (token.text === "[") {
        this.next();
        const length = this.duration();
        if (this.peek().text.startsWith(":")) throw syntaxError("subqueries are not supported", this.peek().at);
        this.expect("]");
        if (result.kind !== "selector" || result.range !== null) {
          throw syntaxError("a range needs a selector before it", token.at);
        }
        result = { ...result, range: length };
      } else if (token.text === "offset") {
        this.next();
        const sign = this.takes("-") ? -1 : 1;
        if (result.kind !== "selector") throw syntaxError("an offset needs a selector before it", token.at);
        result = { ...result, offset: sign * this.duration() };
      } else if (token.text === "@") {
        throw syntaxError("the @ modifier is not supported", token.at);
      } else {
        return result;
      }
    }
  }

  private duration(): number {
    const token = this.next();
    if (token.kind !== "duration") throw syntaxError(`expected a duration, not "${token.text}"`, token.at);
    return durationMs(token.text);
  }
}

/** Prometheus' patterns (RE2) match whole values. Of JavaScript's, those that can take exponential time are refused. */
function pattern({ text, at }: Token): RegExp {
  if (/\(\?(?!:|i\))|\\[1-9k]/.test(text)) throw syntaxError("this kind of regular expression is not supported", at);
  // A repeated group that holds a repetition itself.
  if (/\([^()]*[+*{][^()]*\)\s*[+*{]/.test(text)) throw syntaxError("repetitions of repetitions are not supported", at);
  try {
    const insensitive = text.startsWith("(?i)");
    return new RegExp(`^(?:${insensitive ? text.slice(4) : text})$`, insensitive ? "isu" : "su");
  } catch {
    throw syntaxError(`"${text}" is no regular expression`, at);
  }
}
