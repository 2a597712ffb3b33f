/**
 * The cluster's state: objects by resource, namespace and name under one global revision, with a bounded history.
 *
 * Everything is synchronous. A write commits, is persisted, and only then reaches the watchers; a watcher that writes in
 * its callback doesn't reorder what the others see. The store knows nothing of kinds, defaults or validation.
 */
import { MeshError } from "#lib/errors.ts";
import { deepFreeze, namespaceOf } from "./object.ts";
import type { KubeObject } from "./object.ts";
import type { Persistence } from "./persistence.ts";

export type EventType = "ADDED" | "MODIFIED" | "DELETED";

/** One committed write. */
export interface StoreEvent {
  readonly type: EventType;
  /** The revision that this write made. */
  readonly revision: number;
  /** {@link storageKey} of the resource. */
  readonly resource: string;
  /** The object after the write; of a deletion the last state, with the deletion's resourceVersion. */
  readonly object: KubeObject;
  /** The object before the write, null for ADDED. */
  readonly previous: KubeObject | null;
}

export interface StoreOptions {
  /** How many past events a watch can start from, default 10,000. Older ones are compacted. */
  readonly history?: number;
  /** How many objects are kept at most, default 50,000; one more is refused with "resource-exhausted". */
  readonly maxObjects?: number;
  /** Where state outlives the process; default none. */
  readonly persistence?: Persistence | null;
}

/** The name of a resource in the store: its plural, with the group when there is one ("pods", "deployments.apps"). */
export function storageKey(group: string, plural: string): string {
  return group === "" ? plural : `${plural}.${group}`;
}

interface Watcher {
  readonly resource: string | null;
  readonly onEvent: (event: StoreEvent) => void;
  /** Events up to this revision are not for this watcher: it began later. */
  readonly from: number;
}

export class Store {
  private readonly tables = new Map<string, Map<string, KubeObject>>();
  private readonly history: StoreEvent[] = [];
  private readonly watchers = new Set<Watcher>();
  private readonly outbox: StoreEvent[] = [];
  private readonly maxHistory: number;
  private readonly maxObjects: number;
  private readonly persistence: Persistence | null;
  private dispatching = false;
  private objects = 0;
  private current = 1;
  private compacted = 1;

  constructor(options: StoreOptions = {}) {
    this.maxHistory = options.history ?? 10_000;
    this.maxObjects = options.maxObjects ?? 50_000;
    this.persistence = options.persistence ?? null;
    if (this.persistence === null) return;
    const saved = this.persistence.load();
    for (const { resource, object } of saved.objects) {
      this.table(resource).set(objectKey(namespaceOf(object), object.metadata.name), deepFreeze(object));
      this.objects++;
    }
    this.current = Math.max(1, saved.revision);
    this.compacted = this.current;
  }

  /** The revision of the latest write. */
  get revision(): number {
    return this.current;
  }

  /** Watches can start from this revision or a later one. */
  get oldest(): number {
    return this.compacted;
  }

  /** How many objects there are, of all resources. */
  get size(): number {
    return this.objects;
  }

  /** The object, or null. `namespace` is "" for cluster-scoped resources. */
  get(resource: string, namespace: string, name: string): KubeObject | null {
    return this.tables.get(resource)?.get(objectKey(namespace, name)) ?? null;
  }

  /** All objects of a resource, of one namespace when given, ordered by namespace and name. */
  list(resource: string, namespace?: string): KubeObject[] {
    const table = this.tables.get(resource);
    if (table === undefined) return [];
    const prefix = namespace === undefined || namespace === "" ? "" : `${namespace}/`;
    const keys: string[] = [];
    for (const key of table.keys()) if (key.startsWith(prefix)) keys.push(key);
    const items: KubeObject[] = [];
    for (const key of keys.sort()) {
      const object = table.get(key);
      if (object !== undefined) items.push(object);
    }
    return items;
  }

  /** The resources that have objects. */
  resources(): string[] {
    return [...this.tables.entries()].filter(([, table]) => table.size > 0).map(([resource]) => resource);
  }

