import { afterEach, describe, expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import { connect } from "#lib/net/connect.ts";
import { listen } from "#lib/net/listen.ts";
import type { Listener } from "#lib/net/socket.ts";
import { Destination, type GetDestination, type Update, UpdateSchema } from "#rpc/gen/destination_pb.ts";
import { Identity } from "#rpc/gen/identity_pb.ts";
import type { GrpcStatus } from "#wire/grpc/status.ts";
import { RpcClient, type RpcClientOptions } from "./client.ts";
import { encodeMessage } from "./message.ts";
import { type RpcServer, type RpcServerOptions, createRpcServer } from "./server.ts";
import { type CallContext, implement } from "./service.ts";
import type { StreamWriter } from "./stream-writer.ts";

type Writer = StreamWriter<typeof UpdateSchema>;
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

interface Setup {
  readonly server: RpcServer;
  readonly client: RpcClient;
  readonly listener: Listener;
  readonly log: string[];
  /** Resolves with the next stream that `Get` opens. */
  nextStream(): Promise<{ request: GetDestination; context: CallContext; writer: Writer }>;
}

function setup(serverOptions: Partial<RpcServerOptions> = {}, clientOptions: Partial<RpcClientOptions> = {}): Setup {
  const { log, lines } = memoryLog();
  const opened: { request: GetDestination; context: CallContext; writer: Writer }[] = [];
  let wake: (() => void) | null = null;
  const server = createRpcServer({
    services: [
      implement(Destination, {
        get(request, context, writer) {
          opened.push({ request, context, writer });
          wake?.();
        },
        getProfile() {
          throw new MeshError("not-found", `No profile here`);
        },
      }),
      implement(Identity, {
        async certify(request, context) {
          if (request.identity === "bug") throw new Error("secret details");
          if (request.identity === "slow") await new Promise(() => {});
          return { leafCertificate: request.token, validUntil: { seconds: BigInt(context.peerNames.length) } };
        },
      }),
    ],
    log,
    ...serverOptions,
  });
  const listener = listen({ ip: "127.0.0.1", port: 0 }, server.accept);
  const client = new RpcClient({
    connect: (handler) => connect({ ip: "127.0.0.1", port: listener.addr.port, timeout: 1000 }, handler),
    authority: "test:1",
    ...clientOptions,
  });
  cleanups.push(() => {
    client.close();
    listener.close();
    server.close();
  });
  return {
    server,
    client,
    listener,
    log: lines,
    async nextStream() {
      if (opened.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return opened.shift()!;
    },
  };
}

/** A stream's events as promises. */
function watch(client: RpcClient, path: string, timeout?: number) {
  const updates: Update[] = [];
  let opened = false;
  let wake: (() => void) | null = null;
  let end: (status: GrpcStatus) => void;
  const status = new Promise<GrpcStatus>((resolve) => (end = resolve));
  const call = client.serverStream(
    Destination.method.get,
    { path },
    {
      onOpen: () => (opened = true),
      onMessage: (update) => {
        updates.push(update);
        wake?.();
      },
      onEnd: (given) => end(given),
    },
    timeout === undefined ? {} : { timeout },
  );
  return {
    call,
    updates,
    status,
    opened: () => opened,
    async received(count: number): Promise<void> {
      while (updates.length < count) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

const none = { update: { case: "noEndpoints" as const, value: { exists: true } } };
const named = (name: string) => ({ update: { case: "add" as const, value: { metricLabels: { name } } } });

describe("An RPC client and server", () => {
  test("exchange a unary call, with messages larger than a window", async () => {
    const { client, server } = setup();
    const token = Buffer.alloc(300_000, 7);
    const reply = await client.unary(Identity.method.certify, { identity: "a", token }, { timeout: 5000 });
    expect(Buffer.from(reply.leafCertificate).equals(token)).toBe(true);
    expect(server.counters).toMatchObject({ connections: 1, activeCalls: 0, calls: 1 });
  });

  test("share one connection between many calls", async () => {
    const { client, server } = setup({}, { maxWaiting: 250 });
    const replies = await Promise.all(
      Array.from({ length: 250 }, (_, index) =>
        client.unary(Identity.method.certify, { token: Buffer.from(String(index)) }),
      ),
    );
    expect(replies.map((reply) => Buffer.from(reply.leafCertificate).toString())).toEqual(
      Array.from({ length: 250 }, (_, index) => String(index)),
    );
    expect(server.counters.connections).toBe(1);
  });

  test("hold at most 100 calls that wait for a connection", async () => {
    const { client } = setup();
    const calls = Array.from({ length: 101 }, () => client.unary(Identity.method.certify, {}));
    await expect(calls[100]!).rejects.toMatchObject({ code: "resource-exhausted" });
    await Promise.all(calls.slice(0, 100));
  });

  test("stream updates in order until the server ends the call", async () => {
    const { client, nextStream } = setup();
    const stream = watch(client, "web:80");
    const { request, writer } = await nextStream();
    expect(request.path).toBe("web:80");
    for (let index = 0; index < 50; index++) expect(writer.send(named(String(index)))).toBe(true);
    writer.end();
    expect(await stream.status).toEqual({ code: 0, message: "" });
    expect(stream.opened()).toBe(true);
    expect(
      stream.updates.map((update) => (update.update.case === "add" ? update.update.value.metricLabels["name"] : null)),
    ).toEqual(Array.from({ length: 50 }, (_, index) => String(index)));
    expect(writer.ended).toBe(true);
    expect(writer.send(none)).toBe(false);
  });

  test("carry errors both ways as statuses", async () => {
    const { client, log } = setup();
    const status = await new Promise<GrpcStatus>((resolve) => {
      client.serverStream(Destination.method.getProfile, {}, { onMessage() {}, onEnd: resolve });
    });
    expect(status).toEqual({ code: 5, message: "No profile here" });
    const failure = await client.unary(Identity.method.certify, { identity: "bug" }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "internal", details: { grpcCode: 13 } });
    expect(String(failure)).not.toContain("secret");
    expect(log.join()).toContain("secret details");
  });

  test("answer a method that doesn't exist with UNIMPLEMENTED", async () => {
    const { client } = setup({ services: [] });
    await expect(client.unary(Identity.method.certify, {})).rejects.toMatchObject({ code: "unimplemented" });
  });

  test("tell the handler when the client cancels", async () => {
    const { client, server, nextStream } = setup();
    const stream = watch(client, "web:80");
    const { context, writer } = await nextStream();
    writer.send(none);
    await stream.received(1);
    const cancelled = new Promise<void>((resolve) => context.onCancel(resolve));
    stream.call.cancel();
    await cancelled;
    expect(writer.ended).toBe(true);
    expect(server.counters.activeCalls).toBe(0);
  });

  test("give up at the deadline on both sides", async () => {
    const { client, server, nextStream } = setup();
    await expect(client.unary(Identity.method.certify, { identity: "slow" }, { timeout: 20 })).rejects.toMatchObject({
      code: "timeout",
    });
    const stream = watch(client, "web:80", 30);
    const { context } = await nextStream();
    await new Promise<void>((resolve) => context.onCancel(resolve));
    expect((await stream.status).code).toBe(4);
    expect(server.counters.activeCalls).toBe(0);
  });

  test("close a stream whose reader fell 100 updates behind, and count it", async () => {
    const { client, server, nextStream } = setup({ writer: { maxQueuedMessages: 100 } });
    const stream = watch(client, "web:80");
    const { context, writer } = await nextStream();
    let cancelled = false;
    context.onCancel(() => (cancelled = true));
    // One turn: the client can't read meanwhile, and a message larger than its window must wait.
    const frame = encodeMessage(UpdateSchema, named("x".repeat(100_000)));
    let sent = 0;
    while (writer.sendFrame(frame)) sent++;
    expect(sent).toBe(100);
    expect(cancelled).toBe(true);
    expect(server.counters.overflows).toBe(1);
    expect((await stream.status).code).toBe(8);
  });

  test("let a reader that catches up in time have everything", async () => {
    const { client, nextStream } = setup();
    const stream = watch(client, "web:80");
    const { writer } = await nextStream();
    for (let index = 0; index < 90; index++) writer.send(named("x".repeat(20_000)));
    await new Promise<void>((resolve) => (writer.onDrain = resolve));
    writer.end();
    expect((await stream.status).code).toBe(0);
    expect(stream.updates.length).toBe(90);
  });

  test("fail calls clearly when nobody listens, and connect again for the next call", async () => {
    const { client, listener, server } = setup();
    await client.unary(Identity.method.certify, {});
    const stream = watch(client, "web:80");
    server.close();
    expect(await stream.status).toMatchObject({ code: 14 });
    await client.unary(Identity.method.certify, {}).catch(() => {});
    listener.close();
    const failure = await client.unary(Identity.method.certify, {}).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "unavailable" });
    expect(String(failure)).toContain("connection refused");
  });

  test("drain: streams in flight go on, new calls go to a new connection", async () => {
    const { client, server, nextStream } = setup();
    const stream = watch(client, "web:80");
    const { writer } = await nextStream();
    writer.send(none);
    await stream.received(1);
    server.drain();
    while (client.connected) await new Promise((resolve) => setTimeout(resolve, 1));
    writer.send(none);
    await stream.received(2);
    writer.end();
    expect((await stream.status).code).toBe(0);
  });

  test("refuse more than the server's limit of streams only after waiting for room", async () => {
    const { client, nextStream, server } = setup({ limits: { maxConcurrentStreams: 2 } });
    await client.unary(Identity.method.certify, {});
    const first = watch(client, "one:1");
    const second = watch(client, "two:2");
    const third = watch(client, "three:3");
    await nextStream();
    await nextStream();
    expect(server.counters.activeCalls).toBe(2);
    first.call.cancel();
    expect((await nextStream()).request.path).toBe("three:3");
    second.call.cancel();
    third.call.cancel();
  });

  test("refuse requests that are too large", async () => {
    const { client } = setup({ maxMessageBytes: 100 });
    await expect(client.unary(Identity.method.certify, { token: Buffer.alloc(200) })).rejects.toMatchObject({
      code: "resource-exhausted",
    });
  });

  test("refuse replies that are too large", async () => {
    const { client } = setup({}, { maxMessageBytes: 100 });
    await expect(client.unary(Identity.method.certify, { token: Buffer.alloc(200) })).rejects.toMatchObject({
      code: "resource-exhausted",
    });
  });
});
