import { expect, test } from "bun:test";
import { parseDuration } from "./duration.ts";

test.each([
  ["10s", 10_000],
  ["1m30s", 90_000],
  ["24h0m0s", 86_400_000],
  ["1.5s", 1500],
  ["500ms", 500],
  ["0", 0],
])("%s is %p ms", (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});

test.each(["", "10", "s", "1s ", "-1s", "1x", "1s2"])("%p is no duration", (text) => {
  expect(parseDuration(text)).toBeNull();
});
