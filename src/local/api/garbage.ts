/**
 * Garbage collection by owner references (Kubernetes "Garbage Collection"): dependents go when all their owners are gone,
 * foreground deletion waits for dependents, orphaning cuts the references.
 */
import type { Log } from "#lib/log.ts";
import { namespaceOf } from "../store/object.ts";
import type { KubeObject, OwnerReference } from "../store/object.ts";
import type { Store, StoreEvent } from "../store/store.ts";
import type { Catalog } from "./catalog.ts";
import { systemContext } from "./context.ts";
import type { Registry } from "./registry.ts";
import { plainDeletion } from "./registry.ts";
import { isStatus } from "./status-error.ts";

interface Place {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

const placeKey = (place: Place): string => `${place.resource}/${place.namespace}/${place.name}`;

export interface GarbageParts {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly registry: Registry;
  readonly log: Log;
}

/** Owner's uid → its dependents, and every object's uid; kept from the store's events. */
class Graph {
  readonly uids = new Set<string>();
  private readonly dependents = new Map<string, Map<string, Place>>();

  note(event: StoreEvent): void {
    const place = placeOf(event.resource, event.object);
    for (const owner of event.previous?.metadata.ownerReferences ?? []) this.forget(owner.uid, place);
    if (event.type === "DELETED") {
      this.uids.delete(event.object.metadata.uid);
      return;
    }
    this.add(event.resource, event.object);
  }

  add(resource: string, object: KubeObject): void {
    this.uids.add(object.metadata.uid);
    const place = placeOf(resource, object);
    for (const owner of object.metadata.ownerReferences ?? []) {
      const known = this.dependents.get(owner.uid) ?? new Map<string, Place>();
      known.set(placeKey(place), place);
      this.dependents.set(owner.uid, known);
    }
  }

  of(uid: string): Place[] {
    return [...(this.dependents.get(uid)?.values() ?? [])];
  }

