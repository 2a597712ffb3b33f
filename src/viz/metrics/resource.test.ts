import { describe, expect, test } from "bun:test";
import { parseResource, resourceKind } from "./resource.ts";

describe("resourceKind()", () => {
  test("accepts short, plural and capitalised names", () => {
    expect(
      ["deploy", "Deployments", "deployment", "ns", "svc", "po", "pods", "sts", "authorities"].map(resourceKind),
    ).toEqual([
      "deployment",
      "deployment",
      "deployment",
      "namespace",
      "service",
      "pod",
      "pod",
      "statefulset",
      "authority",
    ]);
  });

  test("answers null for a word that is no kind", () => {
    expect(resourceKind("gizmo")).toBeNull();
  });
});

describe("parseResource()", () => {
  test("reads kind/name, kind name and kind alone", () => {
    const expected = { kind: "deployment", namespace: "n", name: "web" } as const;
    expect(parseResource(["deploy/web"], "n")).toEqual(expected);
    expect(parseResource(["deploy", "web"], "n")).toEqual(expected);
    expect(parseResource(["deploy"], "n")).toEqual({ ...expected, name: null });
  });

  test("says what is wrong with the rest", () => {
    expect(() => parseResource(["gizmo/x"], "n")).toThrow('Unknown resource type "gizmo"');
    expect(() => parseResource(["deploy/"], "n")).toThrow("has no name");
    expect(() => parseResource(["deploy", "a", "b"], "n")).toThrow("one resource at a time");
  });
});
