import { expect, test } from "bun:test";
import { bytesPerSecond, health, latency, percent, perSecond, plural, singular } from "./format.ts";

test("no traffic is a dash, never 0", () => {
  expect([percent(null), perSecond(null), latency(null)]).toEqual(["–", "–", "–"]);
});

test("a share below 1 is never shown as 100 %", () => {
  expect([1, 0.99999, 0.5, 0].map(percent)).toEqual(["100 %", "99.99 %", "50.00 %", "0.00 %"]);
});

test("numbers keep about three digits", () => {
  expect([0.04, 9.96, 123.4, 1234, 12_345].map(perSecond)).toEqual(["0.0", "10.0", "123", "1.2k", "12k"]);
  expect([0, 0.6, 12.4, 999, 1500, 50_000].map(latency)).toEqual([
    "0 ms",
    "0.6 ms",
    "12 ms",
    "999 ms",
    "1.5 s",
    "50 s",
  ]);
  expect([12, 1500, 2_500_000, 3e9].map(bytesPerSecond)).toEqual(["12 B/s", "1.5 kB/s", "2.5 MB/s", "3.0 GB/s"]);
});

test("health has three steps and one for silence", () => {
  expect([null, 1, 0.99, 0.98, 0.95, 0.94].map(health)).toEqual(["idle", "good", "good", "warn", "warn", "bad"]);
});

test("kinds have a plural for paths and come back from it", () => {
  for (const kind of ["deployment", "statefulset", "daemonset", "job", "cronjob", "pod", "authority"]) {
    expect(singular(plural(kind))).toBe(kind);
  }
});