  private forget(uid: string, place: Place): void {
    const known = this.dependents.get(uid);
    known?.delete(placeKey(place));
    if (known?.size === 0) this.dependents.delete(uid);
  }
}

function placeOf(resource: string, object: KubeObject): Place {
  return { resource, namespace: namespaceOf(object), name: object.metadata.name };
}

const foreground = "foregroundDeletion";

/** Starts collecting; the result stops it. */
export function collectGarbage(parts: GarbageParts): () => void {
  const { store, log } = parts;
  const graph = new Graph();
  for (const resource of store.resources()) for (const object of store.list(resource)) graph.add(resource, object);
  // What became an orphan while nobody collected.
  for (const resource of store.resources())
    for (const object of store.list(resource)) later(() => judge(parts, graph, placeOf(resource, object)));

  function later(work: () => Promise<void>): void {
    queueMicrotask(() => {
      work().catch((thrown: unknown) => {
        if (!isStatus(thrown, "NotFound") && !isStatus(thrown, "Conflict"))
          log.warn("An object could not be collected", {}, thrown);
      });
    });
  }

  return store.watch(null, (event) => {
    graph.note(event);
    const { object } = event;
    const owners = object.metadata.ownerReferences ?? [];
    if (event.type === "DELETED") {
      for (const place of graph.of(object.metadata.uid)) later(() => judge(parts, graph, place));
      // An owner that waits in the foreground may have waited for this one.
      for (const owner of owners) later(() => finishOwner(parts, graph, object, owner));
      return;
    }
    if (object.metadata.deletionTimestamp !== undefined) {
      const place = placeOf(event.resource, object);
      if (object.metadata.finalizers?.includes("orphan") === true) later(() => orphan(parts, graph, place));
      if (object.metadata.finalizers?.includes(foreground) === true) later(() => deleteDependents(parts, graph, place));
    }
    if (owners.length > 0 && owners.every((owner) => !graph.uids.has(owner.uid))) {
      later(() => judge(parts, graph, placeOf(event.resource, object)));
    }
  });
}

/** Deletes an object without living owners; drops references to dead ones when others live. */
async function judge(parts: GarbageParts, graph: Graph, place: Place): Promise<void> {
  const { store, registry, catalog } = parts;
  const object = store.get(place.resource, place.namespace, place.name);
  const info = catalog.findKey(place.resource);
  const owners = object?.metadata.ownerReferences ?? [];
  if (object === null || info === null || owners.length === 0) return;
  const living = owners.filter((owner) => graph.uids.has(owner.uid));
  if (living.length === owners.length) return;
  if (living.length > 0) {
    await registry.modify(info, place.namespace, place.name, (current) => withOwners(current, graph), systemContext());
    return;
  }
  if (object.metadata.deletionTimestamp !== undefined) return;
  await registry.delete(
    info,
    place.namespace,
    place.name,
    { ...plainDeletion, propagation: "Background", uid: object.metadata.uid },
    systemContext(),
  );
}

function withOwners(current: KubeObject, graph: Graph): KubeObject {
  const ownerReferences = (current.metadata.ownerReferences ?? []).filter((owner) => graph.uids.has(owner.uid));
  return { ...current, metadata: { ...current.metadata, ownerReferences, resourceVersion: "" } };
}

async function removeFinalizer(parts: GarbageParts, place: Place, finalizer: string): Promise<void> {
  const info = parts.catalog.findKey(place.resource);
  if (info === null) return;
  const change = (current: KubeObject): KubeObject => {
    const finalizers = (current.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    return { ...current, metadata: { ...current.metadata, finalizers, resourceVersion: "" } };
  };
  await parts.registry.modify(info, place.namespace, place.name, change, systemContext());
}

async function orphan(parts: GarbageParts, graph: Graph, place: Place): Promise<void> {
  const owner = parts.store.get(place.resource, place.namespace, place.name);
  if (owner === null) return;
  for (const dependent of graph.of(owner.metadata.uid)) {
    const info = parts.catalog.findKey(dependent.resource);
    if (info === null) continue;
    const change = (current: KubeObject): KubeObject => {
      const ownerReferences = (current.metadata.ownerReferences ?? []).filter(
        (reference) => reference.uid !== owner.metadata.uid,
      );
      return { ...current, metadata: { ...current.metadata, ownerReferences, resourceVersion: "" } };
    };
    await parts.registry.modify(info, dependent.namespace, dependent.name, change, systemContext());
  }
  await removeFinalizer(parts, place, "orphan");
}

/** Foreground: every dependent is told to go, in the foreground too; the owner follows when none that blocks is left. */
async function deleteDependents(parts: GarbageParts, graph: Graph, place: Place): Promise<void> {
  const owner = parts.store.get(place.resource, place.namespace, place.name);
  if (owner === null) return;
  let waiting = 0;
  for (const dependent of graph.of(owner.metadata.uid)) {
    const object = parts.store.get(dependent.resource, dependent.namespace, dependent.name);
    const info = parts.catalog.findKey(dependent.resource);
    if (object === null || info === null) continue;
    if (object.metadata.deletionTimestamp === undefined) {
      const deletion = { ...plainDeletion, propagation: "Foreground", uid: object.metadata.uid } as const;
      await parts.registry.delete(info, dependent.namespace, dependent.name, deletion, systemContext());
    }
    const left = parts.store.get(dependent.resource, dependent.namespace, dependent.name);
    const reference = left?.metadata.ownerReferences?.find((item) => item.uid === owner.metadata.uid);
    if (reference?.blockOwnerDeletion === true) waiting++;
  }
  if (waiting === 0) await removeFinalizer(parts, place, foreground);
}

async function finishOwner(
  parts: GarbageParts,
  graph: Graph,
  dependent: KubeObject,
  reference: OwnerReference,
): Promise<void> {
  const [group = "", version] = reference.apiVersion.includes("/")
    ? reference.apiVersion.split("/")
    : ["", reference.apiVersion];
  const info = version === undefined ? null : parts.catalog.findKind(group, reference.kind);
  if (info === null) return;
  const namespace = info.namespaced ? namespaceOf(dependent) : "";
  const owner = parts.store.get(info.key, namespace, reference.name);
  if (owner?.metadata.uid !== reference.uid || owner.metadata.finalizers?.includes(foreground) !== true) return;
  if (owner.metadata.deletionTimestamp === undefined) return;
  await deleteDependents(parts, graph, { resource: info.key, namespace, name: reference.name });
}
