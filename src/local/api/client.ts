/**
 * The API server as controllers and the node of the same process see it.
 *
 * Reads are synchronous and cost nothing: they hand out the stored, frozen objects (`structuredClone` before changing
 * one). Writes run the same defaulting, validation and admission as a request over HTTPS, with the rights of the
 * cluster itself. A failed write rejects with a {@link StatusError} whose `status` is what kubectl would print.
 */
import type { EventType } from "../store/store.ts";
import type { KubeObject, NewObject } from "../store/object.ts";
import type { ResourceRef } from "./resource-ref.ts";

export interface ListOptions {
  /** Only this namespace; default all. */
  readonly namespace?: string;
  /** As in `kubectl -l`: "app=web,tier in (a,b),!canary". */
  readonly labelSelector?: string;
  /** As in `kubectl --field-selector`: "spec.nodeName=local,status.phase!=Failed". */
  readonly fieldSelector?: string;
}

export interface DeleteOptions {
  /** Seconds; pods only; 0 removes at once. Default: the pod's own. */
  readonly gracePeriodSeconds?: number;
  /** What happens to dependents. Default "Background". */
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
  /** Delete only this incarnation; else 409. */
  readonly uid?: string;
}

export interface PatchOptions {
  /** How `patch` is read. Default "merge" (RFC 7396); "json" is RFC 6902, "strategic" Kubernetes' own. */
  readonly type?: "merge" | "json" | "strategic";
  /** Patch only this part ("status" or "scale"). */
  readonly subresource?: string;
}

/** One change. `previous` is null for ADDED; an object that comes to match the selectors is ADDED, one that stops is DELETED. */
export interface LocalEvent<T> {
  readonly type: EventType;
  readonly object: T;
  readonly previous: T | null;
}

export interface LocalClient {
  /** The object, or null. `namespace` is "" for cluster-scoped resources. */
  get<T extends KubeObject = KubeObject>(resource: ResourceRef, namespace: string, name: string): T | null;
  /** Ordered by namespace and name. */
  list<T extends KubeObject = KubeObject>(resource: ResourceRef, options?: ListOptions): T[];
  create<T extends KubeObject = KubeObject>(resource: ResourceRef, object: NewObject): Promise<T>;
  /** Replaces all but status. With a stale `metadata.resourceVersion` it rejects with 409; "" means whatever is stored. */
  update<T extends KubeObject = KubeObject>(resource: ResourceRef, object: T): Promise<T>;
  /** Replaces status only. */
  updateStatus<T extends KubeObject = KubeObject>(resource: ResourceRef, object: T): Promise<T>;
  patch<T extends KubeObject = KubeObject>(
    resource: ResourceRef,
    namespace: string,
    name: string,
    patch: unknown,
    options?: PatchOptions,
  ): Promise<T>;
  /** Resolves when the deletion is accepted: the object is gone or carries a deletionTimestamp. Rejects with 404. */
  delete(resource: ResourceRef, namespace: string, name: string, options?: DeleteOptions): Promise<void>;
  /**
   * Calls `onEvent` with ADDED for every object there is, before it returns, then for each change, in order, each in a
   * microtask of its own after the write. The result ends the watch. `onEvent` must not throw.
   */
  watch<T extends KubeObject = KubeObject>(
    resource: ResourceRef,
    options: ListOptions,
    onEvent: (event: LocalEvent<T>) => void,
  ): () => void;
  /** Assigns a pending pod to a node (POST pods/NAME/binding). */
  bind(namespace: string, pod: string, node: string): Promise<void>;
  /** Says that a namespace that is being deleted is empty, which removes it (PUT namespaces/NAME/finalize). */
  finalizeNamespace(name: string): Promise<void>;
  /** A ServiceAccount token for a pod's projected volume (TokenRequest). Lifetime in seconds; default audience: the API server. */
  createToken(
    namespace: string,
    serviceAccount: string,
    options: {
      readonly audiences?: readonly string[];
      readonly lifetime: number;
      readonly pod?: { name: string; uid: string };
    },
  ): Promise<{ readonly token: string; readonly expires: number }>;
}
