import { expect, test } from "bun:test";
import { isNewer } from "./newer.ts";

test("isNewer() compares numbers, not letters", () => {
  expect(isNewer("0.10.0", "0.9.9")).toBe(true);
  expect(isNewer("edge-26.8.3", "edge-26.10.1")).toBe(false);
  expect(isNewer("1.0.0", "1.0.0")).toBe(false);
});