  /** Adds an object. Throws "conflict" when the name is taken, "resource-exhausted" when the store is full. */
  create(resource: string, object: KubeObject): KubeObject {
    const key = objectKey(namespaceOf(object), object.metadata.name);
    const table = this.table(resource);
    if (table.has(key)) throw new MeshError("conflict", `Object "${key}" of ${resource} exists already`);
    if (this.objects >= this.maxObjects) {
      throw new MeshError("resource-exhausted", `The store holds ${this.maxObjects} objects and takes no more`);
    }
    return this.commit("ADDED", resource, key, object, null);
  }

  /**
   * Replaces an object. Throws "not-found" when there is none and "conflict" when it isn't at `expected`, the
   * resourceVersion that the writer read (null: whatever it is now).
   */
  update(resource: string, object: KubeObject, expected: string | null = null): KubeObject {
    const key = objectKey(namespaceOf(object), object.metadata.name);
    return this.commit("MODIFIED", resource, key, object, this.existing(resource, key, expected));
  }

  /** Removes an object and returns its last state. Throws as {@link update} does. */
  delete(resource: string, namespace: string, name: string, expected: string | null = null): KubeObject {
    const key = objectKey(namespace, name);
    const existing = this.existing(resource, key, expected);
    return this.commit("DELETED", resource, key, existing, existing);
  }

  /**
   * Calls `onEvent` for every later write of the resource (null: of all), in order. The result ends the watch.
   * The callback runs inside the write's call; it must not throw.
   */
  watch(resource: string | null, onEvent: (event: StoreEvent) => void): () => void {
    const watcher: Watcher = { resource, onEvent, from: this.current };
    this.watchers.add(watcher);
    return () => {
      this.watchers.delete(watcher);
    };
  }

  /** The events after `revision`, oldest first, or null when some of them were compacted (Kubernetes: 410 Expired). */
  since(resource: string, revision: number): StoreEvent[] | null {
    if (revision < this.compacted) return null;
    return this.history.filter((event) => event.revision > revision && event.resource === resource);
  }

  private table(resource: string): Map<string, KubeObject> {
    let table = this.tables.get(resource);
    if (table === undefined) {
      table = new Map();
      this.tables.set(resource, table);
    }
    return table;
  }

  private existing(resource: string, key: string, expected: string | null): KubeObject {
    const existing = this.tables.get(resource)?.get(key);
    if (existing === undefined) throw new MeshError("not-found", `Object "${key}" of ${resource} does not exist`);
    if (expected !== null && expected !== existing.metadata.resourceVersion) {
      throw new MeshError("conflict", `Object "${key}" of ${resource} was changed by another writer`);
    }
    return existing;
  }

  private commit(
    type: EventType,
    resource: string,
    key: string,
    object: KubeObject,
    previous: KubeObject | null,
  ): KubeObject {
    const revision = this.current + 1;
    const stored = deepFreeze({
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(revision) },
    });
    if (type === "DELETED") this.persistence?.remove(resource, key, revision);
    else this.persistence?.put(resource, key, stored, revision);
    this.current = revision;
    const table = this.table(resource);
    if (type === "DELETED") table.delete(key);
    else table.set(key, stored);
    if (type === "ADDED") this.objects++;
    else if (type === "DELETED") this.objects--;
    const event: StoreEvent = { type, revision, resource, object: stored, previous };
    this.remember(event);
    this.outbox.push(event);
    this.dispatch();
    return stored;
  }

  private remember(event: StoreEvent): void {
    this.history.push(event);
    // Dropping a quarter at a time keeps the cost of a write constant on average.
    if (this.history.length <= this.maxHistory * 1.25) return;
    const dropped = this.history.splice(0, this.history.length - this.maxHistory);
    this.compacted = dropped.at(-1)?.revision ?? this.compacted;
  }

  private dispatch(): void {
    if (this.dispatching) return;
    this.dispatching = true;
    try {
      for (let event = this.outbox.shift(); event !== undefined; event = this.outbox.shift()) {
        for (const watcher of [...this.watchers]) {
          if (watcher.resource !== null && watcher.resource !== event.resource) continue;
          if (event.revision > watcher.from && this.watchers.has(watcher)) watcher.onEvent(event);
        }
      }
    } finally {
      this.dispatching = false;
    }
  }
}

function objectKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}
