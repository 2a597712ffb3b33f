/** Requests that come by HTTP/2 and go on by HTTP/1, over sockets in memory. */
import { describe, expect, test } from "bun:test";
import type { Socket } from "#lib/net/socket.ts";
import { Happenings, memoryPair } from "#lib/net/testing/memory-socket.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { Http2Socket } from "#rpc/http2-socket.ts";
import { requestBlock, type HeaderBlock } from "#wire/http2/header-block.ts";
import { http2Limits, type Http2Limits } from "#wire/http2/limits.ts";
import { BufferPool } from "#wire/http2/out-buffer.ts";
import type { Http2Stream } from "#wire/http2/stream.ts";
import { createHttpContext } from "../context.ts";
import type { Downstream, HttpContext, UpstreamPool } from "../exchange.ts";
import { HttpPool } from "../pool.ts";
import { CountingTransport } from "../testing/cells.ts";
import { FarEnd } from "../testing/hop.ts";
import { ServerSession } from "./server-session.ts";

class World {
  readonly clock = new FakeClock();
  readonly happenings = new Happenings();
  readonly servers: FarEnd[] = [];
  readonly ends: Array<readonly [status: number, end: string]> = [];
  readonly client: Http2Socket;
  readonly context: HttpContext;

  /** @param pool instead of connections to servers in memory */
  constructor(pool?: UpstreamPool, limits: Partial<Http2Limits> = {}) {
    const made = createHttpContext(this.clock, new Set());
    const context = { ...made, http2: { ...made.http2, deferShared: queueMicrotask } };
    this.context = context;
    const none = { onConnected() {}, onConnectFailed() {}, onEmpty() {} };
    const options = { prologue: null, cells: new CountingTransport(), idleTimeout: 3000, maxIdle: 100, ...none };
    const dial = (handler: { onOpen(socket: Socket): void }): { cancel(): void } => {
      const { client, server } = memoryPair({ happenings: this.happenings, capacity: 1 << 20 });
      this.servers.push(new FarEnd(server));
      handler.onOpen(client);
      return { cancel() {} };
    };
    const upstream = pool ?? new HttpPool({ ...options, dial }, context);
    const { client, server } = memoryPair({ happenings: this.happenings, capacity: 1 << 20 });
    new ServerSession(
      server,
      context,
      () => ({
        onRequest: (request) => request.send(upstream),
        onUnsent: (request) => request.answer({ status: 504, headers: [], close: true }),
        onNoAnswer: (request) => request.answer({ status: 502, headers: [], close: true }),
        onResponse() {},
        onRequestBody() {},
        onResponseBody() {},
        onExchangeEnd: (status, end) => this.ends.push([status, end]),
        onAbandoned() {},
        onClosed() {},
      }),
      new CountingTransport(),
      [],
      false,
      () => {},
    ).start(Buffer.alloc(0), false);
    const handler = {
      onRequest: () => {
        throw new Error("A server sent a request");
      },
      onRoom() {},
      onGoaway() {},
      onClosed() {},
    };
    const http2 = { role: "client" as const, pool: new BufferPool(), limits: http2Limits(limits), keepalive: null };
    this.client = new Http2Socket(client, { ...http2, clock: this.clock }, handler);
  }

  /** Output is flushed in microtasks, bytes move in happenings. */
  async run(): Promise<void> {
    for (let turn = 0; turn < 8; turn++) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      this.happenings.run();
    }
  }

  async request(
    method: string,
    fin: boolean,
    reading = true,
  ): Promise<{ readonly got: string[]; readonly stream: Http2Stream }> {
    const got: string[] = [];
    await this.run();
    const block = requestBlock({ method, scheme: "http", authority: "web", path: method === "CONNECT" ? "" : "/" }, []);
    const stream = this.client.connection.request(block, fin, {
      onHeaders: (_stream: Http2Stream, { status }: HeaderBlock) => got.push(String(status)),
      onData(from: Http2Stream, bytes: Buffer, start: number, end: number) {
        got.push(bytes.toString("latin1", start, end));
        if (reading) from.consume(end - start);
      },
      onTrailers: (_stream: Http2Stream, { fields }: HeaderBlock) => got.push(fields.join("=")),
      onSent() {},
      onReset: (_stream: Http2Stream, { code }: { code: number }) => got.push(`reset ${code}`),
    });
    if (stream === null) throw new Error("There is no room for a request");
    await this.run();
    return { got, stream };
  }
}

