/** Keys that need work: each once at a time, failures repeated later and later. */
import type { Clock, Timer } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import { isStatus } from "../api/status-error.ts";

/** Delay before the nth repetition of a failed key, ms. */
export function retryDelay(failures: number): number {
  return Math.min(30_000, 10 * 2 ** Math.min(failures, 12));
}

/** What a reconciler may answer: look at the key again in so many ms; undefined: only when something changes. */
export type Again = number | undefined;

export class WorkQueue {
  private readonly name: string;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly reconcile: (key: string) => Promise<Again>;
  private readonly queued = new Set<string>();
  private readonly busy = new Set<string>();
  private readonly failures = new Map<string, number>();
  private readonly timers = new Map<string, Timer>();
  private stopped = false;

  constructor(options: { name: string; clock: Clock; log: Log; reconcile: (key: string) => Promise<Again> }) {
    this.name = options.name;
    this.clock = options.clock;
    this.log = options.log;
    this.reconcile = options.reconcile;
  }

  /** The key needs work. Added while it is worked on, it is worked on once more. */
  add(key: string): void {
    if (this.stopped || this.queued.has(key)) return;
    this.queued.add(key);
    if (!this.busy.has(key)) queueMicrotask(() => void this.work(key));
  }

  /** As {@link add}, `delay` ms from now, unless it is due earlier anyway. */
  addAfter(key: string, delay: number): void {
    if (this.stopped || this.timers.has(key)) return;
    this.timers.set(
      key,
      this.clock.after(delay, () => {
        this.timers.delete(key);
        this.add(key);
      }),
    );
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers.values()) timer.cancel();
    this.queued.clear();
  }

  private async work(key: string): Promise<void> {
    if (this.busy.has(key) || !this.queued.delete(key)) return;
    this.busy.add(key);
    try {
      const again = await this.reconcile(key);
      this.failures.delete(key);
      if (again !== undefined) this.addAfter(key, again);
    } catch (thrown) {
      const failures = (this.failures.get(key) ?? 0) + 1;
      this.failures.set(key, failures);
      // Another writer was first: that is normal, and the next look sees what it wrote.
      if (!isStatus(thrown, "Conflict")) this.log.warn("Reconciling failed", { controller: this.name, key }, thrown);
      this.addAfter(key, retryDelay(failures));
    }
    this.busy.delete(key);
    if (this.queued.has(key)) void this.work(key);
  }
}

/** "namespace/name"; the namespace is "" for cluster-scoped objects. */
export function keyOf(object: { readonly metadata: { readonly namespace?: string; readonly name: string } }): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}

export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf("/");
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
