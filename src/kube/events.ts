import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { KubeClient } from "./client.ts";
import { resources } from "./resource.ts";
import type { ObjectReference } from "./types/core.ts";
import type { KubeObject } from "./types/meta.ts";

export interface KubeEvent {
  /** What it is about. Cluster-scoped objects' events go to namespace "default". */
  readonly object: ObjectReference;
  readonly type: "Normal" | "Warning";
  /** One word in CamelCase, e.g. "IssuerUpdated". */
  readonly reason: string;
  readonly message: string;
}

/** Events waiting at most; more are dropped and counted: they are for people, not for decisions. */
const queueLimit = 100;
/** The same event again within so many ms is counted up in the first one, as Kubernetes' own programs do. */
const repeatWithin = 10 * 60_000;
/** Events that are remembered for that; the oldest are forgotten. */
const rememberLimit = 256;
/** Of one reason: as many at once, then one each so many ms. A thousand pods that start together are no thousand news. */
const burst = 50;
const refill = 12_000;

interface Written {
  readonly name: string;
  readonly at: number;
  count: number;
}

interface Allowance {
  tokens: number;
  at: number;
}

/**
 * Writes Kubernetes Events in the background, one at a time. It never fails its caller.
 * https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
 */
export class EventWriter {
  dropped = 0;
  private readonly queue: KubeEvent[] = [];
  private readonly written = new Map<string, Written>();
  private readonly allowances = new Map<string, Allowance>();
  private writing = false;
  private readonly client: Pick<KubeClient, "create" | "patch">;
  private readonly component: string;
  private readonly clock: Clock;
  private readonly log: Log;

  /** `component`: who reports, e.g. "linkerd-identity". */
  constructor(
    client: Pick<KubeClient, "create" | "patch">,
    component: string,
    deps: { readonly clock: Clock; readonly log: Log },
  ) {
    this.client = client;
    this.component = component;
    this.clock = deps.clock;
    this.log = deps.log;
  }

  write(event: KubeEvent): void {
    if (this.queue.length >= queueLimit || !this.allowed(event.reason)) {
      this.dropped++;
      return;
    }
    this.queue.push(event);
    if (!this.writing) void this.drain();
  }

  private allowed(reason: string): boolean {
    const now = this.clock.now();
    let allowance = this.allowances.get(reason);
    if (allowance === undefined) this.allowances.set(reason, (allowance = { tokens: burst, at: now }));
    allowance.tokens = Math.min(burst, allowance.tokens + (now - allowance.at) / refill);
    allowance.at = now;
    if (allowance.tokens < 1) return false;
    allowance.tokens--;
    return true;
  }

  private async drain(): Promise<void> {
    this.writing = true;
    for (let event = this.queue.shift(); event !== undefined; event = this.queue.shift()) {
      try {
        await this.put(event);
      } catch (thrown) {
        const namespace = namespaceOf(event);
        this.log.warn("Writing an Event failed", { reason: event.reason, namespace }, thrown);
      }
    }
    this.writing = false;
  }

  private async put(event: KubeEvent): Promise<void> {
    const { object, reason, type, message } = event;
    const namespace = namespaceOf(event);
    const now = new Date(this.clock.wall()).toISOString().replace(/\.\d+Z$/, "Z");
    const key = [namespace, object.kind, object.name, object.uid, reason, message].join("\n");
    const known = this.written.get(key);
    this.written.delete(key);
    if (known !== undefined && this.clock.now() - known.at < repeatWithin) {
      known.count++;
      const target = { name: known.name, namespace };
      await this.client.patch(resources.events, target, "merge", { count: known.count, lastTimestamp: now });
      this.remember(key, known);
      return;
    }
    const created = await this.client.create<KubeObject | undefined>(resources.events, {
      apiVersion: "v1",
      kind: "Event",
      metadata: { generateName: `${object.name ?? this.component}.`, namespace },
      involvedObject: object,
      reason,
      message: message.slice(0, 1024),
      type,
      source: { component: this.component },
      reportingComponent: this.component,
      reportingInstance: this.component,
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    });
    const name = created?.metadata?.name;
    if (name !== undefined) this.remember(key, { name, at: this.clock.now(), count: 1 });
  }

  private remember(key: string, written: Written): void {
    this.written.set(key, written);
    if (this.written.size <= rememberLimit) return;
    for (const oldest of this.written.keys()) {
      this.written.delete(oldest);
      break;
    }
  }
}

function namespaceOf({ object }: KubeEvent): string {
  return object.namespace ?? "default";
}
