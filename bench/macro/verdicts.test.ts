import { expect, test } from "bun:test";
import type { Measure } from "./results.ts";
import { verdictLine, verdicts } from "./verdicts.ts";

const cost = (contender: string, kind: "hop" | "pair", cpuPerRequest: number): Measure => ({
  contender,
  kind,
  path: "small",
  connections: 16,
  cpuPerRequest,
  requestsPerSecond: 1,
  failed: 0,
});

test("verdicts() judges what was measured and nothing else", () => {
  const cpu = [cost("HAProxy", "pair", 10), cost("linkerd", "pair", 12), cost("linkerd", "hop", 1)];
  const memory = [
    { contender: "linkerd", what: "100 busy connections, steady, client's side", kib: 9000 },
    { contender: "linkerd", what: "100 busy connections, steady, server's side", kib: 11_000 },
    { contender: "HAProxy", what: "100 busy connections, steady, client's side", kib: 99_000 },
  ];
  expect(verdicts(cpu, memory).map(verdictLine)).toEqual([
    "× CPU per request, mTLS pair, 16 connections, to HAProxy's: 1.20× (limit 1.1×)",
    "× private memory with 100 busy connections, median under load: 11.3 MB (limit 10 MB)",
  ]);
});
