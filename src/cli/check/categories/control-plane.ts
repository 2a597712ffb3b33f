/** Is everything of the control plane there, and does it run? */
import { MeshError } from "#lib/errors.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources, type Resource } from "#kube/resource.ts";
import type { Workload } from "#kube/types/apps.ts";
import type { Pod, Service } from "#kube/types/core.ts";
import { containsIp, parseCidr, parseIp } from "#lib/net-addr.ts";
import { configMapName, controlPlaneVersion as readVersion, installedValues } from "../../control-plane.ts";
import type { Category, Check, CheckScope } from "../check.ts";
import { isReady } from "../../pod-http.ts";

async function requireAll(
  client: KubeClient,
  resource: Resource,
  names: readonly string[],
  namespace?: string,
): Promise<void> {
  const missing: string[] = [];
  for (const name of names) {
    if ((await client.find(resource, name, namespace)) === null) missing.push(name);
  }
  if (missing.length > 0) throw new MeshError("not-found", `missing ${resource.kind}s: ${missing.join(", ")}`);
}

function exists(
  id: string,
  description: string,
  resource: Resource,
  names: (namespace: string) => readonly string[],
): Check {
  return {
    id,
    description,
    fatal: true,
    run: async ({ client, linkerdNamespace }) =>
      requireAll(client(), resource, names(linkerdNamespace), resource.namespaced ? linkerdNamespace : undefined),
  };
}

const components = ["linkerd-identity", "linkerd-destination", "linkerd-proxy-injector"] as const;

export const linkerdCrds: readonly string[] = [
  "authorizationpolicies.policy.linkerd.io",
  "egressnetworks.policy.linkerd.io",
  "externalworkloads.workload.linkerd.io",
  "httplocalratelimitpolicies.policy.linkerd.io",
  "httproutes.policy.linkerd.io",
  "meshtlsauthentications.policy.linkerd.io",
  "networkauthentications.policy.linkerd.io",
  "serverauthorizations.policy.linkerd.io",
  "servers.policy.linkerd.io",
  "serviceprofiles.linkerd.io",
];

export const linkerdConfig: Category = {
  id: "linkerd-config",
  checks: [
    exists("l5d-existence-ns", "control plane Namespace exists", resources.namespaces, (namespace) => [namespace]),
    exists("l5d-existence-cr", "control plane ClusterRoles exist", resources.clusterRoles, (namespace) => [
      `linkerd-${namespace}-identity`,
      `linkerd-${namespace}-destination`,
      `linkerd-${namespace}-proxy-injector`,
    ]),
    exists(
      "l5d-existence-crb",
      "control plane ClusterRoleBindings exist",
      resources.clusterRoleBindings,
      (namespace) => [
        `linkerd-${namespace}-identity`,
        `linkerd-${namespace}-destination`,
        `linkerd-${namespace}-proxy-injector`,
      ],
    ),
    exists("l5d-existence-sa", "control plane ServiceAccounts exist", resources.serviceAccounts, () => components),
    exists(
      "l5d-existence-crd",
      "control plane CustomResourceDefinitions exist",
      resources.customResourceDefinitions,
      () => linkerdCrds,
    ),
    exists(
      "l5d-existence-mwc",
      "control plane MutatingWebhookConfigurations exist",
      resources.mutatingWebhookConfigurations,
      () => ["linkerd-proxy-injector-webhook-config"],
    ),
  ],
};

async function controlPlanePods({ client, linkerdNamespace }: CheckScope): Promise<Pod[]> {
  const { items } = await client().list<Pod>(resources.pods, {
    namespace: linkerdNamespace,
    labelSelector: `linkerd.io/control-plane-ns=${linkerdNamespace},linkerd.io/control-plane-component`,
  });
  return items;
}

async function clusterNetworks({ client, linkerdNamespace }: CheckScope): Promise<string[]> {
  const values = await installedValues(client(), linkerdNamespace);
  const networks = values?.["clusterNetworks"];
  if (typeof networks !== "string" || networks === "") {
    throw new MeshError("not-found", `The value "clusterNetworks" is missing in ConfigMap "${configMapName}"`);
  }
  return networks.split(",").map((network) => network.trim());
}

function assertInside(networks: readonly string[], ip: string, what: string): void {
  const address = parseIp(ip);
  if (address !== null && networks.some((network) => containsIp(parseCidr(network), address))) return;
  throw new MeshError(
    "invalid-argument",
    `the Linkerd clusterNetworks [${networks.join(",")}] do not include ${what} (${ip})`,
  );
}

