import { expect, test } from "bun:test";
import type { WorkloadRow } from "#viz/web/view.ts";
import { byNamespace, summarize } from "./summary.ts";

function row(namespace: string, name: string, rps: number | null, success: number | null, meshed = 1): WorkloadRow {
  const golden = { success, rps, p50: null, p95: null, p99: null };
  return { namespace, kind: "deployment", name, ...golden, meshed, pods: 1, tcpOpen: 0, tcpRead: 0, tcpWrite: 0 };
}

test("success together is weighted by requests, and silent workloads don't count", () => {
  const total = summarize([row("a", "x", 90, 1), row("a", "y", 10, 0), row("a", "z", null, null, 0)]);
  expect(total).toEqual({ rps: 100, success: 0.9, meshed: 2, pods: 3 });
  expect(summarize([]).success).toBeNull();
});

test("meshed namespaces come before the mesh's own, unmeshed ones last", () => {
  const rows = [row("kube-system", "dns", null, null, 0), row("linkerd", "identity", 1, 1), row("zoo", "ape", 1, 1)];
  expect(byNamespace(rows).map(({ namespace }) => namespace)).toEqual(["zoo", "linkerd", "kube-system"]);
});
