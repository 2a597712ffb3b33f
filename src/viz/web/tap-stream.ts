/**
 * Live requests for one page, as an event stream. Rows are collected and sent four times a second; a page that does not keep up
 * loses rows, which it is told, and delays nobody.
 */
import type { Clock, Timer } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { TapLine } from "../client/tap-event.ts";
import type { TapRequest } from "../client/tap-request.ts";
import { TapRows } from "./tap-rows.ts";
import type { TapBatch, TapRow } from "./view.ts";

/** Opens the tap of the mesh; ends when the signal says so. */
export type OpenTap = (request: TapRequest, signal: AbortSignal) => AsyncIterable<TapLine>;

/** ms between two batches. */
const beat = 250;
/** Rows of one batch. */
const batchLimit = 250;
/** Beats without rows after which an empty batch tells that the stream lives. */
const quietBeats = 40;

export interface TapStreamOptions {
  readonly clock: Clock;
  readonly open: OpenTap;
  readonly request: TapRequest;
  readonly onClose: () => void;
  readonly onUnknown: (error: unknown) => void;
}

export function tapStream({ clock, open, request, onClose, onUnknown }: TapStreamOptions): ReadableStream<Uint8Array> {
  const abort = new AbortController();
  const encoder = new TextEncoder();
  const rows = new TapRows();
  let waiting = new Map<string, TapRow>();
  let dropped = 0;
  let droppedAbove = 0;
  let proxies: number | null = null;
  let quiet = 0;
  let timer: Timer | null = null;
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    timer?.cancel();
    abort.abort();
    onClose();
  };

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const send = (batch: TapBatch): void => {
          controller.enqueue(encoder.encode(`data: ${JSON.stringify(batch)}\n\n`));
        };
        const flush = (): void => {
          timer = clock.after(beat, flush);
          if (waiting.size === 0 && ++quiet < quietBeats) return;
          // Its queue is full: rows wait, and beyond the limit they are dropped.
          if ((controller.desiredSize ?? 0) <= 0) return;
          quiet = 0;
          send({ rows: [...waiting.values()], dropped: dropped + droppedAbove, proxies, error: null });
          waiting = new Map();
        };
        const read = async (): Promise<void> => {
          let error: string | null = null;
          try {
            for await (const line of open(request, abort.signal)) {
              if ("event" in line) {
                const row = rows.take(line.event);
                if (row === null) continue;
                if (waiting.has(row.key) || waiting.size < batchLimit) waiting.set(row.key, row);
                else dropped++;
              } else if ("tapping" in line) {
                proxies = line.tapping.proxies;
                quiet = quietBeats;
              } else if ("dropped" in line) {
                droppedAbove = line.dropped.rate + line.dropped.slow;
              }
            }
            error = "Tap ended; start it again";
          } catch (thrown) {
            if (!(thrown instanceof MeshError)) onUnknown(thrown);
            error = thrown instanceof MeshError ? thrown.message : "Tap failed; the log of the dashboard says why";
          }
          if (closed) return;
          send({ rows: [...waiting.values()], dropped: dropped + droppedAbove, proxies, error });
          close();
          controller.close();
        };
        timer = clock.after(beat, flush);
        void read();
      },
      cancel: close,
    },
    new CountQueuingStrategy({ highWaterMark: 4 }),
  );
}
