/**
 * Garbage collection by owner references: dependents go when their last owner is gone; "Foreground" waits for them,
 * "Orphan" cuts the references (Kubernetes: "Garbage Collection").
 */
import { isStatus } from "../api/status-error.ts";
import { namespaceOf, type KubeObject } from "../store/object.ts";
import { createQueue, ignoreMissing, type ControllerContext } from "./context.ts";
import { resourceOf } from "./resource-of.ts";

interface Place {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
}

/** How soon an owner that waits for its dependents is looked at again, ms. */
const recheck = 200;

export function startGarbageCollector(context: ControllerContext): void {
  const { store, client } = context;
  const places = new Map<string, Place>();
  const dependents = new Map<string, Set<string>>();

  const current = (uid: string): { place: Place; object: KubeObject } | null => {
    const place = places.get(uid);
    if (place === undefined) return null;
    const object = store.get(place.key, place.namespace, place.name);
    return object === null || object.metadata.uid !== uid ? null : { place, object };
  };

  /** Finalizers are changed from a fresh read, so that no other one is lost. */
  const dropFinalizer = async (uid: string, finalizer: string): Promise<void> => {
    const found = current(uid);
    if (found === null) return;
    const finalizers = (found.object.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    const { namespace, name, key } = found.place;
    await ignoreMissing(client.patch(resourceOf(key, found.object), namespace, name, { metadata: { finalizers } }));
  };

  const remove = async (uid: string): Promise<void> => {
    const found = current(uid);
    if (found === null || found.object.metadata.deletionTimestamp !== undefined) return;
    const { key, namespace, name } = found.place;
    try {
      await client.delete(resourceOf(key, found.object), namespace, name, { uid, propagationPolicy: "Background" });
    } catch (thrown) {
      if (!isStatus(thrown, "NotFound") && !isStatus(thrown, "Conflict")) throw thrown;
    }
  };

  const cut = async (uid: string, owner: string): Promise<void> => {
    const found = current(uid);
    if (found === null) return;
    const ownerReferences = (found.object.metadata.ownerReferences ?? []).filter(
      (reference) => reference.uid !== owner,
    );
    const { key, namespace, name } = found.place;
    await ignoreMissing(
      client.patch(resourceOf(key, found.object), namespace, name, { metadata: { ownerReferences } }),
    );
  };

  const queue = createQueue(context, "garbage", async (uid) => {
    const found = current(uid);
    const below = [...(dependents.get(uid) ?? [])];
    if (found === null) {
      // The owner is gone: dependents without any other owner go too.
      for (const dependent of below) queue.add(dependent);
      dependents.delete(uid);
      return undefined;
    }
    const { metadata } = found.object;
    const owners = metadata.ownerReferences ?? [];
    if (owners.length > 0 && owners.every((owner) => current(owner.uid) === null)) {
      await remove(uid);
      return undefined;
    }
    if (metadata.deletionTimestamp === undefined) return undefined;
    const finalizers = metadata.finalizers ?? [];
    if (finalizers.includes("orphan")) {
      for (const dependent of below) await cut(dependent, uid);
      await dropFinalizer(uid, "orphan");
    } else if (finalizers.includes("foregroundDeletion")) {
      const live = below.filter((dependent) => current(dependent) !== null);
      for (const dependent of live) await remove(dependent);
      if (below.some((dependent) => current(dependent) !== null)) return recheck;
      await dropFinalizer(uid, "foregroundDeletion");
    }
    return undefined;
  });

  const seen = (key: string, object: KubeObject, gone: boolean): void => {
    const { uid, ownerReferences = [], deletionTimestamp } = object.metadata;
    if (gone) places.delete(uid);
    else places.set(uid, { key, namespace: namespaceOf(object), name: object.metadata.name });
    for (const owner of ownerReferences) {
      const set = dependents.get(owner.uid) ?? new Set();
      if (gone) set.delete(uid);
      else set.add(uid);
      if (set.size > 0) dependents.set(owner.uid, set);
      else dependents.delete(owner.uid);
      if (gone && deletionTimestamp !== undefined) queue.add(owner.uid);
    }
    if (gone || deletionTimestamp !== undefined || ownerReferences.length > 0) queue.add(uid);
  };
  context.onStop(store.watch(null, ({ type, resource, object }) => seen(resource, object, type === "DELETED")));
  for (const key of store.resources()) for (const object of store.list(key)) seen(key, object, false);
}
