import { expect, test } from "bun:test";
import { withoutNulls } from "./without-nulls.ts";

test("Members that are null are absent, at every depth, and places of lists stay", () => {
  const object = { a: null, b: [null, { c: null, d: 0 }], e: { f: { g: null } }, h: false, i: "" };
  expect(withoutNulls<unknown>(object)).toStrictEqual({ b: [null, { d: 0 }], e: { f: {} }, h: false, i: "" });
});
