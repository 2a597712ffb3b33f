import { expect, test } from "bun:test";
import { add, summary } from "./suites.ts";

test("add() sums counts and keeps every failure", () => {
  const one = { counts: { passed: 3, failed: 1, skipped: 1 }, failures: ["unit: a.test.ts:2: x: no"] };
  const other = { counts: { passed: 1, failed: 1, skipped: 1 }, failures: ["types: exit code 2"] };
  expect(add(one, other)).toEqual({
    counts: { passed: 4, failed: 2, skipped: 2 },
    failures: ["unit: a.test.ts:2: x: no", "types: exit code 2"],
  });
});

test("summary() is the plain closing line", () => {
  expect(summary({ passed: 3, failed: 0, skipped: 0 })).toBe("3 passed, 0 failed");
  expect(summary({ passed: 4, failed: 1, skipped: 2 })).toBe("4 passed, 1 failed, 2 skipped");
});
