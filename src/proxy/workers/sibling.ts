/** The other end of siblings.ts: answers the first process, and ends with it. */
import { parseLevelFilter, type LogSink } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import { textInTurns } from "#lib/metrics/text.ts";
import { hello, isAsk, type Answer } from "./messages.ts";

export interface SiblingSide {
  readonly registry: Registry;
  readonly sink: LogSink;
  readonly notReady: () => readonly string[];
}

/** Lines of metrics before others get a turn. */
const linesPerTurn = 2000;

/** @param onOrphaned the first process is gone */
export function serveFirst(side: SiblingSide, onOrphaned: () => void): void {
  process.on("disconnect", onOrphaned);
  process.on("message", (message: unknown) => {
    if (!isAsk(message)) return;
    const reply = (text: string): void => void process.send?.({ id: message.id, text } satisfies Answer);
    switch (message.ask) {
      case "metrics":
        void textInTurns(side.registry, linesPerTurn).then(reply);
        return;
      case "missing":
        reply(side.notReady().join(", "));
        return;
      case "log":
        side.sink.filter = parseLevelFilter(message.filter);
        reply("");
    }
  });
  process.send?.({ id: hello, text: "" } satisfies Answer);
}
