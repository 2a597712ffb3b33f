import { describe, expect, test } from "bun:test";
import { FakeClock } from "../testing/fake-clock.ts";
import { HistogramCell, createBuckets } from "./cell.ts";
import { registerProcessMetrics } from "./process.ts";
import { Registry } from "./registry.ts";
import { chunks, text } from "./text.ts";

const latency = [1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 50_000];

describe("Registry", () => {
  test("prints counters with help, type and sorted, escaped labels", () => {
    const registry = new Registry();
    const family = registry.counter("request_total", "Total count of HTTP requests", { direction: "inbound" });
    family.cell({ b: 'a"b\\c\nd', a: "1" }).value += 3;
    expect(text(registry)).toBe(
      "# HELP request_total Total count of HTTP requests\n# TYPE request_total counter\n" +
        'request_total{a="1",b="a\\"b\\\\c\\nd",direction="inbound"} 3\n',
    );
  });

  test("gives the same cell for the same labels in any order", () => {
    const family = new Registry().gauge("g", "");
    expect(family.cell({ a: "1", b: "2" })).toBe(family.cell({ b: "2", a: "1" }));
  });

  test("refuses a name that is registered with another type", () => {
    const registry = new Registry();
    registry.counter("x", "");
    expect(() => registry.gauge("x", "")).toThrow('Metric "x" exists already');
  });

  test("prints a histogram cumulatively with sum and count", () => {
    const registry = new Registry();
    const cell = registry.histogram("h", "", [1, 5]).cell({ a: "b" });
    for (const value of [0, 1, 1.5, 5, 6]) cell.observe(value);
    expect(text(registry).split("\n").slice(2, -1)).toEqual([
      'h_bucket{a="b",le="1"} 2',
      'h_bucket{a="b",le="5"} 4',
      'h_bucket{a="b",le="+Inf"} 5',
      'h_sum{a="b"} 13.5',
      'h_count{a="b"} 5',
    ]);
  });

  test("counts label sets beyond the limit in an overflow counter and prints none of them", () => {
    const registry = new Registry({ maxSeries: 2 });
    const family = registry.counter("c", "");
    for (const id of ["1", "2", "3", "4"]) family.cell({ id }).value++;
    expect(family.size).toBe(2);
    expect(text(registry)).toContain('metrics_series_dropped_total{family="c"} 2');
  });

  test("forgets a series that nobody holds after the idle time, and keeps one that is held", async () => {
    const clock = new FakeClock();
    const registry = new Registry({ clock, retain: 1000 });
    const family = registry.counter("c", "");
    const held = family.cell({ id: "held" });
    registry.gauge("set_once", "").cell().value = 7;
    for (let i = 0; i < 100; i++) family.cell({ id: `lost-${i}` }).value++;
    text(registry);
    clock.advance(1001);
    text(registry);
    // A weak reference is cleared by a collection in a later turn.
    for (let turn = 0; turn < 5 && family.size > 50; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      Bun.gc(true);
      text(registry);
    }
    expect(family.size).toBeLessThan(50);
    held.value++;
    expect(text(registry)).toContain('c{id="held"} 1');
    expect(text(registry)).toContain("set_once 7");
  });

  test("splits a long text into parts that add up to the whole", () => {
    const registry = new Registry();
    const family = registry.counter("c", "");
    for (let i = 0; i < 100; i++) family.cell({ i: String(i) }).value = i;
    const parts = [...chunks(registry, 10)];
    expect(parts.length).toBe(10);
    expect(parts.join("")).toBe(text(registry));
  });

  test("reads process metrics that Prometheus knows", () => {
    const registry = new Registry();
    registerProcessMetrics(registry, 1_700_000_000_000);
    const out = text(registry);
    expect(out).toContain("process_start_time_seconds 1700000000\n");
    expect(out).toMatch(/process_resident_memory_bytes [1-9]\d{6,}\n/);
    expect(out).toMatch(/process_open_fds [1-9]\d*\n/);
  });
});

describe("HistogramCell", () => {
  test("finds for every value the bucket that a search finds", () => {
    for (const bounds of [latency, [0.025, 0.05, 0.5, 1, 10], [0.5], [7, 1e12]]) {
      const buckets = createBuckets(bounds);
      for (const value of [0, 0.01, ...bounds.flatMap((b) => [b * 0.999, b, b * 1.001]), 1e13, -1, Number.NaN]) {
        const cell = new HistogramCell(buckets);
        cell.observe(value);
        const v = value > 0 ? value : 0;
        const found = bounds.findIndex((bound) => v <= bound);
        expect(cell.counts.indexOf(1)).toBe(found < 0 ? bounds.length : found);
      }
    }
  });
});
