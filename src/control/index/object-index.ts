import type { WatchHandler } from "#kube/watch.ts";

/** What every decoded object carries. `namespace` is "" for cluster-scoped ones. */
export interface IndexedObject {
  readonly metadata: { readonly namespace?: string; readonly name: string; readonly resourceVersion?: string };
}

export function objectKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** How an index calls its objects. */
export interface Naming<T> {
  /** The topic of an object by its name is "NAMED:namespace/name"; it is announced and not looked for, so it is not kept. */
  readonly named?: string;
  /** Its other topics. */
  readonly topicsOf?: (object: T) => readonly string[];
}

/**
 * The objects of one kind, by name and by topic. A topic is a string under which an object is looked for and changes of it
 * are announced, e.g. "ip:10.0.0.1"; an object may have several.
 */
export class ObjectIndex<T extends IndexedObject> implements WatchHandler<T> {
  private readonly objects = new Map<string, T>();
  /** Of most topics there is one object: a set for each would take more than the objects. */
  private readonly topics = new Map<string, string | Set<string>>();
  private readonly named: string | undefined;
  private readonly topicsOf: (object: T) => readonly string[];
  private readonly touch: (topic: string) => void;

  /** Whether a list has come in: before, the index says nothing about what exists. */
  fed = false;

  constructor({ named, topicsOf = () => [] }: Naming<T>, touch: (topic: string) => void) {
    this.named = named;
    this.topicsOf = topicsOf;
    this.touch = touch;
  }

  get size(): number {
    return this.objects.size;
  }

  get(namespace: string, name: string): T | undefined {
    return this.objects.get(objectKey(namespace, name));
  }

  /** The objects that have this topic. */
  find(topic: string): T[] {
    const found: T[] = [];
    const keys = this.topics.get(topic) ?? [];
    for (const key of typeof keys === "string" ? [keys] : keys) {
      const object = this.objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  values(): IterableIterator<T> {
    return this.objects.values();
  }

  /** Name and version of everything, for the comparison with a fresh list. */
  versions(): Map<string, string> {
    const versions = new Map<string, string>();
    for (const [key, object] of this.objects) versions.set(key, object.metadata.resourceVersion ?? "");
    return versions;
  }

  apply(object: T): void {
    const key = objectKey(object.metadata.namespace ?? "", object.metadata.name);
    const touched = new Set(this.drop(key));
    this.objects.set(key, object);
    for (const topic of this.topicsOf(object)) {
      touched.add(topic);
      const keys = this.topics.get(topic);
      if (keys === undefined || keys === key) this.topics.set(topic, key);
      else if (typeof keys === "string") this.topics.set(topic, new Set([keys, key]));
      else keys.add(key);
    }
    for (const topic of touched) this.touch(topic);
    this.touchName(key);
  }

  delete(namespace: string, name: string): void {
    const key = objectKey(namespace, name);
    if (!this.objects.has(key)) return;
    for (const topic of this.drop(key)) this.touch(topic);
    this.touchName(key);
  }

  reset(all: readonly T[], removed: ReadonlyArray<{ readonly namespace: string; readonly name: string }>): void {
    this.fed = true;
    for (const { namespace, name } of removed) this.delete(namespace, name);
    for (const object of all) this.apply(object);
  }

  private touchName(key: string): void {
    if (this.named !== undefined) this.touch(`${this.named}:${key}`);
  }

  private drop(key: string): readonly string[] {
    const object = this.objects.get(key);
    if (object === undefined) return [];
    this.objects.delete(key);
    const topics = this.topicsOf(object);
    for (const topic of topics) {
      const keys = this.topics.get(topic);
      if (keys === key) this.topics.delete(topic);
      if (keys === undefined || typeof keys === "string") continue;
      keys.delete(key);
      const [only] = keys;
      if (keys.size === 1 && only !== undefined) this.topics.set(topic, only);
    }
    return topics;
  }
}
