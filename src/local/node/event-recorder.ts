/** Kubernetes Events: what happened to an object, repeated ones counted. */
import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { LocalClient } from "../api/client.ts";
import { resources } from "../api/resource-ref.ts";
import type { KubeObject, NewObject } from "../store/object.ts";
import { timestamp } from "./container-record.ts";

/** Events kept at most; the oldest are removed. */
const keep = 1_000;

export class EventRecorder {
  private readonly client: LocalClient;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly component: string;
  private readonly known = new Map<string, { namespace: string; name: string; count: number }>();
  private chain: Promise<void> = Promise.resolve();
  private counter = 0;

  constructor(options: { client: LocalClient; clock: Clock; log: Log; component: string }) {
    this.client = options.client;
    this.clock = options.clock;
    this.log = options.log;
    this.component = options.component;
  }

  record(object: KubeObject, type: "Normal" | "Warning", reason: string, message: string): void {
    // One after the other, so that an Event exists before it is counted.
    this.chain = this.chain
      .then(() => this.write(object, type, reason, message))
      .catch((thrown: unknown) => {
        // The namespace may be on its way out.
        this.log.debug("Recording an event failed", { reason, error: String(thrown) });
      });
  }

  private async write(object: KubeObject, type: string, reason: string, message: string): Promise<void> {
    const { metadata, kind, apiVersion } = object;
    const namespace = metadata.namespace ?? "default";
    const text = message.slice(0, 1024);
    const key = `${metadata.uid} ${reason} ${text}`;
    const now = timestamp(this.clock.wall());
    const known = this.known.get(key);
    if (known !== undefined) {
      known.count++;
      await this.client.patch(resources.events, known.namespace, known.name, {
        count: known.count,
        lastTimestamp: now,
      });
      return;
    }
    const name = `${metadata.name.slice(0, 200)}.${Math.floor(this.clock.wall() * 1000 + (this.counter++ % 1000)).toString(16)}`;
    const event: NewObject = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name, namespace },
      involvedObject: {
        apiVersion,
        kind,
        namespace: metadata.namespace ?? "",
        name: metadata.name,
        uid: metadata.uid,
        resourceVersion: metadata.resourceVersion,
      },
      reason,
      message: text,
      type,
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component: this.component, host: "local" },
      reportingComponent: this.component,
      reportingInstance: "local",
    };
    await this.client.create(resources.events, event);
    this.known.set(key, { namespace, name, count: 1 });
    if (this.known.size <= keep) return;
    const [oldest] = this.known;
    if (oldest === undefined) return;
    this.known.delete(oldest[0]);
    await this.client.delete(resources.events, oldest[1].namespace, oldest[1].name).catch(() => {});
  }
}
