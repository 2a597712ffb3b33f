/**
 * `limits-garbage.ts HELLO IP:PORT…`: sends to each port random bytes, broken heads and mutated ClientHellos, then the
 * hello split at every byte. Fails when the peer keeps a finished connection open for more than 15 s.
 */
const [hello = "", ...targets] = process.argv.slice(2);
const helloBytes = Buffer.from(hello, "hex");
const perPort = 400;
let seed = 7;
/** Repeatable, so that a failure can be looked at. */
function random(below: number): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
  return seed % below;
}

function garbage(index: number): Buffer {
  if (index % 4 === 0) return Buffer.from(Array.from({ length: 1 + random(3000) }, () => random(256)));
  if (index % 4 === 1)
    return Buffer.from(
      `GET / HTTP/1.1\r\nHost: a\r\n${"\0".repeat(random(3))}x${" ".repeat(random(9))}: ${random(99)}\n\n`,
    );
  if (index % 4 === 2)
    return Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Buffer.alloc(random(500), random(256))]);
  const copy = Buffer.from(helloBytes);
  for (let i = 0; i < 4; i++) copy[5 + random(copy.length - 5)] = random(256);
  return copy;
}

/** Sends the pieces one after another, ends its side, and waits for the peer's end. */
async function send(target: string, pieces: readonly Buffer[]): Promise<void> {
  const [ip = "", port = ""] = target.split(":");
  const over = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: ip,
    port: Number(port),
    allowHalfOpen: true,
    socket: { data() {}, end: () => over.resolve(), close: () => over.resolve(), error: () => over.resolve() },
  }).catch(() => null);
  if (socket === null) return; // refused: nobody listens there in this namespace
  for (const piece of pieces) {
    socket.write(piece, 0, piece.length);
    if (pieces.length > 1) await Bun.sleep(1);
  }
  socket.shutdown();
  const timer = setTimeout(() => {
    console.error(
      `${target} did not end a connection within 15 s after ${pieces.map((piece) => piece.length).join("+")} bytes`,
    );
    process.exit(1);
  }, 15_000);
  await over.promise;
  clearTimeout(timer);
  socket.terminate();
}

async function inParallel(count: number, run: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await run(index);
  };
  await Promise.all(Array.from({ length: 50 }, worker));
}

for (const target of targets) {
  await inParallel(perPort, (index) => send(target, [garbage(index)]));
  await inParallel(helloBytes.length - 1, (index) =>
    send(target, [helloBytes.subarray(0, index + 1), helloBytes.subarray(index + 1)]),
  );
}
console.log(`${targets.length} ports: ${perPort} kinds of garbage and ${helloBytes.length - 1} split hellos each`);
process.exit(0);
