/**
 * CPU per unit of work of loads that have a set-up of their own: HTTP/2, gRPC, large bodies and raw TCP through pairs with mutual
 * TLS, in alternated rounds; and what each feature of our proxy adds.
 */
import { paths } from "./app.ts";
import { bytes, grpcCalls, h2load, wrk, type Moved } from "./load.ts";
import { cpuOf, type Plan, type Running, type Say } from "./measure.ts";
import type { Kind } from "./ports.ts";
import { combineLoads, ratio, type LoadMeasure } from "./results.ts";
import { redirect } from "./world.ts";

export interface LoadCase {
  readonly name: string;
  readonly part: "http2" | "bulk";
  readonly kind: Kind;
  readonly unit: "request" | "MiB";
  /** In quick runs as well. */
  readonly quick: boolean;
  run(seconds: number): Promise<Moved>;
}

const wrkMoved = async (path: string, connections: number, seconds: number): Promise<Moved> => {
  const { requests, failed } = await wrk(path, connections, seconds);
  return { units: requests, failed };
};

/** Names that verdicts look for. */
export const caseNames = {
  grpc: "gRPC unary, varying headers, 4 connections × 32",
  http2: "HTTP/2 GET of 32 B, 4 connections × 32",
  http2Single: "HTTP/2 GET of 32 B, one at a time",
  http1Single: "HTTP/1 GET of 32 B, one at a time",
  bodies1: "HTTP/1 GET of 1 MiB, 16 connections",
  bodies2: "HTTP/2 GET of 1 MiB, 4 connections × 4",
  tcp: "raw TCP, 4 connections, both ways",
} as const;

/** @param program bench/macro/go/load, built */
export function loadCases(program: string): readonly LoadCase[] {
  const http2 = { part: "http2", unit: "request" } as const;
  const bulk = { part: "bulk", unit: "MiB" } as const;
  return [
    { ...http2, name: caseNames.grpc, kind: "grpc", quick: true, run: (seconds) => grpcCalls(program, 4, 32, seconds) },
    { ...http2, name: caseNames.http2, kind: "h2", quick: true, run: (seconds) => h2load(paths.small, 4, 32, seconds) },
    {
      ...http2,
      name: "HTTP/2 GET of 32 B, 16 connections × 1",
      kind: "h2",
      quick: false,
      run: (seconds) => h2load(paths.small, 16, 1, seconds),
    },
    {
      ...http2,
      name: caseNames.http2Single,
      kind: "h2",
      quick: false,
      run: (seconds) => h2load(paths.small, 1, 1, seconds),
    },
    {
      ...http2,
      name: caseNames.http1Single,
      kind: "pair",
      quick: false,
      run: (seconds) => wrkMoved(paths.small, 1, seconds),
    },
    {
      ...bulk,
      name: caseNames.bodies1,
      kind: "pair",
      quick: false,
      run: (seconds) => wrkMoved(paths.mebibyte, 16, seconds),
    },
    {
      ...bulk,
      name: caseNames.bodies2,
      kind: "h2",
      quick: false,
      run: (seconds) => h2load(paths.mebibyte, 4, 4, seconds),
    },
    { ...bulk, name: caseNames.tcp, kind: "tcp", quick: true, run: (seconds) => bytes(program, 4, seconds) },
  ];
}

/** The contenders take turns in each case, as in measureCpu(). */
export async function measureLoads(
  all: readonly Running[],
  cases: readonly LoadCase[],
  plan: Plan,
  say: Say,
): Promise<LoadMeasure[]> {
  const rounds: LoadMeasure[] = [];
  for (const { name, kind, unit, run } of cases) {
    const contenders = all.filter((running) => running.kind === kind);
    for (const { ports } of contenders) {
      await redirect(ports.outbound);
      await run(plan.warmUp);
    }
    for (let round = 0; round < plan.rounds; round++) {
      for (const { contender, hop, ports } of contenders) {
        await redirect(ports.outbound);
        await run(1);
        const before = cpuOf(hop);
        const { units, failed } = await run(plan.seconds);
        rounds.push({ contender, name, unit, cpu: (cpuOf(hop) - before) / units, failed });
      }
    }
    const same = combineLoads(rounds).filter((measure) => measure.name === name);
    const base = same.find(({ contender }) => contender === "HAProxy")?.cpu ?? 0;
    const cells = same.map(
      ({ contender, cpu, failed }) =>
        `${contender} ${(cpu * 1e6).toFixed(1)} µs ${ratio(cpu, base)}${failed > 0 ? ` (${failed} failed)` : ""}`,
    );
    say(`CPU per ${unit}, ${name}: ${cells.join(", ")}`);
  }
  return combineLoads(rounds);
}

/** The same loads on our proxy with more and more to do; each contender is one state of it. */
export async function measureFeatures(all: readonly Running[], plan: Plan, say: Say): Promise<LoadMeasure[]> {
  const loads = [
    { name: "HTTP/1, 16 connections", run: (seconds: number) => wrkMoved(paths.small, 16, seconds) },
    { name: "HTTP/2, 4 connections × 32", run: (seconds: number) => h2load(paths.small, 4, 32, seconds) },
  ];
  const rounds: LoadMeasure[] = [];
  for (const { name, run } of loads) {
    for (const { ports } of all) {
      await redirect(ports.outbound);
      await run(plan.warmUp);
    }
    for (let round = 0; round < plan.rounds; round++) {
      for (const { contender, hop, ports } of all) {
        await redirect(ports.outbound);
        await run(1);
        const before = cpuOf(hop);
        const { units, failed } = await run(plan.seconds);
        rounds.push({ contender, name, unit: "request", cpu: (cpuOf(hop) - before) / units, failed });
      }
    }
    const same = combineLoads(rounds).filter((measure) => measure.name === name);
    say(`${name}: ${same.map(({ contender, cpu }) => `${contender} ${(cpu * 1e6).toFixed(2)} µs`).join(", ")}`);
  }
  return combineLoads(rounds);
}
