import { matchesLabels } from "#model/label-selector.ts";
import type { ClusterIndex } from "../cluster-index.ts";
import type { Track } from "../derivations.ts";
import type { ServerRecord } from "./server.ts";
import type { Workload } from "../workload.ts";

/** The Server for a port of a pod; of several the oldest. Null when there is none. */
export function serverOfPort(index: ClusterIndex, pod: Workload, port: number, track: Track): ServerRecord | null {
  for (const server of index.policy.serversIn(pod.namespace, track)) {
    if (server.selects !== "pods" || !matchesLabels(server.selector, pod.labels)) continue;
    if (isMeant(server.port, pod, port)) return server;
  }
  return null;
}

/** A name is meant wherever it stands: a port that was overlooked would have the default policy. */
function isMeant(wanted: number | string, pod: Workload, port: number): boolean {
  if (typeof wanted === "number") return wanted === port;
  if (pod.namedPorts[wanted] === port) return true;
  return pod.moreNamedPorts.some((more) => more.name === wanted && more.port === port);
}
