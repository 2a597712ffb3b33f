/** The answer to "what becomes of this request": its steps, and how they are printed. Pure. */

/** Something that was looked at and does not count. */
export interface Other {
  readonly name: string;
  readonly why: string;
}

export interface Step {
  /** "client", "service", "route", "backend", "endpoint", "server", "authorization", … */
  readonly step: string;
  readonly result: string;
  readonly others: readonly Other[];
}

export interface Explanation {
  readonly from: string;
  readonly to: string;
  readonly request: string;
  readonly steps: readonly Step[];
  /** "mixed": some endpoints let it in. */
  readonly verdict: "allowed" | "denied" | "mixed" | "failed";
  readonly because: string;
  readonly notes: readonly string[];
}

/** Exit codes: 0 it gets through, 2 it does not, or not always; 1 is for what could not be explained. */
export function exitCodeOf({ verdict }: Explanation): number {
  return verdict === "allowed" ? 0 : 2;
}

const green = "\u001b[32m";
const red = "\u001b[31m";
const dim = "\u001b[2m";
const plain = "\u001b[0m";

export function explanationText({ from, to, request, steps, verdict, because, notes }: Explanation, colour: boolean) {
  const paint = (code: string, text: string): string => (colour ? `${code}${text}${plain}` : text);
  const width = Math.max(...steps.map(({ step }) => step.length), "verdict".length) + 3;
  const lines = [`${from} → ${to}`, request, ""];
  for (const { step, result, others } of steps) {
    lines.push(`${step.padEnd(width)}${result}`);
    for (const other of others) lines.push(paint(dim, `${" ".repeat(width)}- not ${other.name}: ${other.why}`));
  }
  const mark = verdict === "allowed" ? green : red;
  lines.push(`${"verdict".padEnd(width)}${paint(mark, verdict)}${because === "" ? "" : `: ${because}`}`);
  if (notes.length > 0) lines.push("", ...notes.map((note) => `Note: ${note}`));
  return `${lines.join("\n")}\n`;
}
