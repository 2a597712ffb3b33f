import { expect, test } from "bun:test";
import type { CategoryResult } from "./check.ts";
import { checkLine, jsonForm, shortForm, verdict } from "./output.ts";

const results: CategoryResult[] = [
  { category: "kubernetes-api", checks: [{ description: "can query", outcome: "success" }] },
  {
    category: "linkerd-identity",
    checks: [
      { description: "valid", outcome: "warning", error: "expires soon", hint: "https://linkerd.io/2/checks/#x" },
      { description: "issued", outcome: "error", error: "no", hint: "https://linkerd.io/2/checks/#y" },
    ],
  },
];

test("checkLine() indents the error and the hint", () => {
  expect(checkLine(results[1]!.checks[0]!, false)).toBe(
    "‼ valid\n    expires soon\n    see https://linkerd.io/2/checks/#x for hints\n",
  );
  expect(checkLine(results[0]!.checks[0]!, true)).toBe("\u001b[32m√\u001b[0m can query\n");
});

test("shortForm() leaves out what succeeded", () => {
  const text = shortForm(results, false);
  expect(text).not.toContain("kubernetes-api");
  expect(text).toStartWith("linkerd-identity\n----------------\n‼ valid\n");
  expect(text).toEndWith("Status check results are ×\n");
  expect(verdict([], false)).toBe("Status check results are √\n");
});

test("jsonForm() has linkerd's keys", () => {
  expect(JSON.parse(jsonForm(results))).toEqual({
    success: false,
    categories: [
      { categoryName: "kubernetes-api", checks: [{ description: "can query", result: "success" }] },
      {
        categoryName: "linkerd-identity",
        checks: [
          { description: "valid", hint: "https://linkerd.io/2/checks/#x", error: "expires soon", result: "warning" },
          { description: "issued", hint: "https://linkerd.io/2/checks/#y", error: "no", result: "error" },
        ],
      },
    ],
  });
});
