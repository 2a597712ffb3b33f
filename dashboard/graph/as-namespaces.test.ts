import { expect, test } from "bun:test";
import type { EdgeRow, WorkloadRow } from "#viz/web/view.ts";
import { asNamespaces } from "./as-namespaces.ts";

const golden = { success: 1, rps: 10, p50: 1, p95: 2, p99: 3 };

function row(namespace: string, name: string, values: Partial<WorkloadRow> = {}): WorkloadRow {
  const rest = { meshed: 1, pods: 1, tcpOpen: 1, tcpRead: 1, tcpWrite: 1 };
  return { namespace, kind: "deployment", name, ...golden, ...rest, ...values };
}

function edge(from: string, to: string, values: Partial<EdgeRow> = {}): EdgeRow {
  const ref = (namespace: string) => ({ namespace, kind: namespace === "" ? "authority" : "deployment", name: "x" });
  const rest = { security: "mutual" as const, plainReason: null, serverId: "id", bytes: 5, tcpOpen: 1 };
  return { from: ref(from), to: ref(to), ...golden, ...rest, ...values };
}

test("edges between two namespaces become one, weighted by requests, secured only if all are", () => {
  const { edges } = asNamespaces({
    workloads: [row("a", "x"), row("b", "y")],
    edges: [
      edge("a", "b", { rps: 30 }),
      edge("a", "b", { rps: 10, success: 0, security: "none", plainReason: "disabled" }),
      edge("a", "a"),
      edge("a", ""),
    ],
  });
  expect(
    edges.map(({ from, to, rps, success, security, plainReason }) => [
      from.name,
      to.kind,
      rps,
      success,
      security,
      plainReason,
    ]),
  ).toEqual([
    ["a", "namespace", 40, 0.75, "mixed", "disabled"],
    ["a", "authority", 10, 1, "mutual", null],
  ]);
});

test("a namespace counts its pods and requests together", () => {
  const { workloads } = asNamespaces({ workloads: [row("a", "x"), row("a", "y", { success: 0, pods: 3 })], edges: [] });
  expect(
    workloads.map(({ kind, name, rps, success, meshed, pods }) => [kind, name, rps, success, meshed, pods]),
  ).toEqual([["namespace", "a", 20, 0.5, 2, 4]]);
});
