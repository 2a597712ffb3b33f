/** The pods of the cluster as statistics see them: who owns them, whether they are meshed, where to scrape. */
import type { Pod } from "#kube/types/core.ts";
import type { ResourceKind } from "./resource.ts";
import type { StatPod } from "./stat.ts";

/** A pod with the address of its proxy's metrics, null when it has no running proxy. */
export interface ScrapedPod extends StatPod {
  readonly scrape: { readonly ip: string; readonly port: number } | null;
}

const proxyContainer = "linkerd-proxy";
const adminPortName = "linkerd-admin";
const defaultAdminPort = 4191;

/** The label that the injector writes for each kind of owner. */
const ownerLabels: ReadonlyArray<readonly [kind: ResourceKind, label: string]> = [
  ["deployment", "linkerd.io/proxy-deployment"],
  ["replicaset", "linkerd.io/proxy-replicaset"],
  ["replicationcontroller", "linkerd.io/proxy-replicationcontroller"],
  ["daemonset", "linkerd.io/proxy-daemonset"],
  ["statefulset", "linkerd.io/proxy-statefulset"],
  ["job", "linkerd.io/proxy-job"],
  ["cronjob", "linkerd.io/proxy-cronjob"],
];

const ownerKinds: Readonly<Record<string, ResourceKind>> = {
  ReplicaSet: "replicaset",
  ReplicationController: "replicationcontroller",
  DaemonSet: "daemonset",
  StatefulSet: "statefulset",
  Job: "job",
};

export function scrapedPod(pod: Pod): ScrapedPod {
  const { name, namespace = "default", labels = {} } = pod.metadata;
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const proxy = containers.find((container) => container.name === proxyContainer);
  const running = pod.status?.phase === "Running" && pod.metadata.deletionTimestamp === undefined;
  const ip = pod.status?.podIP;
  const port = proxy?.ports?.find((candidate) => candidate.name === adminPortName)?.containerPort ?? defaultAdminPort;
  return {
    target: `${namespace}/${name}`,
    namespace,
    name,
    meshed: proxy !== undefined,
    running,
    status: statusOf(pod),
    labels,
    serviceAccount: pod.spec.serviceAccountName ?? "default",
    owners: ownersOf(pod),
    scrape: proxy !== undefined && running && ip !== undefined ? { ip, port } : null,
  };
}

function ownersOf(pod: Pod): Map<ResourceKind, string> {
  const labels = pod.metadata.labels ?? {};
  const owners = new Map<ResourceKind, string>();
  for (const [kind, label] of ownerLabels) {
    const name = labels[label];
    if (name !== undefined) owners.set(kind, name);
  }
  for (const owner of pod.metadata.ownerReferences ?? []) {
    const kind = ownerKinds[owner.kind];
    if (kind === undefined || owner.controller !== true) continue;
    owners.set(kind, owner.name);
    // A Deployment names its ReplicaSets after itself and the hash that its pods carry as a label.
    const suffix = `-${labels["pod-template-hash"] ?? ""}`;
    if (kind === "replicaset" && suffix !== "-" && owner.name.endsWith(suffix) && !owners.has("deployment")) {
      owners.set("deployment", owner.name.slice(0, -suffix.length));
    }
  }
  return owners;
}

/** The STATUS column of `kubectl get pods`, as far as its usual values go. */
function statusOf(pod: Pod): string {
  if (pod.metadata.deletionTimestamp !== undefined) return "Terminating";
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  for (const { state } of statuses) {
    const reason = state?.waiting?.reason;
    if (reason !== undefined && reason !== "PodInitializing" && reason !== "ContainerCreating") return reason;
  }
  return pod.status?.reason ?? pod.status?.phase ?? "Unknown";
}

/** Whose proxy it is, with the labels by which a Prometheus that scrapes by the PodMonitor of proxies knows it. */
export function targetLabels(pod: StatPod): ReadonlyMap<string, string> {
  const labels = new Map([
    ["namespace", pod.namespace],
    ["pod", pod.name],
  ]);
  // "job" is Prometheus' own word.
  for (const [kind, name] of pod.owners) labels.set(kind === "job" ? "k8s_job" : kind, name);
  return labels;
}
