import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { KubeClient } from "./client.ts";
import { resources } from "./resource.ts";
import type { ObjectReference } from "./types/core.ts";

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

/**
 * Writes Kubernetes Events in the background, one at a time. It never fails its caller.
 * https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
 */
export class EventWriter {
  dropped = 0;
  private readonly queue: KubeEvent[] = [];
  private writing = false;
  private readonly client: Pick<KubeClient, "create">;
  private readonly component: string;
  private readonly clock: Clock;
  private readonly log: Log;

  /** `component`: who reports, e.g. "linkerd-identity". */
  constructor(
    client: Pick<KubeClient, "create">,
    component: string,
    deps: { readonly clock: Clock; readonly log: Log },
  ) {
    this.client = client;
    this.component = component;
    this.clock = deps.clock;
    this.log = deps.log;
  }

  write(event: KubeEvent): void {
    if (this.queue.length >= queueLimit) {
      this.dropped++;
      return;
    }
    this.queue.push(event);
    if (!this.writing) void this.drain();
  }

  private async drain(): Promise<void> {
    this.writing = true;
    for (let event = this.queue.shift(); event !== undefined; event = this.queue.shift()) {
      const now = new Date(this.clock.wall()).toISOString().replace(/\.\d+Z$/, "Z");
      const namespace = event.object.namespace ?? "default";
      try {
        await this.client.create(resources.events, {
          apiVersion: "v1",
          kind: "Event",
          metadata: { generateName: `${event.object.name ?? this.component}.`, namespace },
          involvedObject: event.object,
          reason: event.reason,
          message: event.message.slice(0, 1024),
          type: event.type,
          source: { component: this.component },
          reportingComponent: this.component,
          reportingInstance: this.component,
          firstTimestamp: now,
          lastTimestamp: now,
          count: 1,
        });
      } catch (thrown) {
        this.log.warn("Writing an Event failed", { reason: event.reason, namespace }, thrown);
      }
    }
    this.writing = false;
  }
}
