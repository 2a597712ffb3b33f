/** Do Services and the pods behind them agree on which ports are opaque? Where they don't, one side detects in vain. */
import { MeshError } from "#lib/errors.ts";
import { includesPort, parsePortRanges } from "#lib/port-list.ts";
import { defaultOpaquePorts } from "#model/opaque-ports.ts";
import { resources } from "#kube/resource.ts";
import type { ContainerPort, Pod, Service } from "#kube/types/core.ts";
import { bullets, type Category } from "../check.ts";
import { dataPlanePods } from "./proxies.ts";

const annotation = "config.linkerd.io/opaque-ports";

export const opaquePorts: Category = {
  id: "linkerd-opaque-ports-definition",
  checks: [
    {
      id: "linkerd-opaque-ports-definition",
      description: "opaque ports are properly annotated",
      warning: true,
      run: async (scope) => {
        const pods = await dataPlanePods(scope);
        const { items } = await scope
          .client()
          .list<Service>(
            resources.services,
            scope.dataPlaneNamespace === null ? {} : { namespace: scope.dataPlaneNamespace },
          );
        const problems = new Set(items.flatMap((service) => pods.flatMap((pod) => disagreements(service, pod))));
        if (problems.size > 0) throw new MeshError("conflict", bullets([...problems]).trimStart());
      },
    },
  ],
};

/** What a Service and a pod that it selects say differently. */
export function disagreements(service: Service, pod: Pod): string[] {
  const selector = Object.entries(service.spec.selector ?? {});
  if (selector.length === 0 || service.spec.clusterIP === "None") return [];
  if (pod.metadata.namespace !== service.metadata.namespace) return [];
  if (!selector.every(([key, value]) => pod.metadata.labels?.[key] === value)) return [];
  const ports = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].flatMap((each) => each.ports ?? []);
  const problems: string[] = [];
  for (const servicePort of service.spec.ports ?? []) {
    const target = targetOf(servicePort.targetPort ?? servicePort.port, ports);
    if (target === null) continue;
    const onService = isOpaque(service.metadata.annotations, servicePort.port, ports);
    const onPod = isOpaque(pod.metadata.annotations, target, ports);
    const name = service.metadata.name;
    if (onService && !onPod && ports.some(({ containerPort }) => containerPort === target)) {
      problems.push(
        `service ${name} expects target port ${target} to be opaque; add it to pod ${pod.metadata.name} ${annotation} annotation`,
      );
    } else if (onPod && !onService) {
      problems.push(
        target === servicePort.port
          ? `service ${name} targets the opaque port ${target}; add it to its ${annotation} annotation`
          : `service ${name} targets the opaque port ${target} through ${servicePort.port}; add ${servicePort.port} to its ${annotation} annotation`,
      );
    }
  }
  return problems;
}

function targetOf(target: number | string, ports: readonly ContainerPort[]): number | null {
  if (typeof target === "number") return target;
  return ports.find(({ name }) => name === target)?.containerPort ?? null;
}

/** Without an annotation of its own an object has the default list. Names of the pod's ports may stand for their numbers. */
function isOpaque(
  annotations: Readonly<Record<string, string>> | undefined,
  port: number,
  ports: readonly ContainerPort[],
): boolean {
  const list = (annotations?.[annotation] ?? defaultOpaquePorts)
    .split(",")
    .map((part) => ports.find(({ name }) => name === part.trim())?.containerPort ?? part.trim())
    .filter((part) => /^\d+(-\d+)?$/.test(String(part)));
  return includesPort(parsePortRanges(list.join(",")), port);
}
