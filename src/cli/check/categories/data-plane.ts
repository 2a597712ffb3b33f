/** Are the proxies of the applications there, ready and of this version? */
import { MeshError } from "#lib/errors.ts";
import { includesPort, parsePortRanges } from "#model/opaque-ports.ts";
import { resources } from "#kube/resource.ts";
import type { Pod, Service } from "#kube/types/core.ts";
import type { Category, CheckScope } from "../check.ts";

async function meshedPods(scope: CheckScope): Promise<Pod[]> {
  const { items } = await scope.client().list<Pod>(resources.pods, {
    labelSelector: "linkerd.io/control-plane-ns",
    ...(scope.dataPlaneNamespace === null ? {} : { namespace: scope.dataPlaneNamespace }),
  });
  return items;
}

function nameOf(pod: Pod): string {
  return `${pod.metadata.namespace}/${pod.metadata.name}`;
}

function list(names: readonly string[]): string {
  return names.map((name) => `  * ${name}`).join("\n");
}

export const dataPlane: Category = {
  id: "linkerd-data-plane",
  checks: [
    {
      id: "l5d-data-plane-exists",
      description: "data plane namespace exists",
      fatal: true,
      run: async ({ client, dataPlaneNamespace }) => {
        if (dataPlaneNamespace !== null) await client().get(resources.namespaces, dataPlaneNamespace);
      },
    },
    {
      id: "l5d-data-plane-ready",
      description: "data plane proxies are ready",
      fatal: true,
      retry: true,
      run: async (scope) => {
        const pods = await meshedPods(scope);
        if (pods.length === 0) throw new MeshError("not-found", 'No "linkerd-proxy" containers found');
        for (const pod of pods) {
          if (pod.status?.phase === "Succeeded" || pod.metadata.deletionTimestamp !== undefined) continue;
          const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
          const proxy = statuses.find((status) => status.name === "linkerd-proxy");
          if (proxy?.ready !== true) {
            throw new MeshError(
              "unavailable",
              `The "linkerd-proxy" container in the "${nameOf(pod)}" pod is not ready`,
            );
          }
        }
      },
    },
    {
      id: "l5d-data-plane-cli-version",
      description: "data plane and cli versions match",
      warning: true,
      run: async (scope) => {
        const other = (await meshedPods(scope)).filter((pod) => {
          const found = pod.metadata.annotations?.["linkerd.io/proxy-version"];
          return found !== undefined && found !== scope.cliVersion;
        });
        if (other.length > 0) {
          const names = other.map(
            (pod) => `${nameOf(pod)} (${pod.metadata.annotations?.["linkerd.io/proxy-version"]})`,
          );
          throw new MeshError("conflict", `cli is at ${scope.cliVersion}, these proxies are not:\n${list(names)}`);
        }
      },
    },
    {
      id: "l5d-data-plane-pod-labels",
      description: "data plane pod labels are configured correctly",
      warning: true,
      run: async (scope) => {
        const wrong = (await meshedPods(scope)).filter(
          (pod) => pod.metadata.labels?.["linkerd.io/inject"] !== undefined,
        );
        if (wrong.length > 0) {
          throw new MeshError(
            "invalid-argument",
            `linkerd.io/inject must be an annotation, not a label, of:\n${list(wrong.map(nameOf))}`,
          );
        }
      },
    },
  ],
};

export const opaquePorts: Category = {
  id: "linkerd-opaque-ports-definition",
  checks: [
    {
      id: "linkerd-opaque-ports-definition",
      description: "opaque ports are properly annotated",
      warning: true,
      run: async (scope) => {
        const pods = await meshedPods(scope);
        const { items } = await scope
          .client()
          .list<Service>(
            resources.services,
            scope.dataPlaneNamespace === null ? {} : { namespace: scope.dataPlaneNamespace },
          );
        const problems: string[] = [];
        for (const { metadata, spec } of items) {
          const onService = parsePortRanges(metadata.annotations?.["config.linkerd.io/opaque-ports"] ?? "");
          const selector = Object.entries(spec.selector ?? {});
          if (selector.length === 0) continue;
          for (const pod of pods) {
            if (pod.metadata.namespace !== metadata.namespace) continue;
            if (!selector.every(([key, value]) => pod.metadata.labels?.[key] === value)) continue;
            const onPod = parsePortRanges(pod.metadata.annotations?.["config.linkerd.io/opaque-ports"] ?? "");
            for (const { port, targetPort } of spec.ports ?? []) {
              const target = typeof targetPort === "number" ? targetPort : port;
              if (
                onPod.length > 0 &&
                includesPort(onPod, target) !== includesPort(onService, port) &&
                includesPort(onService, port)
              ) {
                problems.push(
                  `service ${metadata.namespace}/${metadata.name} port ${port} is opaque, pod ${pod.metadata.name} says otherwise`,
                );
              }
            }
          }
        }
        if (problems.length > 0) throw new MeshError("conflict", [...new Set(problems)].join("\n"));
      },
    },
  ],
};
