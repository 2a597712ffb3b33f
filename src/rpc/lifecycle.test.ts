import { afterEach, describe, expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { memoryLog } from "#lib/log.ts";
import { connect } from "#lib/net/connect.ts";
import { listen } from "#lib/net/listen.ts";
import type { Socket } from "#lib/net/socket.ts";
import { Destination, UpdateSchema } from "#rpc/gen/destination_pb.ts";
import { Identity } from "#rpc/gen/identity_pb.ts";
import type { GrpcStatus } from "#wire/grpc/status.ts";
import { frameType, writeFrameHeader } from "#wire/http2/frames.ts";
import { RpcClient } from "./client.ts";
import { encodeMessage } from "./message.ts";
import { type RpcServerOptions, createRpcServer } from "./server.ts";
import { implement } from "./service.ts";
import type { StreamWriter } from "./stream-writer.ts";

type Writer = StreamWriter<typeof UpdateSchema>;
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function clientTo(port: number, clock: FakeClock): RpcClient {
  const client = new RpcClient({
    connect: (handler) => connect({ ip: "127.0.0.1", port, timeout: 1000 }, handler),
    authority: "a",
    clock,
  });
  cleanups.push(() => client.close());
  return client;
}

/** A server that accepts and says SETTINGS, and then only listens. */
function silentServer(): { readonly port: number; readonly sockets: Socket[]; received(bytes: number): Promise<void> } {
  const sockets: Socket[] = [];
  let total = 0;
  const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
    sockets.push(socket);
    socket.handler = {
      onData(_socket, chunk) {
        total += chunk.length;
      },
      onDrain() {},
      onEnd: (ended) => ended.close(),
      onClose() {},
    };
    const settings = Buffer.alloc(9);
    writeFrameHeader(settings, 0, 0, frameType.settings, 0, 0);
    socket.write(settings, 0, 9);
  });
  cleanups.push(() => {
    listener.close();
    for (const socket of sockets) socket.terminate();
  });
  return {
    port: listener.addr.port,
    sockets,
    async received(bytes) {
      await eventually(() => total >= bytes);
      total = 0;
    },
  };
}

function serve(clock: FakeClock, get: (writer: Writer) => void = () => {}, options: Partial<RpcServerOptions> = {}) {
  const server = createRpcServer({
    services: [
      implement(Destination, { get: (_request, _context, writer) => get(writer), getProfile() {} }),
      implement(Identity, { certify: () => ({}) }),
    ],
    log: memoryLog().log,
    clock,
    ...options,
  });
  const listener = listen({ ip: "127.0.0.1", port: 0 }, server.accept);
  cleanups.push(() => {
    listener.close();
    server.close();
  });
  return { server, port: listener.addr.port };
}

/** Turns of the event loop until `done`. */
async function eventually(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}

describe("An RPC connection's life", () => {
  test("ends 13 s after the server fell silent: a ping after 10 s, an answer missed after 3 s", async () => {
    const clock = new FakeClock();
    const peer = silentServer();
    const client = clientTo(peer.port, clock);
    const status = new Promise<GrpcStatus>((resolve) => {
      client.serverStream(Destination.method.get, {}, { onMessage() {}, onEnd: resolve });
    });
    await peer.received(100);
    await eventually(() => client.connected);
    clock.advance(10_000);
    await peer.received(17);
    let ended = false;
    void status.then(() => (ended = true));
    clock.advance(2999);
    await Promise.resolve();
    expect(ended).toBe(false);
    clock.advance(1);
    expect(await status).toEqual({
      code: 14,
      message: "The connection was lost: The peer answered no ping for 3000 ms",
    });
  });

  test("goes on with nothing but pings", async () => {
    const clock = new FakeClock();
    let writer: Writer | null = null;
    const { port, server } = serve(clock, (opened) => (writer = opened));
    const client = clientTo(port, clock);
    let ended = false;
    client.serverStream(Destination.method.get, {}, { onMessage() {}, onEnd: () => (ended = true) });
    await eventually(() => writer !== null);
    for (let round = 0; round < 100; round++) {
      clock.advance(10_000);
      await new Promise((resolve) => setTimeout(resolve, 0));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(ended).toBe(false);
    expect(server.counters.activeCalls).toBe(1);
  });

  test("is given up 30 s after the last call, and opened again for the next", async () => {
    const clock = new FakeClock();
    const { port, server } = serve(clock);
    const client = clientTo(port, clock);
    await client.unary(Identity.method.certify, {});
    await eventually(() => server.counters.connections === 1);
    for (let second = 0; second < 30; second++) {
      expect(client.connected).toBe(true);
      clock.advance(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(() => server.counters.connections === 0);
    expect(client.connected).toBe(false);
    await client.unary(Identity.method.certify, {});
    expect(server.counters.calls).toBe(2);
  });

  test("does not let a reader hold a stream: one that takes nothing for 60 s is cut", async () => {
    const clock = new FakeClock();
    let writer: Writer | null = null;
    const { port, server } = serve(clock, (opened) => (writer = opened), { keepalive: null });
    const client = clientTo(port, new FakeClock());
    const status = new Promise<GrpcStatus>((resolve) => {
      client.serverStream(Destination.method.get, {}, { onMessage() {}, onEnd: resolve });
    });
    await eventually(() => writer !== null);
    let cancelled = false;
    writer!.onCancel(() => (cancelled = true));
    // More than the client's window, and no turn in which it could give any back.
    const name = "x".repeat(100_000);
    writer!.sendFrame(encodeMessage(UpdateSchema, { update: { case: "add", value: { metricLabels: { name } } } }));
    expect(writer!.queued).toBe(1);
    clock.advance(59_999);
    expect(cancelled).toBe(false);
    clock.advance(1);
    expect(cancelled).toBe(true);
    expect(server.counters).toMatchObject({ slowReaders: 1, overflows: 0, activeCalls: 0 });
    expect(await status).toEqual({ code: 8, message: "The stream was reset with ENHANCE_YOUR_CALM" });
    expect(clock.timers).toBe(0);
  });

  test("tells a client that its server closed while it was connecting", async () => {
    const clock = new FakeClock();
    const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => socket.close());
    cleanups.push(() => listener.close());
    const failure = await clientTo(listener.addr.port, clock)
      .unary(Identity.method.certify, {})
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "unavailable" });
  });

  test("ends calls that the server went away from", async () => {
    const clock = new FakeClock();
    const peer = silentServer();
    const client = clientTo(peer.port, clock);
    const call = client.unary(Identity.method.certify, {});
    await peer.received(100);
    peer.sockets[0]!.terminate();
    await expect(call).rejects.toMatchObject({ code: "unavailable" });
  });

  test("answers what is not HTTP/2 by closing", async () => {
    const { port, server } = serve(new FakeClock());
    const text = await new Promise<string>((resolve) => {
      connect(
        { ip: "127.0.0.1", port, timeout: 1000 },
        {
          onOpen(socket) {
            let received = "";
            socket.handler = {
              onData: (_socket, chunk) => (received += chunk.toString("latin1")),
              onDrain() {},
              onEnd: (ended) => ended.close(),
              onClose: () => resolve(received),
            };
            const request = Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            socket.write(request, 0, request.length);
          },
          onFail: (error) => resolve(error.message),
        },
      );
    });
    expect(text).toContain("The client preface is wrong");
    await eventually(() => server.counters.connections === 0);
  });
});
