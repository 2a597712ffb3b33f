/**
 * Values computed from the indexes, kept up to date while somebody watches them.
 *
 * A computation names what it reads (topics such as "pod:web/a"); when an index touches a topic, what was computed from it is
 * computed anew. Changes that come together are handled together: touching only marks, `schedule` decides when to compute.
 */
import type { Log } from "#lib/log.ts";
import { type ReadonlyWatchable, Watchable } from "#lib/watchable.ts";

/** Says that the computation under way depends on this topic. */
export type Track = (topic: string) => void;

/** For reading once, without being told of changes. */
export const untracked: Track = () => {};

/** A shared value; `release` it exactly when no longer watched. */
export interface Lease<T> {
  readonly value: ReadonlyWatchable<T>;
  release(): void;
}

interface Node {
  readonly key: string;
  topics: Set<string>;
  users: number;
  /** Computes and publishes if the result differs. */
  update(): void;
}

interface ValueNode<T> extends Node {
  readonly watchable: Watchable<T>;
}

export class Derivations {
  private readonly byKey = new Map<string, Node>();
  private readonly byTopic = new Map<string, Set<Node>>();
  private readonly dirty = new Set<Node>();
  private readonly schedule: (run: () => void) => void;
  private readonly log: Log;
  private scheduled = false;
  /** Computations that threw; the last good value stays. */
  failures = 0;

  /** `schedule`: runs its argument once, soon; what is touched until then is computed in one go. */
  constructor(schedule: (run: () => void) => void, log: Log) {
    this.schedule = schedule;
    this.log = log;
  }

  /** How many values are kept. */
  get size(): number {
    return this.byKey.size;
  }

  /**
   * The value of `key`, computed now if nobody else watches it. All who ask for the same key share one computation, so the
   * key must say everything that `compute` depends on besides the indexes.
   */
  acquire<T>(key: string, compute: (track: Track) => T, same: (before: T, after: T) => boolean): Lease<T> {
    const known = this.byKey.get(key) as ValueNode<T> | undefined;
    if (known !== undefined) {
      // It may be waiting to be computed: whoever comes now must not see the past.
      if (this.dirty.delete(known)) known.update();
      known.users++;
      return this.lease(known);
    }
    const topics = new Set<string>();
    const node: ValueNode<T> = {
      key,
      topics,
      users: 1,
      watchable: new Watchable(compute((topic) => topics.add(topic))),
      update: () => this.recompute(node, compute, same),
    };
    this.byKey.set(key, node);
    for (const topic of topics) this.subscribe(topic, node);
    return this.lease(node);
  }

  /** Told of every topic that is touched; set by who writes back what the indexes lead to. */
  onTouch: (topic: string) => void = () => {};

  touch(topic: string): void {
    this.onTouch(topic);
    const nodes = this.byTopic.get(topic);
    if (nodes === undefined) return;
    for (const node of nodes) this.dirty.add(node);
    if (this.scheduled) return;
    this.scheduled = true;
    this.schedule(() => this.flush());
  }

  /** Computes what was touched. */
  flush(): void {
    this.scheduled = false;
    const nodes = [...this.dirty];
    this.dirty.clear();
    for (const node of nodes) if (node.users > 0) node.update();
  }

  private recompute<T>(node: ValueNode<T>, compute: (track: Track) => T, same: (before: T, after: T) => boolean): void {
    const topics = new Set<string>();
    let value: T;
    try {
      value = compute((topic) => topics.add(topic));
    } catch (thrown) {
      this.failures++;
      this.log.error(`Computing "${node.key}" failed, the last value stays`, {}, thrown);
      return;
    }
    for (const topic of node.topics) if (!topics.has(topic)) this.unsubscribe(topic, node);
    for (const topic of topics) if (!node.topics.has(topic)) this.subscribe(topic, node);
    node.topics = topics;
    if (!same(node.watchable.get(), value)) node.watchable.set(value);
  }

  private lease<T>(node: ValueNode<T>): Lease<T> {
    let held = true;
    return {
      value: node.watchable,
      release: () => {
        if (!held) return;
        held = false;
        node.users--;
        if (node.users > 0) return;
        this.byKey.delete(node.key);
        this.dirty.delete(node);
        for (const topic of node.topics) this.unsubscribe(topic, node);
      },
    };
  }

  private subscribe(topic: string, node: Node): void {
    const nodes = this.byTopic.get(topic);
    if (nodes === undefined) this.byTopic.set(topic, new Set([node]));
    else nodes.add(node);
  }

  private unsubscribe(topic: string, node: Node): void {
    const nodes = this.byTopic.get(topic);
    if (nodes === undefined) return;
    nodes.delete(node);
    if (nodes.size === 0) this.byTopic.delete(topic);
  }
}
