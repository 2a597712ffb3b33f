/** Paths of pages. Names are encoded: they may hold anything. */
import type { WorkloadRef } from "#viz/web/view.ts";
import { plural } from "./format.ts";

export const overviewPath = "/namespaces";

export function namespacePath(namespace: string): string {
  return `/namespaces/${encodeURIComponent(namespace)}`;
}

export function topologyPath(namespace: string | null): string {
  return namespace === null ? "/topology" : `/topology?namespace=${encodeURIComponent(namespace)}`;
}

export function tapPath({ namespace, kind, name }: WorkloadRef): string {
  return `/tap?${new URLSearchParams({ namespace, kind, name }).toString()}`;
}

/** Null for what has no page: destinations outside the cluster and Services. A namespace in a graph leads to its own graph. */
export function workloadPath({ namespace, kind, name }: WorkloadRef): string | null {
  if (kind === "namespace") return topologyPath(name);
  if (namespace === "" || kind === "service" || kind === "authority") return null;
  return `${namespacePath(namespace)}/${plural(kind)}/${encodeURIComponent(name)}`;
}

export const refId = ({ namespace, kind, name }: WorkloadRef): string => `${namespace}/${kind}/${name}`;
