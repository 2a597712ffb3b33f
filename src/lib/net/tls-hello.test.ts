/** Hellos that come in pieces, that are broken, and that are none. */
import { expect, test } from "bun:test";
import { seededRandom } from "../random.ts";
import { ConnectionLimit, listen } from "./listen.ts";
import type { Socket } from "./socket.ts";
import { code, dial, plain, recordHello, serve, serverContext } from "./testing/handshakes.ts";
import { Recorder } from "./testing/recorder.ts";
import { upgradeServer } from "./tls.ts";

test("takes a ClientHello split at every byte, read before the upgrade or not", async () => {
  const hello = await recordHello();
  expect(hello.length).toBeGreaterThan(150);
  // A replayed hello can't be finished by its client, but a server that answers has understood it.
  for (const peek of [false, true]) {
    const listener = serve({}, peek);
    const answers: Array<Promise<number>> = [];
    for (let cut = 1; cut < hello.length; cut++) answers.push(replay(listener.port, hello, cut));
    // 22: a handshake record, the ServerHello. An alert would be 21.
    expect(new Set(await Promise.all(answers))).toEqual(new Set([22]));
    listener.close();
  }
});

test("takes a handshake that comes byte by byte", async () => {
  const listener = serve({}, true);
  const relay = listen({ ip: "127.0.0.1", port: 0 }, (near) => byteRelay(near, listener.port));
  const [client, server] = await Promise.all([dial(relay.addr.port), listener.next()]);
  expect([code(client), code(server)]).toEqual(["secure", "secure"]);
  const recorder = new Recorder();
  (server as Socket).handler = recorder;
  (client as Socket).write(Buffer.from("hello"), 0, 5);
  await recorder.until((r) => r.received === 5);
  listener.close();
  relay.close();
  (client as Socket).terminate();
});

test("refuses what is no TLS at all, and a peer that leaves in the middle", async () => {
  const listener = serve();
  const results: string[] = [];
  for (const [bytes, stay] of [
    [Buffer.from("GET / HTTP/1.1\r\n\r\n"), true],
    [Buffer.concat([Buffer.of(22, 3, 1, 2, 0, 1), Buffer.alloc(600, 0xff)]), true],
    [Buffer.of(22, 3, 1, 2, 0, 1, 0), false],
  ] as const) {
    const socket = await plain(listener.port);
    socket.write(bytes, 0, bytes.length);
    if (!stay) socket.shutdown();
    results.push(code(await listener.next()));
    socket.terminate();
  }
  listener.close();
  expect(results).toEqual(["tls-handshake", "tls-handshake", "connection-reset"]);
});

test("mutated and truncated hellos are refused and leave nothing behind", async () => {
  const hello = await recordHello();
  const random = seededRandom(3);
  const limit = new ConnectionLimit(1000);
  let refused = 0;
  const listener = listen({ ip: "127.0.0.1", port: 0, limit }, (socket) => {
    upgradeServer(
      socket,
      { context: serverContext, alpn: ["h2"], initial: Buffer.alloc(0) },
      { onSecure: () => expect.unreachable(), onFail: () => void refused++ },
    );
  });
  const attack = async (round: number): Promise<void> => {
    const bad = Buffer.from(hello);
    for (let flips = 0; flips < 1 + (round % 4); flips++) {
      bad[Math.floor(random.next() * bad.length)] = Math.floor(random.next() * 256);
    }
    const length = round % 3 === 0 ? Math.floor(random.next() * bad.length) : bad.length;
    const socket = await plain(listener.addr.port);
    const recorder = new Recorder();
    socket.handler = recorder;
    socket.write(bad, 0, length);
    await Bun.sleep(1);
    if (round % 2 === 0) socket.terminate();
    else socket.close();
    await recorder.until((r) => r.closed);
  };
  for (let round = 0; round < 300; round += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, index) => attack(round + index)));
  }
  for (let turn = 0; turn < 500 && limit.open > 0; turn++) await Bun.sleep(1);
  listener.close();
  expect([limit.open, refused]).toEqual([0, 300]);
});

/** Sends the hello in two pieces; answers the first byte of what comes back, -1 when nothing does. */
function replay(port: number, hello: Buffer, cut: number): Promise<number> {
  return new Promise((resolve) => {
    void plain(port).then((socket) => {
      socket.handler = {
        onData(_socket, chunk) {
          resolve(chunk[0] ?? -1);
          socket.terminate();
        },
        onDrain() {},
        onEnd: () => resolve(-1),
        onClose: () => resolve(-1),
      };
      socket.write(hello, 0, cut);
      setTimeout(() => socket.write(hello, cut, hello.length - cut), 3);
    });
  });
}

/** Passes what `near` sends on to a port, one byte per write and turn. */
function byteRelay(near: Socket, port: number): void {
  near.pause();
  void plain(port).then((far) => {
    let queue = Buffer.alloc(0);
    let busy = false;
    const step = (): void => {
      if (queue.length === 0 || far.closed) {
        busy = false;
        return;
      }
      far.write(queue, 0, 1);
      queue = queue.subarray(1);
      setImmediate(step);
    };
    near.handler = {
      onData(_socket, chunk) {
        queue = Buffer.concat([queue, chunk]);
        if (busy) return;
        busy = true;
        step();
      },
      onDrain() {},
      onEnd: () => far.close(),
      onClose: () => far.terminate(),
    };
    far.handler = {
      onData: (_socket, chunk) => void near.write(chunk, 0, chunk.length),
      onDrain() {},
      onEnd: () => near.close(),
      onClose: () => near.terminate(),
    };
    near.resume();
  });
}
