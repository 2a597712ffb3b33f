/** Which workload a pod or a destination belongs to: the outermost owner that users name. */
import type { StatPod } from "../metrics/stat.ts";
import type { LabelReader } from "../metrics/series-labels.ts";
import type { ResourceKind } from "../metrics/resource.ts";
import type { WorkloadRef } from "./view.ts";

/** Outermost first: a Deployment's pods belong to its ReplicaSet too. */
const ownerKinds: readonly ResourceKind[] = [
  "deployment",
  "cronjob",
  "statefulset",
  "daemonset",
  "job",
  "replicationcontroller",
  "replicaset",
];

/** A pod without an owner is its own workload. */
export function workloadOfPod(pod: StatPod): WorkloadRef {
  for (const kind of ownerKinds) {
    const name = pod.owners.get(kind);
    if (name !== undefined) return { namespace: pod.namespace, kind, name };
  }
  return { namespace: pod.namespace, kind: "pod", name: pod.name };
}

/**
 * Where a client's series went: a workload, else a Service, else the authority (outside the cluster, namespace "").
 * Null for series without a destination, such as the client's own side of a connection.
 */
export function destinationOfSeries(labels: LabelReader): WorkloadRef | null {
  const namespace = labels.get("dst_namespace") ?? "";
  if (namespace !== "") {
    for (const kind of [...ownerKinds, "pod", "service"] as const) {
      const name = labels.get(`dst_${kind}`);
      if (name !== undefined && name !== "") return { namespace, kind, name };
    }
  }
  const authority = labels.get("authority") ?? "";
  return authority === "" ? null : { namespace: "", kind: "authority", name: authority };
}

export const refKey = (ref: WorkloadRef): string => `${ref.namespace}/${ref.kind}/${ref.name}`;

export function compareRefs(a: WorkloadRef, b: WorkloadRef): number {
  return compare(a.namespace, b.namespace) || compare(a.name, b.name) || compare(a.kind, b.kind);
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
