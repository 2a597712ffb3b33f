/** The limits that the proxy keeps to, and how far a run met them. */
import type { Measure, MemoryMeasure } from "./results.ts";

export interface Verdict {
  readonly what: string;
  readonly value: number;
  readonly limit: number;
  readonly unit: "×" | "MB" | "KB";
}

/** What was not measured gives no verdict. */
export function verdicts(
  cpu: readonly Measure[],
  memory: readonly MemoryMeasure[],
  contender = "linkerd",
  reference = "HAProxy",
): Verdict[] {
  const out: Verdict[] = [];
  const add = (what: string, value: number, limit: number, unit: Verdict["unit"]): void => {
    if (Number.isFinite(value)) out.push({ what, value, limit, unit });
  };
  const cost = (name: string, kind: Measure["kind"], connections: number): number =>
    cpu.find((m) => m.contender === name && m.kind === kind && m.path === "small" && m.connections === connections)
      ?.cpuPerRequest ?? Number.NaN;
  for (const connections of [16, 64]) {
    const of = (kind: "hop" | "pair"): number =>
      cost(contender, kind, connections) / cost(reference, kind, connections);
    add(`CPU per request, mTLS pair, ${connections} connections, to ${reference}'s`, of("pair"), 1.3, "×");
    add(`CPU per request, plaintext hop, ${connections} connections, to ${reference}'s`, of("hop"), 1.4, "×");
  }
  const worst = (part: string): number =>
    memory
      .filter((m) => m.contender === contender && m.what.startsWith(part))
      .reduce((most, { kib }) => (most > kib ? most : kib), Number.NaN);
  add(
    "private memory with 100 busy connections, median under load",
    (worst("100 busy connections, steady") * 1024) / 1e6,
    10,
    "MB",
  );
  add("private memory per idle mTLS connection pair", (worst("per idle") * 1024) / 1e3, 20, "KB");
  return out;
}

/** A line with √ or ×. */
export function verdictLine({ what, value, limit, unit }: Verdict): string {
  const number = `${value.toFixed(unit === "×" ? 2 : 1)}${unit === "×" ? "×" : ` ${unit}`}`;
  return `${value <= limit ? "√" : "×"} ${what}: ${number} (limit ${limit}${unit === "×" ? "×" : ` ${unit}`})`;
}
