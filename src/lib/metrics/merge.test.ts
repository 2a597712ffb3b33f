import { expect, test } from "bun:test";
import { MetricsMerge } from "./merge.ts";
import { Registry } from "./registry.ts";
import { text } from "./text.ts";

function one(requests: number, more: string | null): string {
  const registry = new Registry();
  registry.counter("requests_total", "Requests").cell({ path: 'a "b" c' }).value = requests;
  registry.gauge("build_info", "Build").cell({ version: "1" }).value = 1;
  registry.gauge("expiration_timestamp_seconds", "Expires").cell({}).value = requests;
  registry.histogram("latency_ms", "Latency", [1, 10]).cell({}).observe(requests);
  if (more !== null) registry.counter("only_total", "Of one").cell({ of: more }).value = 1;
  return text(registry);
}

test("Counters and histograms of several processes add up, facts and times don't", () => {
  const merge = new MetricsMerge();
  for (const part of [one(2, "first"), one(40, null)]) merge.add(part);
  const lines = merge.text().split("\n");
  expect(lines).toContain('requests_total{path="a \\"b\\" c"} 42');
  expect(lines).toContain('build_info{version="1"} 1');
  expect(lines).toContain("expiration_timestamp_seconds 40");
  expect(lines).toContain('latency_ms_bucket{le="10"} 1');
  expect(lines).toContain('latency_ms_bucket{le="+Inf"} 2');
  expect(lines).toContain("latency_ms_sum 42");
  expect(lines).toContain('only_total{of="first"} 1');
  expect(lines.filter((line) => line.startsWith("# TYPE requests_total"))).toHaveLength(1);
});

test("The metrics of one process stay what they are", () => {
  const merge = new MetricsMerge();
  const before = one(7, "x");
  merge.add(before);
  expect(merge.text()).toBe(before);
});
