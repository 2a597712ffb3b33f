/** The topology with whole namespaces as nodes: for clusters of which all workloads can't be read at once. Pure. */
import type { EdgeRow, Security, WorkloadRef, WorkloadRow } from "#viz/web/view.ts";
import { refId } from "../links.ts";
import { summarize } from "../summary.ts";

interface Graph {
  readonly workloads: readonly WorkloadRow[];
  readonly edges: readonly EdgeRow[];
}

/** A destination outside the cluster stays what it is. */
function outer(ref: WorkloadRef): WorkloadRef {
  return ref.namespace === "" ? ref : { namespace: "", kind: "namespace", name: ref.namespace };
}

/** Edges within a namespace are left out; latencies of several edges have no common percentile. */
export function asNamespaces({ workloads, edges }: Graph): Graph {
  const groups = new Map<string, WorkloadRow[]>();
  // Destinations outside the cluster are no rows: edges alone bring them.
  for (const row of workloads) groups.set(row.namespace, [...(groups.get(row.namespace) ?? []), row]);
  const between = new Map<string, EdgeRow[]>();
  for (const edge of edges) {
    const id = `${refId(outer(edge.from))} ${refId(outer(edge.to))}`;
    if (refId(outer(edge.from)) === refId(outer(edge.to))) continue;
    between.set(id, [...(between.get(id) ?? []), edge]);
  }
  return {
    workloads: [...groups].map(([name, rows]) => {
      const { success, rps, meshed, pods } = summarize(rows);
      const sum = (value: (row: WorkloadRow) => number): number => rows.reduce((total, row) => total + value(row), 0);
      return {
        ...outer({ namespace: name, kind: "", name: "" }),
        ...{ success, rps, meshed, pods, p50: null, p95: null, p99: null },
        tcpOpen: sum((row) => row.tcpOpen),
        tcpRead: sum((row) => row.tcpRead),
        tcpWrite: sum((row) => row.tcpWrite),
      };
    }),
    edges: [...between.values()].map(together),
  };
}

function together(edges: readonly EdgeRow[]): EdgeRow {
  const first = edges[0]!;
  let rps = 0;
  let succeeded = 0;
  let bytes = 0;
  let tcpOpen = 0;
  for (const edge of edges) {
    rps += edge.rps ?? 0;
    succeeded += (edge.rps ?? 0) * (edge.success ?? 0);
    bytes += edge.bytes;
    tcpOpen += edge.tcpOpen;
  }
  const kinds = new Set<Security>(edges.map(({ security }) => security));
  return {
    from: outer(first.from),
    to: outer(first.to),
    success: rps > 0 ? succeeded / rps : null,
    rps: rps > 0 ? rps : null,
    p50: null,
    p95: null,
    p99: null,
    security: kinds.size === 1 ? first.security : "mixed",
    plainReason: edges.find(({ plainReason }) => plainReason !== null)?.plainReason ?? null,
    serverId: null,
    bytes,
    tcpOpen,
  };
}
