/**
 * A watch over HTTP: one JSON object a line. A reader that falls behind by more than the limit is cut; it starts over with
 * a list, as after any broken connection.
 */
import type { Clock, Timer } from "#lib/clock.ts";
import type { KubeObject } from "../../store/object.ts";
import type { Store, StoreEvent } from "../../store/store.ts";
import { visible } from "../in-process-client.ts";
import type { ResourceInfo } from "../resource-info.ts";
import type { Filter } from "../selector/filter.ts";
import { StatusError } from "../status-error.ts";

/** Bytes that may wait for a reader. */
const maxQueued = 16 * 1024 * 1024;
/** Milliseconds between bookmarks. */
const bookmarkEvery = 60_000;

export interface WatchRequest {
  readonly info: ResourceInfo;
  readonly filter: Filter;
  readonly namespace: string;
  /** Start after this revision; null: begin with the state as it is. */
  readonly from: number | null;
  readonly bookmarks: boolean;
  /** End the initial state with a marked bookmark (sendInitialEvents). */
  readonly markInitial: boolean;
  /** Milliseconds until the watch ends by itself. */
  readonly timeout: number;
  /** The object as the client asked for it. `first` is true for the first event of the watch. */
  readonly render: (object: KubeObject, first: boolean) => unknown;
}

const encoder = new TextEncoder();

export function watchStream(store: Store, clock: Clock, watch: WatchRequest): ReadableStream<Uint8Array> {
  const { info, filter } = watch;
  let queue: Uint8Array[] = [];
  let queued = 0;
  let first = true;
  let ended = false;
  let stop = (): void => {};
  const timers: Timer[] = [];
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;

  function end(): void {
    if (ended) return;
    ended = true;
    stop();
    for (const timer of timers) timer.cancel();
    flush();
  }

  function flush(): void {
    if (controller === null) return;
    while (queue.length > 0 && (controller.desiredSize ?? 0) > 0) {
      // One chunk for all that waits: a burst of events is one write.
      const chunk = queue.length === 1 ? queue[0] : Buffer.concat(queue);
      queue = [];
      queued = 0;
      if (chunk !== undefined) controller.enqueue(chunk);
    }
    if (ended && queue.length === 0) {
      const closing = controller;
      controller = null;
      closing.close();
    }
  }

  function send(type: string, object: unknown): void {
    const line = encoder.encode(`${JSON.stringify({ type, object })}\n`);
    queue.push(line);
    queued += line.length;
    first = false;
    if (queued > maxQueued) {
      // Cut: what waits is dropped, the connection ends, the client lists again.
      queue = [];
      queued = 0;
      end();
    }
  }

  function onEvent(event: StoreEvent): void {
    const type = visible(event, filter);
    if (type === null || ended) return;
    send(type, watch.render(event.object, first));
    flush();
  }

  function bookmark(marked: boolean): void {
    const metadata = {
      resourceVersion: String(store.revision),
      ...(marked ? { annotations: { "k8s.io/initial-events-end": "true" } } : {}),
    };
    const apiVersion = info.group === "" ? info.version : `${info.group}/${info.version}`;
    send("BOOKMARK", { kind: info.kind, apiVersion, metadata });
  }

  function keepMarking(): void {
    if (!watch.bookmarks || ended) return;
    timers[1] = clock.after(bookmarkEvery, () => {
      bookmark(false);
      flush();
      keepMarking();
    });
  }

  function begin(): void {
    if (watch.from === null) {
      for (const object of store.list(info.key, watch.namespace)) {
        if (filter(object)) send("ADDED", watch.render(object, first));
      }
      if (watch.markInitial) bookmark(true);
    } else {
      const missed = store.since(info.key, watch.from);
      if (missed === null) {
        const message = `too old resource version: ${watch.from} (${store.oldest})`;
        send("ERROR", new StatusError("Expired", message).status);
        end();
        return;
      }
      for (const event of missed) onEvent(event);
    }
    stop = store.watch(info.key, onEvent);
    timers[0] = clock.after(watch.timeout, end);
    keepMarking();
  }

  return new ReadableStream<Uint8Array>(
    {
      start(opened) {
        controller = opened;
        begin();
        // The runtime sends the head of a response with its first bytes, and clients wait for the head: JSON readers skip
        // white space.
        if (queue.length === 0) queue.push(encoder.encode("\n"));
        flush();
      },
      pull() {
        flush();
      },
      cancel() {
        controller = null;
        queue = [];
        end();
      },
    },
    { highWaterMark: 4 },
  );
}
