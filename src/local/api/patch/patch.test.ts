import { expect, test } from "bun:test";
import { isStatus } from "../status-error.ts";
import { jsonPatch } from "./json-patch.ts";
import { mergePatch } from "./merge-patch.ts";
import { patchForm } from "./patch.ts";

test("a merge patch removes by null, merges objects and replaces the rest (RFC 7396, appendix A)", () => {
  expect(mergePatch({ a: "b", c: { d: "e", f: "g" } }, { a: "z", c: { f: null } })).toEqual({ a: "z", c: { d: "e" } });
  expect(mergePatch({ a: [1, 2] }, { a: [3] })).toEqual({ a: [3] });
  expect(mergePatch("foo", { a: { bb: { ccc: null } } })).toEqual({ a: { bb: {} } });
});

test("a JSON patch changes a copy", () => {
  const target = Object.freeze({ a: Object.freeze([1]) });
  expect(jsonPatch(target, [{ op: "add", path: "/a/-", value: 2 }])).toEqual({ a: [1, 2] });
});

test("a JSON patch that doesn't fit is 422 and names no internals", () => {
  try {
    jsonPatch({ a: 1 }, [{ op: "remove", path: "/b" }]);
    expect.unreachable();
  } catch (thrown) {
    expect(isStatus(thrown, "Invalid")).toBeTrue();
    expect(String(thrown).split("\n")).toHaveLength(1);
  }
});

test("an unknown media type is 415 and lists the known ones", () => {
  expect(patchForm("application/merge-patch+json; charset=utf-8")).toBe("merge");
  expect(() => patchForm("application/json")).toThrow("application/strategic-merge-patch+json");
});