describe("A request that came by HTTP/2 for a server of HTTP/1", () => {
  for (const name of ["keep-alive", "proxy-connection"]) {
    test(`ends by a reset when its response has the trailer ${name}, which HTTP/2 can't carry`, async () => {
      const world = new World();
      const { got } = await world.request("GET", true);
      world.servers[0]?.send(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n${name}: 5\r\n\r\n`);
      await world.run();
      expect(got).toEqual(["200", "x", "reset 2"]);
      expect([world.ends, world.client.connection.activeStreams]).toEqual([[[200, "broken"]], 0]);
    });
  }

  test("keeps only its own bytes while it waits for a connection", async () => {
    const waiting: Downstream[] = [];
    const world = new World({ acquire: (downstream) => waiting.push(downstream), cancel() {} });
    const { stream } = await world.request("POST", false);
    stream.sendData(Buffer.from("abc"), 0, 3, false);
    await world.run();
    const chunks: Buffer[] = [];
    const upstream = { blocked: false, trailerBlock: null, endRequest() {}, resumeResponse() {}, pauseResponse() {} };
    waiting[0]?.onUpstream({ ...upstream, abort() {}, sendBody: (chunk) => chunks.push(chunk) });
    expect(chunks.map((chunk) => [chunk.toString("latin1"), chunk.buffer.byteLength])).toEqual([["abc", 3]]);
  });

  test("is over at once when it asks for a tunnel, whether its sender ends it or not", async () => {
    const world = new World();
    const { got } = await world.request("CONNECT", false);
    expect([got, world.client.connection.activeStreams]).toEqual([["501", "reset 0"], 0]);
  });

  test("does not have its response read while too much of others' waits for their clients, who have 2 seconds to read", async () => {
    const world = new World(undefined, { streamWindow: 1000 });
    const asked = [];
    for (let at = 0; at < 40; at++) asked.push(await world.request("GET", true, false));
    const head = "HTTP/1.1 200 OK\r\ncontent-length: 500000\r\n\r\n";
    const { counts } = world.context.http2;
    for (const server of world.servers) {
      server.send(head + "x".repeat(500_000));
      await world.run();
    }
    // 16 MiB are too much; what was read when 8 MiB were exceeded is all.
    expect([counts.crowded, Math.floor(counts.queuedBytes / 500_000)]).toEqual([1, 16]);
    const { got } = await world.request("GET", true);
    // It goes by a connection whose response was read in full.
    world.servers
      .find(({ received }) => received.split("GET").length === 3)
      ?.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
    await world.run();
    expect(got).toEqual([]);
    world.clock.advance(1000);
    await world.run();
    expect([got, counts.hoarders]).toEqual([[], 0]);
    world.clock.advance(1000);
    await world.run();
    // Half of it had to go; then the newest of those that had waited came first, until it was too much again.
    expect([counts.crowded, counts.hoarders, Math.floor(counts.queuedBytes / 500_000)]).toEqual([2, 9, 16]);
    expect([got, asked[0]?.got.at(-1), asked[20]?.got]).toEqual([["200", "hi", ""], "reset 11", []]);
  });

  test("is counted when it is refused", async () => {
    const world = new World();
    await world.request("CONNECT", false);
    await world.request("G T", true);
    expect(world.context.http2.counts).toMatchObject({ tunnels: 1, malformed: 1 });
    expect(world.ends).toEqual([]);
  });
});
