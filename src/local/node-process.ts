/** The process inside the sandbox: settings come on standard input, and its end is the end of the cluster. */
import { systemClock } from "#lib/clock.ts";
import { errorChain } from "#lib/errors.ts";
import { createLog, stderrSink } from "#lib/log.ts";
import { startNode } from "./app.ts";
import { encodeMessage, LineReader, type NodeMessage, type NodeSettings } from "./launcher/protocol.ts";

/** Never throws. Exit code 0 for an orderly end. */
export async function runNode(): Promise<number> {
  const started = performance.now();
  const tell = (message: NodeMessage): void => {
    process.stdout.write(encodeMessage(message));
  };
  const lines = new LineReader();
  const input = Bun.stdin.stream().getReader();
  const readSettings = async (): Promise<NodeSettings | null> => {
    for (;;) {
      const { done, value } = await input.read();
      if (done || value === undefined) return null;
      const [line] = lines.push(value);
      if (line !== undefined) return JSON.parse(line) as NodeSettings;
    }
  };
  const settings = await readSettings();
  if (settings === null) return 0;
  const log = createLog(stderrSink(settings.logLevel), "linkerd::local");
  // One pod's trouble must not end the cluster.
  process.on("uncaughtException", (thrown) => log.error("A bug: an exception was not handled", {}, thrown));
  process.on("unhandledRejection", (thrown) => log.error("A bug: a rejection was not handled", {}, thrown));
  try {
    await startNode(settings, { clock: systemClock, log, progress: (text) => tell({ kind: "progress", text }) });
  } catch (thrown) {
    log.error("Starting the cluster failed", {}, thrown);
    tell({ kind: "failed", message: errorChain(thrown) });
    return 1;
  }
  tell({ kind: "ready", milliseconds: Math.round(performance.now() - started) });
  // The launcher keeps the other end open; that it closes is the order to end, and also what its crash looks like.
  for (;;) {
    const { done } = await input.read();
    if (done) break;
  }
  // Everything else of the sandbox dies with this process: the kernel kills a process namespace as a whole.
  return 0;
}
