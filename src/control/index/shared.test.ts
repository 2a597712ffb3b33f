import { describe, expect, test } from "bun:test";
import { Shared } from "./shared.ts";

describe("Shared", () => {
  test("equal values become one, others stay", () => {
    const shared = new Shared();
    const labels = { app: "web" };
    expect(shared.value(labels)).toBe(labels);
    expect(shared.value({ app: "web" })).toBe(labels);
    expect(shared.value({ app: "api" })).toEqual({ app: "api" });
    expect(shared.text("web")).toBe("web");
  });

  test("what looks like a text is no value, nor an object an array", () => {
    const shared = new Shared();
    expect(shared.text("[]")).toBe("[]");
    expect(shared.value([])).toEqual([]);
    expect(shared.value({})).toEqual({});
  });

  test("does not remember what is long", () => {
    const shared = new Shared();
    const long = ["x".repeat(2000)];
    shared.value(long);
    expect(shared.value([...long])).not.toBe(long);
    expect(shared.text(long.join())).toBe(long.join());
  });

  test("forgets what was not seen for long and keeps what is", () => {
    const shared = new Shared(2);
    const often = { app: "often" };
    const once = { app: "once" };
    shared.value(once);
    for (let at = 0; at < 10; at++) {
      expect(shared.value({ app: "often" })).toEqual(often);
      shared.value({ at });
    }
    const first = shared.value({ app: "often" });
    expect(shared.value({ app: "often" })).toBe(first);
    expect(shared.value({ app: "once" })).not.toBe(once);
  });
});
