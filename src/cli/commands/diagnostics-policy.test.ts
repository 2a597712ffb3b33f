import { expect, test } from "bun:test";
import { withShortFloats } from "./diagnostics-policy.ts";

test("32-bit fractions print as they were written", () => {
  const message = { retryRatio: Math.fround(0.2), list: [Math.fround(1 / 3)], weight: 10000, name: "x" };
  expect(withShortFloats(message)).toEqual({ retryRatio: 0.2, list: [0.33333334], weight: 10000, name: "x" });
});
