import { matchesLabels } from "#model/label-selector.ts";
import type { ClusterIndex } from "../cluster-index.ts";
import type { Track } from "../derivations.ts";
import type { ServerRecord } from "./server.ts";
import type { PortOwner } from "../workload.ts";

/** The Server for a port of a pod or an ExternalWorkload; of several the oldest. Null when there is none. */
export function serverOfPort(index: ClusterIndex, pod: PortOwner, port: number, track: Track): ServerRecord | null {
  const kind = pod.external === undefined ? "pods" : "external-workloads";
  for (const server of index.policy.serversIn(pod.namespace, track)) {
    if (server.selects !== kind || !matchesLabels(server.selector, pod.labels)) continue;
    if (isPortMeant(server.port, pod, port)) return server;
  }
  return null;
}

/** Whether a Server for the port `wanted` is about `port`. A name is meant wherever it stands: a port that was overlooked would have the default policy. */
export function isPortMeant(wanted: number | string, pod: PortOwner, port: number): boolean {
  if (typeof wanted === "number") return wanted === port;
  if (pod.namedPorts[wanted] === port) return true;
  return pod.moreNamedPorts.some((more) => more.name === wanted && more.port === port);
}
