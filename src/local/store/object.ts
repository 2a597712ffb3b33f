/** The shape every Kubernetes object has, as far as the store and the API server read it. */

/** A back-reference from a dependent to its owner in the same namespace (or to a cluster-scoped owner). */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  /** True for the one owner that manages the object. */
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** `metadata`. Times are RFC 3339 in UTC with whole seconds. */
export interface ObjectMeta {
  name: string;
  /** Absent on cluster-scoped objects. */
  namespace?: string;
  generateName?: string;
  uid: string;
  /** The store's revision of the last write, in decimal; opaque to clients. */
  resourceVersion: string;
  /** Counts changes of everything but metadata and status. */
  generation?: number;
  creationTimestamp: string;
  /** Set while finalizers or a grace period hold the removal back. */
  deletionTimestamp?: string;
  /** Seconds. */
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
}

/**
 * An object as it is stored. The store deep-freezes what it keeps and hands out the same reference to every reader:
 * to change one, `structuredClone` it first.
 */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** An object before the API server completed its metadata. */
export interface NewObject {
  apiVersion: string;
  kind: string;
  metadata: Partial<ObjectMeta>;
  [field: string]: unknown;
}

/** The namespace of an object, "" when it is cluster-scoped. */
export function namespaceOf(object: { readonly metadata: { readonly namespace?: string } }): string {
  return object.metadata.namespace ?? "";
}

/** Freezes an object graph in place, so that a reader who writes into shared state fails at once. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const child of Object.values(value)) deepFreeze(child);
  return value;
}
