/**
 * `paced-client.ts IP PORT PATH CONNECTIONS RATE SECONDS`: sends requests at their scheduled times and prints latencies.
 * A latency counts from the millisecond in which the request was due, also when no connection was free to send it, so
 * that a stall of whoever answers shows in every request that it delayed. Late timers of this program don't count.
 */
const [ip = "", port = "", path = "", connectionsText = "", rateText = "", secondsText = ""] = process.argv.slice(2);
const connections = Number(connectionsText);
const rate = Number(rateText);
const total = rate * Number(secondsText);
const request = Buffer.from(`GET ${path} HTTP/1.1\r\nhost: app.bench\r\n\r\n`);

interface Slot {
  /** Scheduled times of requests that were sent and not answered; HTTP/1 answers in order, one at a time. */
  scheduled: number;
  busy: boolean;
  left: number;
  head: string;
}

const latencies: number[] = [];
let failed = 0;
const waiting: number[] = [];
const idle: Array<Bun.Socket<Slot>> = [];

function send(socket: Bun.Socket<Slot>, scheduled: number): void {
  socket.data.scheduled = scheduled;
  socket.data.busy = true;
  socket.data.left = -1;
  socket.data.head = "";
  socket.write(request);
}

function answered(socket: Bun.Socket<Slot>): void {
  latencies.push(performance.now() - socket.data.scheduled);
  socket.data.busy = false;
  const next = waiting.shift();
  if (next === undefined) idle.push(socket);
  else send(socket, next);
}

for (let i = 0; i < connections; i++) {
  const socket = await Bun.connect<Slot>({
    hostname: ip,
    port: Number(port),
    data: { scheduled: 0, busy: false, left: -1, head: "" },
    socket: {
      data(socket, chunk) {
        const slot = socket.data;
        if (slot.left < 0) {
          slot.head += chunk.toString("latin1");
          const end = slot.head.indexOf("\r\n\r\n");
          if (end < 0) return;
          if (!slot.head.startsWith("HTTP/1.1 200")) failed++;
          slot.left = Number(/content-length: (\d+)/i.exec(slot.head)?.[1] ?? 0) - (slot.head.length - end - 4);
        } else {
          slot.left -= chunk.length;
        }
        if (slot.left <= 0) answered(socket);
      },
      close(socket) {
        if (socket.data.busy) failed++;
      },
      error() {
        failed++;
      },
    },
  });
  idle.push(socket);
}

const start = performance.now();
let sent = 0;
while (sent < total) {
  const scheduled = performance.now();
  const due = Math.min(total, Math.floor(((scheduled - start) / 1000) * rate));
  for (; sent < due; sent++) {
    const socket = idle.pop();
    if (socket === undefined) waiting.push(scheduled);
    else send(socket, scheduled);
  }
  await Bun.sleep(1);
}
for (let i = 0; i < 100 && latencies.length + failed < total; i++) await Bun.sleep(20);
latencies.sort((a, b) => a - b);
const at = (share: number): number =>
  latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN;
console.log(JSON.stringify({ p50: at(0.5), p99: at(0.99), failed: failed + total - latencies.length }));
process.exit(0);
