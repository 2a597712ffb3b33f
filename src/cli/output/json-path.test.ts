import { expect, test } from "bun:test";
import { compileJsonPath } from "./json-path.ts";

const value = { a: { b: "text", "c.d": 5, list: [{ x: 1 }, { x: 2 }] }, none: null };

test.each([
  ["{.a.b}", "text"],
  [".a.b", "text"],
  ["{$.a['c.d']}", "5"],
  ["{.a.c\\.d}", "5"],
  ["{.a.list[0].x}-{.a.list[-1].x}", "1-2"],
  ["{.a.list[*].x}", "1 2"],
  ["{.a.list}", '[{"x":1},{"x":2}]'],
  ['{.a.b}{"\\n"}{.missing.too}{.none}', "text\nnull"],
  ["{.__proto__.x}{.constructor}", ""],
])("%s prints %j", (template, expected) => {
  expect(compileJsonPath(template)(value)).toBe(expected);
});

test.each(["{.a", "{range .items[*]}", "{.a[?(@.b)]}", "{a b}"])("%s is refused", (template) => {
  expect(() => compileJsonPath(template)).toThrow("is not valid");
});
