/** Parts a query into tokens. */
import { MeshError } from "#lib/errors.ts";

export interface Token {
  readonly kind: "name" | "number" | "duration" | "string" | "symbol" | "end";
  /** Strings without their quotes. */
  readonly text: string;
  readonly at: number;
}

/** Longer queries are refused: Linkerd's and Flagger's have some hundred characters. */
const maxLength = 10_000;

const patterns: ReadonlyArray<readonly [Token["kind"] | "skip", RegExp]> = [
  ["skip", /(?:\s+|#[^\n]*)/y],
  ["duration", /(?:\d+(?:ms|[smhdwy]))+(?![\w.])/y],
  ["number", /0x[\da-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w)/y],
  ["name", /[A-Za-z_:][\w:.]*/y],
  ["string", /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/y],
  ["symbol", /=~|!~|!=|==|>=|<=|[-+*/%^<>=(){}[\],:@]/y],
];

export function tokens(query: string): Token[] {
  if (query.length > maxLength) {
    throw new MeshError(
      "invalid-argument",
      `The query has ${query.length} characters; at most ${maxLength} are allowed`,
    );
  }
  const found: Token[] = [];
  let at = 0;
  while (at < query.length) {
    let matched = false;
    for (const [kind, pattern] of patterns) {
      pattern.lastIndex = at;
      const text = pattern.exec(query)?.[0];
      if (text === undefined) continue;
      if (kind !== "skip") found.push({ kind, text: kind === "string" ? unquoted(text) : text, at });
      at += text.length;
      matched = true;
      break;
    }
    if (!matched) throw syntaxError(`unexpected character "${query[at]}"`, at);
  }
  found.push({ kind: "end", text: "", at });
  return found;
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

function unquoted(text: string): string {
  const inner = text.slice(1, -1);
  return text.startsWith("`") ? inner : inner.replaceAll(/\\(.)/g, (_all, c: string) => escapes[c] ?? c);
}

export function syntaxError(reason: string, at: number): MeshError {
  return new MeshError("invalid-argument", `Could not read the query at character ${at + 1}: ${reason}`);
}

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** ms of "1h30m". */
export function durationMs(text: string): number {
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g))
    total += Number(count) * (unitMs[unit ?? ""] ?? 0);
  return total;
}
