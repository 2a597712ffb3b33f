import type * as Re2 from "re2js";
import { MeshError } from "#lib/errors.ts";
import type { Findings } from "./findings.ts";

/** Longest regular expression in characters; each costs memory in every proxy that it concerns. */
const longest = 1024;

/** Patterns that were found good; the same ones come with every update of their object. */
export class KnownPatterns {
  private readonly good = new Set<string>();

  has(pattern: string): boolean {
    return this.good.has(pattern);
  }

  add(pattern: string): void {
    if (this.good.size >= 2000) this.good.clear();
    this.good.add(pattern);
  }
}

/**
 * What is wrong with a regular expression, or null. Only RE2's syntax is taken (https://github.com/google/re2/wiki/Syntax):
 * it can be matched in linear time. The parser is loaded on first use: most clusters have no expressions at all.
 */
export function patternProblem(pattern: string, known: KnownPatterns): string | null {
  if (known.has(pattern)) return null;
  if (pattern.length > longest) return `the regular expression is longer than ${longest} characters`;
  const { RE2JS, RE2JSSyntaxException } = require("re2js") as typeof Re2;
  try {
    RE2JS.compile(pattern);
    known.add(pattern);
    return null;
  } catch (thrown) {
    if (!(thrown instanceof RE2JSSyntaxException)) {
      throw new MeshError("internal", `Reading the regular expression "${pattern}" failed`, { cause: thrown });
    }
    const why = thrown.message.replace(/^error parsing regexp: /, "").replaceAll("`", '"');
    return `"${pattern}" is not a regular expression of RE2 syntax: ${why}`;
  }
}

/** Judges the expressions that rules came upon. */
export function checkPatterns(findings: Findings, known = new KnownPatterns()): void {
  for (const { path, pattern } of findings.patterns) {
    const wrong = patternProblem(pattern, known);
    if (wrong !== null) findings.problem(path, wrong);
  }
}
