/** The three forms in which check results are printed. */
import type { CategoryResult, CheckResult } from "./check.ts";
import { succeeded } from "./run.ts";

const glyphs = { success: "√", warning: "‼", error: "×" } as const;
const colours = { success: 32, warning: 33, error: 31 } as const;

function glyph(outcome: CheckResult["outcome"], colour: boolean): string {
  return colour ? `\u001b[${colours[outcome]}m${glyphs[outcome]}\u001b[0m` : glyphs[outcome];
}

export function categoryHeading(id: string): string {
  return `${id}\n${"-".repeat(id.length)}\n`;
}

export function checkLine(result: CheckResult, colour: boolean): string {
  let text = `${glyph(result.outcome, colour)} ${result.description}\n`;
  if (result.error !== undefined) text += `    ${result.error.replaceAll("\n", "\n    ")}\n`;
  if (result.hint !== undefined) text += `    see ${result.hint} for hints\n`;
  return text;
}

export function verdict(results: readonly CategoryResult[], colour: boolean): string {
  return `Status check results are ${glyph(succeeded(results) ? "success" : "error", colour)}\n`;
}

/** Only what did not succeed, with its category; just the verdict when all is well. */
export function shortForm(results: readonly CategoryResult[], colour: boolean): string {
  let text = "";
  for (const { category, checks } of results) {
    const bad = checks.filter((check) => check.outcome !== "success");
    if (bad.length > 0)
      text += `${categoryHeading(category)}${bad.map((check) => checkLine(check, colour)).join("")}\n`;
  }
  return `${text}${verdict(results, colour)}`;
}

export function jsonForm(results: readonly CategoryResult[]): string {
  const document = {
    success: succeeded(results),
    categories: results.map(({ category, checks }) => ({
      categoryName: category,
      checks: checks.map(({ description, hint, error, outcome }) => ({
        description,
        ...(hint === undefined ? {} : { hint }),
        ...(error === undefined ? {} : { error }),
        result: outcome,
      })),
    })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