export const linkerdExistence: Category = {
  id: "linkerd-existence",
  checks: [
    exists("l5d-existence-linkerd-config", "'linkerd-config' config map exists", resources.configMaps, () => [
      configMapName,
    ]),
    {
      id: "l5d-existence-replicasets",
      description: "control plane replica sets are ready",
      fatal: true,
      retry: true,
      run: async ({ client, linkerdNamespace }) => {
        const { items } = await client().list<Workload>(resources.replicaSets, {
          namespace: linkerdNamespace,
          labelSelector: "linkerd.io/control-plane-component",
        });
        const waiting = items
          .filter(({ spec, status }) => (spec.replicas ?? 1) > (status?.readyReplicas ?? 0))
          .map(
            ({ metadata, spec, status }) => `${metadata.name} (${status?.readyReplicas ?? 0}/${spec.replicas ?? 1})`,
          );
        if (waiting.length > 0)
          throw new MeshError("unavailable", `some replica sets are not ready: ${waiting.join(", ")}`);
      },
    },
    {
      id: "l5d-existence-unschedulable-pods",
      description: "no unschedulable pods",
      warning: true,
      run: async (scope) => {
        const stuck = (await controlPlanePods(scope)).filter((pod) =>
          (pod.status?.conditions ?? []).some(({ type, status }) => type === "PodScheduled" && status === "False"),
        );
        if (stuck.length > 0) {
          throw new MeshError("unavailable", `unschedulable pods: ${stuck.map((pod) => pod.metadata.name).join(", ")}`);
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
          if (!own.some(isReady)) throw new MeshError("unavailable", `No running pods for "${component}"`);
        }
      },
    },
    {
      id: "l5d-cluster-networks-cidr",
      description: "cluster networks can be verified",
      run: async (scope) => {
        for (const network of await clusterNetworks(scope)) parseCidr(network);
      },
    },
    {
      id: "l5d-cluster-networks-pods",
      description: "cluster networks contains all pods",
      run: async (scope) => {
        const networks = await clusterNetworks(scope);
        const { items } = await scope.client().list<Pod>(resources.pods);
        for (const { metadata, spec, status } of items) {
          if (spec.hostNetwork === true || status?.podIP === undefined) continue;
          assertInside(networks, status.podIP, `pod "${metadata.namespace}/${metadata.name}"`);
        }
      },
    },
    {
      id: "l5d-cluster-networks-pods",
      description: "cluster networks contains all services",
      run: async (scope) => {
        const networks = await clusterNetworks(scope);
        const { items } = await scope.client().list<Service>(resources.services);
        for (const { metadata, spec } of items) {
          if (spec.clusterIP === undefined || spec.clusterIP === "None" || spec.clusterIP === "") continue;
          assertInside(networks, spec.clusterIP, `service "${metadata.namespace}/${metadata.name}"`);
        }
      },
    },
  ],
};

export const controlPlaneProxy: Category = {
  id: "linkerd-control-plane-proxy",
  checks: [
    {
      id: "l5d-cp-proxy-healthy",
      description: "control plane proxies are healthy",
      fatal: true,
      retry: true,
      run: async (scope) => {
        for (const pod of await controlPlanePods(scope)) {
          const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
          const proxy = statuses.find((status) => status.name === "linkerd-proxy");
          if (proxy === undefined)
            throw new MeshError("unavailable", `The pod "${pod.metadata.name}" has no linkerd-proxy container`);
          if (!proxy.ready)
            throw new MeshError(
              "unavailable",
              `The "linkerd-proxy" container in pod "${pod.metadata.name}" is not ready`,
            );
        }
      },
    },
    {
      id: "l5d-cp-proxy-cli-version",
      description: "control plane proxies and cli versions match",
      warning: true,
      run: async (scope) => {
        for (const pod of await controlPlanePods(scope)) {
          const found = pod.metadata.annotations?.["linkerd.io/proxy-version"];
          if (found !== undefined && found !== scope.cliVersion) {
            throw new MeshError(
              "conflict",
              `${pod.metadata.name} running ${found} but cli running ${scope.cliVersion}`,
            );
          }
        }
      },
    },
  ],
};

export const controlPlaneVersion: Category = {
  id: "control-plane-version",
  checks: [
    {
      id: "l5d-version-control",
      description: "can retrieve the control plane version",
      run: async ({ client, linkerdNamespace }) => {
        await readVersion(client(), linkerdNamespace);
      },
    },
    {
      id: "l5d-version-control",
      description: "control plane and cli versions match",
      warning: true,
      run: async ({ client, linkerdNamespace, cliVersion, expectedVersion }) => {
        const found = await readVersion(client(), linkerdNamespace);
        const wanted = expectedVersion ?? cliVersion;
        if (found !== wanted)
          throw new MeshError(
            "conflict",
            `control plane running ${found} but ${expectedVersion === null ? "cli running" : "expected"} ${wanted}`,
          );
      },
    },
  ],
};
