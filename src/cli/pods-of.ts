/** Finds the pods behind what a user types: `deploy/web`, `pod/web-1`, `web-1`, or a label selector. */
import { MeshError } from "#lib/errors.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources, type Resource } from "#kube/resource.ts";
import type { Workload } from "#kube/types/apps.ts";
import type { Pod, Service } from "#kube/types/core.ts";
import type { KubeObject, LabelSelector } from "#kube/types/meta.ts";
import { parseResource, resourceKind, type ResourceKind } from "#viz/client/resource-kinds.ts";

const workloads: Partial<Readonly<Record<ResourceKind, Resource>>> = {
  deployment: resources.deployments,
  replicaset: resources.replicaSets,
  daemonset: resources.daemonSets,
  statefulset: resources.statefulSets,
  replicationcontroller: resources.replicationControllers,
  job: resources.jobs,
};

/** The pods of one resource, running ones first. Throws "not-found" when the resource or all its pods are missing. */
export async function podsOf(client: KubeClient, typed: string, namespace: string): Promise<Pod[]> {
  const ref = typed.includes("/")
    ? parseResource([typed], namespace)
    : { kind: "pod" as const, name: typed, namespace };
  const { kind, name } = ref;
  if (name === null || name === "")
    throw new MeshError("invalid-argument", `Name a resource, such as deploy/web, not "${typed}"`);
  if (!typed.includes("/") && resourceKind(typed) !== null) {
    throw new MeshError("invalid-argument", `Name one ${resourceKind(typed)}, such as ${typed}/web`);
  }
  if (kind === "pod") return [await client.get<Pod>(resources.pods, name, namespace)];
  const selector = await selectorOf(client, kind, name, namespace);
  const { items } = await client.list<Pod>(resources.pods, {
    namespace,
    ...(selector === "" ? {} : { labelSelector: selector }),
  });
  if (items.length === 0) throw new MeshError("not-found", `No pod belongs to ${kind} "${namespace}/${name}"`);
  return items.toSorted((a, b) => Number(b.status?.phase === "Running") - Number(a.status?.phase === "Running"));
}

async function selectorOf(client: KubeClient, kind: ResourceKind, name: string, namespace: string): Promise<string> {
  if (kind === "namespace") return "";
  if (kind === "service") {
    const service = await client.get<Service>(resources.services, name, namespace);
    return selectorText({ matchLabels: service.spec.selector ?? {} });
  }
  const resource = workloads[kind];
  if (resource === undefined)
    throw new MeshError("invalid-argument", `A ${kind} has no pods of its own; name a workload or a pod`);
  const workload = await client.get<Workload & KubeObject>(resource, name, namespace);
  return selectorText(workload.spec.selector ?? { matchLabels: workload.spec.template.metadata?.labels ?? {} });
}

/** A selector object in the form that list requests take. */
export function selectorText(selector: LabelSelector): string {
  const parts = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    if (operator === "Exists") parts.push(key);
    else if (operator === "DoesNotExist") parts.push(`!${key}`);
    else parts.push(`${key} ${operator === "In" ? "in" : "notin"} (${values.join(",")})`);
  }
  return parts.join(",");
}

/** The port of a container by its port's name, e.g. the proxy's "linkerd-admin". */
export function containerPort(pod: Pod, container: string, portName: string, fallback: number): number {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const found = all.find((candidate) => candidate.name === container);
  return found?.ports?.find((port) => port.name === portName)?.containerPort ?? fallback;
}
