/** The limits that the proxy keeps to, and how far a run met them. */
import { caseNames } from "./measure-loads.ts";
import type { LatencyMeasure, LoadMeasure, Measure, MemoryMeasure } from "./results.ts";

export interface Verdict {
  readonly what: string;
  readonly value: number;
  readonly limit: number;
  readonly unit: "×" | "MB" | "KB" | "ms";
}

/** What was not measured gives no verdict. */
export function verdicts(
  cpu: readonly Measure[],
  memory: readonly MemoryMeasure[],
  loads: readonly LoadMeasure[] = [],
  latency: readonly LatencyMeasure[] = [],
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
    add(`CPU per request, mTLS pair, ${connections} connections, to ${reference}'s`, of("pair"), 1.1, "×");
    add(`CPU per request, plaintext hop, ${connections} connections, to ${reference}'s`, of("hop"), 1.4, "×");
  }
  const load = (who: string, name: string): number =>
    loads.find((m) => m.contender === who && m.name === name)?.cpu ?? Number.NaN;
  const versus = (name: string, limit: number, theirs = name): void => {
    const what = theirs === name ? `${reference}'s` : `${reference}'s of ${theirs}`;
    add(`CPU, ${name}, to ${what}`, load(contender, name) / load(reference, theirs), limit, "×");
  };
  versus(caseNames.grpc, 0.9);
  versus(caseNames.http2, 0.8);
  versus(caseNames.http2Single, 0.8);
  versus(caseNames.http1Single, 0.8, caseNames.http2Single);
  // Half as many bytes again per CPU second.
  for (const name of [caseNames.bodies1, caseNames.bodies2, caseNames.tcp]) versus(name, 1 / 1.5);
  const p99 = (who: string, kind: LatencyMeasure["kind"]): number =>
    latency.find((m) => m.contender === who && m.kind === kind)?.p99 ?? Number.NaN;
  add("p99 that the pair adds at 1,000 requests a second", p99(contender, "pair") - p99("direct", "direct"), 1, "ms");
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
  add("private memory with 100 HTTP/2 connections × 100", (worst("100 HTTP/2") * 1024) / 1e6, 20, "MB");
  add("private memory some time after that", (worst("after 100 HTTP/2") * 1024) / 1e6, 12, "MB");
  add("private memory per idle mTLS connection pair", (worst("per idle") * 1024) / 1e3, 20, "KB");
  return out;
}

/** A line with √ or ×. */
export function verdictLine({ what, value, limit, unit }: Verdict): string {
  const digits = unit === "×" || unit === "ms" ? 2 : 1;
  const behind = unit === "×" ? "×" : ` ${unit}`;
  const most = Number(limit.toFixed(2));
  return `${value <= limit ? "√" : "×"} ${what}: ${value.toFixed(digits)}${behind} (limit ${most}${behind})`;
}
