import { expect, test } from "bun:test";
import { wholeText } from "./pattern.ts";

test("a pattern matches whole texts only", () => {
  const pattern = wholeText("/item/[0-9]+|/all");
  expect(["/item/12", "/all", "/item/12/x", "x/all", "/all\n"].map((text) => pattern.test(text))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

test("what is not RE2's syntax, and what is too long, matches nothing", () => {
  for (const source of ["(", "(?=a)a", "(a)\\1", "a".repeat(1025)]) {
    const pattern = wholeText(source);
    expect([source, pattern.test("a"), pattern.test("aa"), pattern.test(source)]).toEqual([
      source,
      false,
      false,
      false,
    ]);
  }
});

test("a pattern that makes other engines backtrack takes linear time", () => {
  const pattern = wholeText("(a*)*b");
  const start = performance.now();
  expect(pattern.test("a".repeat(8000))).toBe(false);
  expect(performance.now() - start).toBeLessThan(1000);
});
