/** What every controller is given. */
import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { LocalClient } from "../api/client.ts";
import type { ResourceRef } from "../api/resource-ref.ts";
import { isStatus } from "../api/status-error.ts";
import type { EventRecorder } from "../node/event-recorder.ts";
import type { KubeObject } from "../store/object.ts";
import type { Store } from "../store/store.ts";
import { WorkQueue, type Again } from "./work-queue.ts";

export interface ControllerContext {
  readonly client: LocalClient;
  /** For controllers that look at objects of every kind. */
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  /** PEM of the API server's authority. */
  readonly caPem: string;
  /** Takes what has to be ended at the end. */
  readonly onStop: (stop: () => void) => void;
}

export function createQueue(
  context: ControllerContext,
  name: string,
  reconcile: (key: string) => Promise<Again>,
): WorkQueue {
  const queue = new WorkQueue({ name, clock: context.clock, log: context.log, reconcile });
  context.onStop(() => queue.stop());
  return queue;
}

/** Adds keys to a queue for every change of a resource; `keys` also sees the state before. */
export function watchKeys<T extends KubeObject>(
  context: ControllerContext,
  resource: ResourceRef,
  queue: WorkQueue,
  keys: (object: T) => Iterable<string>,
): void {
  context.onStop(
    context.client.watch<T>(resource, {}, ({ object, previous }) => {
      for (const key of keys(object)) queue.add(key);
      if (previous !== null) for (const key of keys(previous)) queue.add(key);
    }),
  );
}

/** Writes a status when it differs. */
export async function writeStatus(
  context: ControllerContext,
  resource: ResourceRef,
  object: KubeObject & { status?: unknown },
  status: unknown,
): Promise<void> {
  if (Bun.deepEquals(object.status ?? {}, status)) return;
  await ignoreMissing(context.client.updateStatus(resource, { ...object, status }));
}

/** What was to be changed or deleted is gone already: fine. */
export async function ignoreMissing(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (thrown) {
    if (!isStatus(thrown, "NotFound")) throw thrown;
  }
}

/** Somebody made it already: fine. */
export async function ignoreExisting(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (thrown) {
    if (!isStatus(thrown, "AlreadyExists")) throw thrown;
  }
}
