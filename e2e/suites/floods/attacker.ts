/**
 * `attacker.ts KIND IP PORT CONNECTIONS SECONDS`: does one kind of harm over some connections, and opens each again a while after
 * it was cut. Prints how often it was cut and how long that took.
 */
import { attacks, type Attack } from "./attacks.ts";

const [kind = "", ip = "", port = "", connections = "", seconds = ""] = process.argv.slice(2);
const attack = attacks[kind];
if (attack === undefined) throw new Error(`There is no attack "${kind}"`);
const end = performance.now() + Number(seconds) * 1000;
const reopenAfter = 1000;

/** What an attack came to. Times in ms, from a connection's start to its end by the proxy. */
export interface Outcome {
  opened: number;
  /** Connections that the proxy ended, and the longest time that took. */
  cut: number;
  slowestCut: number;
  /** Connections still there at the end. */
  held: number;
  sentBytes: number;
  /** The last error code of a GOAWAY, or HTTP/1 status line. */
  said: string;
}
const outcome: Outcome = { opened: 0, cut: 0, slowestCut: 0, held: 0, sentBytes: 0, said: "" };

function open(attack: Attack): void {
  if (performance.now() > end - reopenAfter) return;
  const start = performance.now();
  let waiting: Buffer = Buffer.alloc(0);
  const state = { over: false };
  const produce = attack.start();
  const pump = (socket: Bun.Socket): void => {
    // For no longer than this at once, so that closing is seen.
    for (let turn = 0; turn < 16 && !state.over; turn++) {
      if (waiting.length === 0) waiting = produce(performance.now() - start) ?? Buffer.alloc(0);
      if (waiting.length === 0) break;
      const written = socket.write(waiting, 0, waiting.length);
      if (written < 0) return;
      outcome.sentBytes += written;
      waiting = waiting.subarray(written);
      if (waiting.length > 0) return;
    }
    if (!state.over) setTimeout(() => pump(socket), attack.pause);
  };
  const closed = (): void => {
    if (state.over) return;
    state.over = true;
    outcome.held--;
    if (performance.now() > end) return;
    outcome.cut++;
    outcome.slowestCut = Math.max(outcome.slowestCut, performance.now() - start);
    setTimeout(() => open(attack), reopenAfter);
  };
  void Bun.connect({
    hostname: ip,
    port: Number(port),
    socket: {
      open(socket) {
        outcome.opened++;
        outcome.held++;
        if (attack.reads === false) socket.pause();
        pump(socket);
      },
      data(_socket, chunk) {
        const at = chunk.lastIndexOf(goaway);
        if (at >= 3 && chunk.length >= at + 14) outcome.said = `GOAWAY ${chunk.readUInt32BE(at + 10)}`;
        else if (chunk.subarray(0, 5).toString("latin1") === "HTTP/") {
          outcome.said = chunk.subarray(0, chunk.indexOf("\r\n")).toString("latin1");
        }
      },
      drain: pump,
      end(socket) {
        socket.end();
        closed();
      },
      close: closed,
      error: closed,
    },
  }).catch(() => setTimeout(() => open(attack), reopenAfter));
}
/** Type, flags and stream of a GOAWAY frame. */
const goaway = Buffer.from([7, 0, 0, 0, 0, 0]);

// Not all at once: this is no flood of connections.
for (let index = 0; index < Number(connections); index++) setTimeout(() => open(attack), index);
setTimeout(
  () => {
    console.log(JSON.stringify(outcome));
    process.exit(0);
  },
  Number(seconds) * 1000,
);
