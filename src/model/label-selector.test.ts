import { expect, test } from "bun:test";
import { matchesLabels, parseLabelSelector } from "./label-selector.ts";

const matches = (selector: string, labels: Record<string, string>): boolean =>
  matchesLabels(parseLabelSelector(selector), labels);

test("equality, inequality, sets and presence are all understood", () => {
  const labels = { app: "web", "app.kubernetes.io/name": "web", env: "a" };
  expect(matches("app=web", labels)).toBe(true);
  expect(matches("app==web,env!=b", labels)).toBe(true);
  expect(matches("app.kubernetes.io/name = web", labels)).toBe(true);
  expect(matches("env in (a, b),app notin (cache)", labels)).toBe(true);
  expect(matches("env in (b,c)", labels)).toBe(false);
  expect(matches("app,!legacy", labels)).toBe(true);
  expect(matches("!app", labels)).toBe(false);
  expect(matches("", labels)).toBe(true);
});

test("a label that is absent is unequal to every value", () => {
  expect(matches("tier!=cache", {})).toBe(true);
  expect(matches("tier=cache", {})).toBe(false);
});

test("a malformed part is named", () => {
  expect(() => parseLabelSelector("app=web,=x")).toThrow('the invalid part "=x"');
});
