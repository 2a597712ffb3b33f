/** The report that `bun test --reporter=junit` writes: counts, and what each failed test said. */
import { readFileSync } from "node:fs";

/** What one suite came to. `failed` is at least 1 when its command failed. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface Report {
  readonly counts: Counts;
  /** "file:line: group > test: message" of each failed test, the message up to 1,500 characters; at most 20. */
  readonly failures: readonly string[];
}

const messageLimit = 1500;
const failureLimit = 20;
const nothing: Report = { counts: { passed: 0, failed: 0, skipped: 0 }, failures: [] };

/** Zeros when the runner died before it wrote one. */
export function readReport(path: string): Report {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return nothing;
  }
  const head = /<testsuites\b[^>]*>/.exec(text)?.[0] ?? "";
  const count = (name: string): number => Number(attribute(head, name) ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = count("skipped");
  const counts = { passed: Math.max(0, count("tests") - failed - skipped), failed, skipped };
  return { counts, failures: failuresOf(text) };
}

function failuresOf(text: string): readonly string[] {
  const found: string[] = [];
  for (const [, test = "", failure = ""] of text.matchAll(/<testcase\b([^>]*[^/])>\s*<(?:failure|error)\b([^>]*)>/g)) {
    if (found.length === failureLimit) break;
    const group = attribute(test, "classname");
    const name = [group, attribute(test, "name")].filter((word) => word !== undefined && word !== "").join(" > ");
    const message = (attribute(failure, "message") ?? "").trim().slice(0, messageLimit);
    found.push(`${attribute(test, "file")}:${attribute(test, "line") ?? "?"}: ${name}: ${message}`);
  }
  return found;
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1];
  return value?.replace(/&(?:#(\d+)|(amp|lt|gt|quot|apos));/g, (_, code: string | undefined, entity: string) =>
    code === undefined ? (entities[entity] ?? "") : String.fromCodePoint(Number(code)),
  );
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
