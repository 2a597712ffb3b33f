import { expect, test } from "bun:test";
import type { StatPod } from "../metrics/stat.ts";
import { statFamilies } from "../metrics/stat.ts";
import { SampleStore } from "../metrics/store.ts";
import { workloadHistory, type HistoryRange } from "./history.ts";

const pod: StatPod = {
  target: "n/web",
  namespace: "n",
  name: "web",
  meshed: true,
  running: true,
  status: "Running",
  labels: {},
  owners: new Map(),
};

const wallStart = 1_000_000_000_000;

/** One scrape per entry: its time in ms, requests that succeeded and failed until then. */
function history(
  scrapes: readonly [at: number, success: number, failure: number][],
  now: number,
  range: HistoryRange = "10m",
) {
  const samples = new SampleStore({ families: statFamilies });
  for (const [at, success, failure] of scrapes) {
    samples.add(
      "n/web",
      at,
      [
        `response_total{direction="inbound",classification="success"} ${success}`,
        `response_total{direction="inbound",classification="failure"} ${failure}`,
        `response_total{direction="outbound",classification="success"} ${success * 100}`,
        `response_latency_ms_bucket{direction="inbound",le="10"} ${success}`,
        `response_latency_ms_bucket{direction="inbound",le="+Inf"} ${success + failure}`,
        "",
      ].join("\n"),
    );
  }
  samples.add("n/gone", 0, 'response_total{direction="inbound",classification="success"} 1\n');
  return workloadHistory({
    pods: [pod, { ...pod, target: "n/gone" }, { ...pod, target: "n/new" }],
    samples,
    now,
    wall: wallStart + now,
    scrapeInterval: 10_000,
    range,
  });
}

const last = <T>(list: readonly T[], count: number): T[] => list.slice(-count);

test("each step has the rate of its time, though scrapes fall between steps", () => {
  const scrapes = Array.from({ length: 12 }, (_, index): [number, number, number] => {
    const at = 3000 + index * 10_000;
    return [at, (at / 1000) * 20, (at / 1000) * 5];
  });
  const { times, succeeded, failed, p50 } = history(scrapes, 115_000);
  // The newest sample is from 113 s: the step that ends at 110 s is the last complete one.
  expect(times.at(-1)).toBe(wallStart + 110_000);
  expect(last(succeeded, 10)).toEqual(Array<number>(10).fill(20));
  expect(last(failed, 10)).toEqual(Array<number>(10).fill(5));
  expect(last(p50, 1)).toEqual([6.3]);
});

test("a chart begins with the first scrape; time without requests is 0 and has no latency", () => {
  const { succeeded, p99, times } = history(
    [
      [0, 7, 0],
      [10_000, 7, 0],
      [20_000, 7, 0],
    ],
    25_000,
  );
  expect(times).toHaveLength(succeeded.length);
  expect(succeeded).toEqual([0, 0]);
  expect(last(p99, 2)).toEqual([null, null]);
});

test("a proxy that began anew counts from 0", () => {
  const { succeeded } = history(
    [
      [0, 1000, 0],
      [10_000, 1100, 0],
      [20_000, 50, 0],
    ],
    20_000,
  );
  expect(last(succeeded, 2)).toEqual([10, 5]);
});

test("points stay where they are while time goes on", () => {
  const scrapes: [number, number, number][] = [
    [0, 0, 0],
    [10_000, 100, 0],
    [20_000, 300, 0],
    [30_000, 400, 0],
  ];
  const one = history(scrapes, 31_000);
  const two = history(scrapes, 38_000);
  expect(last(two.times, 3)).toEqual(last(one.times, 3));
  expect(last(two.succeeded, 3)).toEqual(last(one.succeeded, 3));
});

test("nothing is longer than the charts go back", () => {
  const scrapes = Array.from({ length: 500 }, (_, index): [number, number, number] => [index * 10_000, index, 0]);
  expect(history(scrapes, 4_990_000).times).toHaveLength(60);
});

test("six hours come in steps of five minutes", () => {
  const scrapes = Array.from({ length: 800 }, (_, index): [number, number, number] => [index * 10_000, index * 50, 0]);
  const { times, succeeded } = history(scrapes, 7_990_000, "6h");
  expect(times[1]! - times[0]!).toBe(300_000);
  expect(times.length).toBeGreaterThan(22);
  for (const value of succeeded.slice(1)) expect(value).toBeCloseTo(5, 1);
});
