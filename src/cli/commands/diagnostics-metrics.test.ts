import { expect, test } from "bun:test";
import { obfuscate } from "./diagnostics-metrics.ts";

test("obfuscate() hides names, keeps equal ones equal and numbers as they are", () => {
  const text = 'request_total{direction="outbound",authority="web:80",dst_namespace="web:80"} 7\n';
  const hidden = obfuscate(text);
  expect(hidden).not.toContain("web");
  expect(hidden).toContain('direction="outbound"');
  expect(hidden).toEndWith("} 7\n");
  const [, a, b] = /authority="(\w+)",dst_namespace="(\w+)"/.exec(hidden) ?? [];
  expect(a).toBe(b);
});
