import { expect, test } from "bun:test";
import { byteRate, milliseconds, percent, rps } from "./format.ts";

test("percent(), rps() and milliseconds() print a dash without a value", () => {
  expect([percent(0.975), percent(1), percent(null)]).toEqual(["97.50%", "100.00%", "-"]);
  expect([rps(12.34), rps(null)]).toEqual(["12.3rps", "-"]);
  expect([milliseconds(1.6), milliseconds(null)]).toEqual(["2ms", "-"]);
});

test("byteRate() keeps the number short", () => {
  expect([byteRate(12), byteRate(12_345), byteRate(12_345_678), byteRate(null)]).toEqual([
    "12.0B/s",
    "12.3KB/s",
    "12.3MB/s",
    "-",
  ]);
});
