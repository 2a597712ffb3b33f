import { expect, test } from "bun:test";
import { parseFieldSelector } from "./field-selector.ts";
import { createFilter } from "./filter.ts";
import { formatSelector, fromObject, matchesLabels, parseLabelSelector } from "./label-selector.ts";

const cases: ReadonlyArray<readonly [selector: string, labels: Record<string, string>, matches: boolean]> = [
  ["", {}, true],
  ["app=web", { app: "web" }, true],
  ["app==web,tier=a", { app: "web", tier: "b" }, false],
  ["app!=web", {}, true],
  ["app in (web, api),tier notin (x,y)", { app: "api", tier: "z" }, true],
  ["app", {}, false],
  ["!app", {}, true],
  ["linkerd.io/control-plane-ns=linkerd", { "linkerd.io/control-plane-ns": "linkerd" }, true],
  ["n>5", { n: "6" }, true],
  ["empty=", { empty: "" }, true],
];

for (const [selector, labels, matches] of cases) {
  test(`"${selector}" ${matches ? "matches" : "does not match"} ${JSON.stringify(labels)}`, () => {
    expect(matchesLabels(parseLabelSelector(selector), labels)).toBe(matches);
  });
}

test("a selector that can't be read is refused by its part", () => {
  expect(() => parseLabelSelector("a=b,c d")).toThrow('"c d"');
});

test("the object form prints as text and reads back", () => {
  const object = {
    matchLabels: { a: "1" },
    matchExpressions: [
      { key: "b", operator: "In", values: ["x", "y"] },
      { key: "c", operator: "DoesNotExist" },
    ],
  };
  const shown = formatSelector(fromObject(object) ?? []);
  expect(shown).toBe("a=1,b in (x,y),!c");
  expect(formatSelector(parseLabelSelector(shown))).toBe(shown);
});

test("pods are selected by node and phase, other fields are refused", () => {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a", namespace: "n", uid: "", resourceVersion: "", creationTimestamp: "" },
    spec: { nodeName: "local" },
    status: { phase: "Running" },
  };
  expect(createFilter({ fieldSelector: "spec.nodeName=local,status.phase!=Failed" }, "pods")(pod)).toBeTrue();
  expect(createFilter({ fieldSelector: "metadata.name=b" }, "pods")(pod)).toBeFalse();
  expect(createFilter({ namespace: "other" }, "pods")(pod)).toBeFalse();
  expect(() => parseFieldSelector("spec.foo=1", "pods")).toThrow("field label not supported: spec.foo");
});
