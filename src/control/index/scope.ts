/** Small records of the objects around workloads: namespaces, nodes, and what owns a pod's owner. */
import type { KubeObject } from "#kube/types/meta.ts";
import type { IndexedObject } from "./object-index.ts";
import { Shared } from "./shared.ts";
import type { Owner } from "./workload.ts";

export interface NamespaceRecord extends IndexedObject {
  readonly annotations: Readonly<Record<string, string>>;
}

export function decodeNamespace(object: KubeObject): NamespaceRecord {
  const { name, resourceVersion = "" } = object.metadata;
  const annotations: Record<string, string> = {};
  for (const [key, value] of Object.entries(object.metadata.annotations ?? {})) {
    if (key.includes("linkerd.io/")) annotations[key] = value;
  }
  return { metadata: { name, resourceVersion }, annotations };
}

export interface NodeRecord extends IndexedObject {
  /** "" when the node has no zone. */
  readonly zone: string;
}

export function decodeNode(object: KubeObject): NodeRecord {
  const { name, labels = {}, resourceVersion = "" } = object.metadata;
  return { metadata: { name, resourceVersion }, zone: labels["topology.kubernetes.io/zone"] ?? "" };
}

/** A ReplicaSet or Job with its Deployment or CronJob. */
export interface OwnerRecord extends IndexedObject {
  readonly owner: Owner | null;
}

export function decodeOwner(object: KubeObject, shared = new Shared()): OwnerRecord {
  const { namespace = "", name, resourceVersion = "" } = object.metadata;
  const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true);
  return {
    metadata: { namespace: shared.text(namespace), name, resourceVersion },
    owner: owner === undefined ? null : { kind: shared.text(owner.kind), name: owner.name },
  };
}
