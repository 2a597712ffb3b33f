import { matchesLabels } from "#model/label-selector.ts";
import type { ClusterIndex } from "../cluster-index.ts";
import type { Track } from "../derivations.ts";
import type { ServerRecord } from "./server.ts";
import type { Workload } from "../workload.ts";

/** The Server for a port of a pod; of several the oldest. Null when there is none. */
export function serverOfPort(index: ClusterIndex, pod: Workload, port: number, track: Track): ServerRecord | null {
  for (const server of index.policy.serversIn(pod.namespace, track)) {
    if (server.selects !== "pods" || !matchesLabels(server.selector, pod.labels)) continue;
    const selected = typeof server.port === "number" ? server.port : pod.namedPorts[server.port];
    if (selected === port) return server;
  }
  return null;
}
