/** Does the control plane run, and does it know the networks of the cluster? */
import { MeshError } from "#lib/errors.ts";
import { type Cidr, containsIp, parseCidr, parseCidrs, parseIp } from "#lib/net-addr.ts";
import { resources } from "#kube/resource.ts";
import type { Node, Pod, Service } from "#kube/types/core.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { configMapName } from "../../control-plane.ts";
import { isReady } from "../../pod-http.ts";
import { type Category, type CheckScope, SkipCheck } from "../check.ts";
import { exists, requireAll } from "./exists.ts";
import { installedHere } from "./facts.ts";

/** Deployments of the control plane. */
export const components = ["linkerd-destination", "linkerd-identity", "linkerd-proxy-injector"] as const;

interface ReplicaSet extends KubeObject {
  readonly status?: {
    readonly conditions?: ReadonlyArray<{
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }>;
  };
}

export async function controlPlanePods({ client, linkerdNamespace, facts }: CheckScope): Promise<Pod[]> {
  const { items } = await facts.once("control plane pods", () =>
    client().list<Pod>(resources.pods, {
      namespace: linkerdNamespace,
      labelSelector: `linkerd.io/control-plane-ns=${linkerdNamespace},linkerd.io/control-plane-component`,
    }),
  );
  return items;
}

async function clusterNetworks(scope: CheckScope): Promise<{ text: string; cidrs: Cidr[] }> {
  const values = await installedHere(scope);
  const text = values?.["clusterNetworks"];
  if (typeof text !== "string" || text === "") {
    throw new MeshError("not-found", `The value "clusterNetworks" is missing in ConfigMap "${configMapName}"`);
  }
  return { text, cidrs: parseCidrs(text) };
}

function isInside(networks: readonly Cidr[], ip: string): boolean {
  const address = parseIp(ip);
  return address !== null && networks.some((network) => containsIp(network, address));
}

export const linkerdExistence: Category = {
  id: "linkerd-existence",
  checks: [
    exists("l5d-existence-linkerd-config", "'linkerd-config' config map exists", resources.configMaps, () => [
      configMapName,
    ]),
    {
      id: "l5d-existence-sa",
      description: "heartbeat ServiceAccount exist",
      fatal: true,
      run: async (scope) => {
        const { client, linkerdNamespace } = scope;
        const values = await installedHere(scope);
        if (values?.["disableHeartBeat"] === true) return;
        // Manifests without the heartbeat have none of its objects.
        if ((await client().find(resources.cronJobs, "linkerd-heartbeat", linkerdNamespace)) === null)
          throw new SkipCheck();
        await requireAll(client(), resources.serviceAccounts, ["linkerd-heartbeat"], linkerdNamespace);
      },
    },
    {
      id: "l5d-existence-replicasets",
      description: "control plane replica sets are ready",
      fatal: true,
      retry: true,
      run: async ({ client, linkerdNamespace }) => {
        const { items } = await client().list<ReplicaSet>(resources.replicaSets, {
          namespace: linkerdNamespace,
          labelSelector: `linkerd.io/control-plane-ns=${linkerdNamespace}`,
        });
        const failures = items.flatMap(({ status }) =>
          (status?.conditions ?? [])
            .filter((condition) => condition.type === "ReplicaFailure" && condition.status === "True")
            .map(({ reason = "", message = "" }) => `${reason}: ${message}`),
        );
        if (failures.length > 0) throw new MeshError("unavailable", failures.join("\n"));
      },
    },
    {
      id: "l5d-existence-unschedulable-pods",
      description: "no unschedulable pods",
      warning: true,
      retry: true,
      run: async (scope) => {
        for (const pod of await controlPlanePods(scope)) {
          const conditions: ReadonlyArray<{ type: string; status: string; message?: string }> =
            pod.status?.conditions ?? [];
          const stuck = conditions.find(({ type, status }) => type === "PodScheduled" && status === "False");
          if (stuck !== undefined) {
            throw new MeshError("unavailable", `${pod.metadata.name}: ${stuck.message ?? "can't be scheduled"}`);
          }
        }
      },
    },
    {
      id: "l5d-api-control-ready",
      description: "control plane pods are ready",
      fatal: true,
      retry: true,
      run: async (scope) => {
        const pods = await controlPlanePods(scope);
        for (const component of components) {
          const name = component.replace(/^linkerd-/, "");
          const own = pods.filter((pod) => pod.metadata.labels?.["linkerd.io/control-plane-component"] === name);
          if (own.some(isReady)) continue;
          throw new MeshError("unavailable", notReady(own) ?? `No running pods for "${component}"`);
        }
      },
    },
    {
      id: "l5d-cluster-networks-cidr",
      description: "cluster networks contains all node podCIDRs",
      run: async (scope) => {
        const networks = await clusterNetworks(scope);
        const { items } = await scope.client().list<Node>(resources.nodes);
        const ranges = items.flatMap(
          ({ spec }) => spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR]),
        );
        if (ranges.length === 0) throw new SkipCheck("the nodes show no podCIDR");
        const outside = [...new Set(ranges)].filter((range) => !containsRange(networks.cidrs, range)).toSorted();
        if (outside.length === 0) return;
        throw new MeshError(
          "invalid-argument",
          `node has podCIDR(s) [${outside.join(" ")}] which are not contained in the Linkerd clusterNetworks.\n` +
            `Try installing linkerd via --set clusterNetworks="${[...networks.text.split(","), ...outside].join("\\,")}"`,
        );
      },
    },
    {
      id: "l5d-cluster-networks-pods",
      description: "cluster networks contains all pods",
      run: async (scope) => {
        const { text, cidrs } = await clusterNetworks(scope);
        const { items } = await scope.client().list<Pod>(resources.pods);
        for (const { metadata, spec, status } of items) {
          if (spec.hostNetwork === true || status?.podIP === undefined || isInside(cidrs, status.podIP)) continue;
          throw new MeshError(
            "invalid-argument",
            `the Linkerd clusterNetworks ["${text}"] do not include pod ${metadata.namespace}/${metadata.name} (${status.podIP})`,
          );
        }
      },
    },
    {
      id: "l5d-cluster-networks-pods",
      description: "cluster networks contains all services",
      run: async (scope) => {
        const { text, cidrs } = await clusterNetworks(scope);
        const { items } = await scope.client().list<Service>(resources.services);
        for (const { metadata, spec } of items) {
          const ip = spec.clusterIP ?? "";
          if (ip === "" || ip === "None" || isInside(cidrs, ip)) continue;
          throw new MeshError(
            "invalid-argument",
            `the Linkerd clusterNetworks ["${text}"] do not include svc ${metadata.namespace}/${metadata.name} (${ip})`,
          );
        }
      },
    },
  ],
};

/** The first container that is not ready, with what the kubelet says about it. */
function notReady(pods: readonly Pod[]): string | null {
  for (const { metadata, status } of pods) {
    for (const container of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
      if (container.ready || container.state?.terminated?.exitCode === 0) continue;
      const { reason = "", message = "" } = container.state?.waiting ?? {};
      const why = [reason, message].filter((part) => part !== "").join(": ");
      return `pod/${metadata.name} container ${container.name} is not ready${why === "" ? "" : ` (${why})`}`;
    }
  }
  return null;
}

function containsRange(networks: readonly Cidr[], range: string): boolean {
  const inner = parseCidr(range);
  return networks.some((network) => network.prefix <= inner.prefix && containsIp(network, inner.bytes));
}
