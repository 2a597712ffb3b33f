import { expect, test } from "bun:test";
import { combine, cpuTable, median, type Measure } from "./results.ts";

const measure = (contender: string, cpu: number, over: Partial<Measure> = {}): Measure => ({
  contender,
  kind: "pair",
  path: "small",
  connections: 16,
  cpuPerRequest: cpu,
  requestsPerSecond: 1000,
  failed: 0,
  ...over,
});

test("combine() takes the median of a case's rounds and adds up failures", () => {
  const [combined] = combine([measure("a", 3), measure("a", 1, { failed: 2 }), measure("a", 2)]);
  expect(combined).toMatchObject({ cpuPerRequest: 2, failed: 2 });
  expect(median([4, 1, 3, 2])).toBe(2);
});

test("cpuTable() gives ratios to the reference of the same case", () => {
  expect(cpuTable([measure("HAProxy", 10), measure("linkerd", 13, { failed: 1 })], "HAProxy")).toBe(
    "| case | HAProxy | linkerd |\n|---|---|---|\n| mTLS pair, 16 connections, 32 B | 1.00× | 1.30× (1 failed) |\n",
  );
});
