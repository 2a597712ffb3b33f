/** The HTTP/2 pool and both its sides over sockets in memory. */
import { describe, expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import type { ConnectHandler } from "#lib/net/socket.ts";
import { Happenings, memoryPair } from "#lib/net/testing/memory-socket.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { Http2Socket } from "#rpc/http2-socket.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { responseBlock, trailerBlock } from "#wire/http2/header-block.ts";
import { http2Limits } from "#wire/http2/limits.ts";
import { BufferPool } from "#wire/http2/out-buffer.ts";
import type { Http2Stream } from "#wire/http2/stream.ts";
import { createHttpContext } from "../context.ts";
import type { Downstream, Upstream } from "../exchange.ts";
import { CountingTransport } from "../testing/cells.ts";
import { Http2Pool } from "./pool.ts";

const head = parseRequestHead("GET / HTTP/1.1\r\nhost: a\r\n");
const refused = new MeshError("connection-refused", "Refused");

function setUp(streams = 2, pings = false) {
  const clock = new FakeClock();
  const happenings = new Happenings();
  const context = createHttpContext(clock, new Set());
  const cells = new CountingTransport();
  const dials: ConnectHandler[] = [];
  const servers: Array<{ readonly http2: Http2Socket; readonly streams: Http2Stream[] }> = [];
  const log: string[] = [];
  const pool = new Http2Pool(
    {
      dial: (handler) => {
        dials.push(handler);
        return { cancel() {} };
      },
      prologue: null,
      cells,
      pings,
      onConnected: () => log.push("connected"),
      onConnectFailed: (error) => log.push(`failed ${error.code}`),
      onEmpty: () => log.push("empty"),
    },
    context,
  );
  /** The server's side of the oldest attempt succeeds. */
  const open = async (): Promise<void> => {
    const { client, server } = memoryPair({ happenings, capacity: 1 << 20 });
    const accepted: Http2Stream[] = [];
    const limits = http2Limits({ maxConcurrentStreams: streams });
    const http2 = new Http2Socket(
      server,
      { role: "server", clock, pool: new BufferPool(), limits, keepalive: null },
      {
        onRequest(stream) {
          accepted.push(stream);
          return { onHeaders() {}, onData() {}, onTrailers() {}, onSent() {}, onReset() {} };
        },
        onRoom() {},
        onGoaway() {},
        onClosed() {},
      },
    );
    servers.push({ http2, streams: accepted });
    dials.shift()?.onOpen(client);
    await run();
  };
  /** Output is flushed in microtasks, bytes move in happenings. */
  const run = async (): Promise<void> => {
    for (let turn = 0; turn < 8; turn++) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      happenings.run();
    }
  };
  const request = (name: string): Downstream & { upstream: Upstream | null } => ({
    request: head,
    extra: [],
    extraFields: "",
    authority: null,
    blocked: false,
    upstream: null,
    onUpstream(upstream) {
      this.upstream = upstream;
      log.push(`${name} sent`);
      upstream.endRequest([]);
    },
    onUnsent: (error) => log.push(`${name} unsent ${error.code}`),
    onInformational() {},
    onResponse: ({ status }, body) => log.push(`${name} ${status}${body === "none" && status === 304 ? " bare" : ""}`),
    onResponseBody: (chunk, start, end) => log.push(`${name} body ${chunk.toString("latin1", start, end)}`),
    onResponseEnd: (trailers) => log.push(`${name} end ${trailers.join()}`),
    onSwitched() {},
    onBroken: (error, unanswered, reused) => log.push(`${name} broken ${error.code} ${unanswered} ${reused}`),
    onUpstreamBlocked() {},
  });
  const taken = (): string[] => log.splice(0);
  return { clock, context, cells, dials, servers, pool, open, run, request, taken };
}

describe("The HTTP/2 pool", () => {
  for (const pings of [true, false])
    test(`${pings ? "finds a proxy that is gone within 13 seconds, with its requests" : "asks nothing of a silent application"}`, async () => {
      const t = setUp(2, pings);
      t.pool.acquire(t.request("a"));
      await t.open();
      t.servers[0]?.http2.socket.pause();
      t.taken();
      t.clock.advance(10_000);
      await t.run();
      expect(t.taken()).toEqual([]);
      t.clock.advance(3_000);
      await t.run();
      expect(t.taken()).toEqual(pings ? ["a broken timeout true true", "empty"] : []);
      expect(t.pool.size).toBe(pings ? 0 : 1);
    });

  test("sends many requests by one connection, and makes another one for those beyond its streams", async () => {
    const t = setUp(2);
    for (const name of ["a", "b", "c"]) t.pool.acquire(t.request(name));
    expect(t.dials.length).toBe(1);
    await t.open();
    // Before the server's settings came there was room for all; it refused the third one, which nobody has seen.
    expect(t.taken().slice(0, 4)).toEqual(["connected", "a sent", "b sent", "c sent"]);
    const [server] = t.servers;
    expect(server?.streams.length).toBe(2);
    t.pool.acquire(t.request("d"));
    expect([t.dials.length, t.pool.size]).toEqual([1, 1]);
    await t.open();
    expect(t.taken()).toContain("d sent");
    expect([t.servers[1]?.streams.length, t.cells.open]).toEqual([1, 2]);
  });

  test("makes no second connection before the first one has said how many requests it takes", async () => {
    const t = setUp(300);
    for (let count = 0; count < 300; count++) t.pool.acquire(t.request("a"));
    await t.open();
    expect([t.pool.size, t.dials.length, t.servers[0]?.streams.length]).toEqual([1, 0, 300]);
    t.pool.acquire(t.request("b"));
    expect(t.dials.length).toBe(1);
  });

  test("gives a waiting request the room that another one leaves", async () => {
    const t = setUp(1);
    t.pool.acquire(t.request("a"));
    await t.open();
    t.pool.acquire(t.request("b"));
    expect(t.taken()).toEqual(["connected", "a sent"]);
    const [stream] = t.servers[0]?.streams ?? [];
    stream?.sendHeaders(responseBlock(200, []), false);
    stream?.sendData(Buffer.from("hi"), 0, 2, false);
    stream?.sendTrailers(trailerBlock(["x", "1"]));
    await t.run();
    expect(t.taken()).toEqual(["a 200", "a body hi", "a end x,1", "b sent"]);
  });

  test("has no body for a response that can't have one, also when its end comes by itself", async () => {
    const t = setUp();
    t.pool.acquire(t.request("a"));
    await t.open();
    const stream = t.servers[0]?.streams[0];
    stream?.sendHeaders(responseBlock(304, ["content-length", "7"]), false);
    stream?.sendData(Buffer.alloc(0), 0, 0, true);
    await t.run();
    expect(t.taken().slice(2)).toEqual(["a 304 bare", "a end "]);
  });

  test("tells everybody who waits when no connection can be made", async () => {
    const t = setUp();
    for (const name of ["a", "b"]) t.pool.acquire(t.request(name));
    t.dials.shift()?.onFail(refused);
    expect(t.taken()).toEqual([
      "failed connection-refused",
      "a unsent connection-refused",
      "b unsent connection-refused",
      "empty",
    ]);
    expect(t.clock.timers).toBe(0);
  });

  test("lets requests wait a second for a connection in use when a further one can't be made", async () => {
    const t = setUp(1);
    t.pool.acquire(t.request("a"));
    await t.open();
    t.pool.acquire(t.request("b"));
    t.taken();
    t.dials.shift()?.onFail(refused);
    t.clock.advance(999);
    expect(t.taken()).toEqual([]);
    t.clock.advance(1);
    expect(t.taken()).toEqual(["failed connection-refused", "b unsent connection-refused"]);
  });

  test("fails a request after 3 seconds when the server allows no streams, and makes no more connections to it", async () => {
    const t = setUp(0);
    t.pool.acquire(t.request("a"));
    await t.open();
    // The first one was sent before the server said so, and refused.
    expect(t.taken()).toEqual(["connected", "a sent", "a broken connection-reset true true"]);
    t.pool.acquire(t.request("b"));
    t.clock.advance(1000);
    t.pool.acquire(t.request("c"));
    expect([t.dials.length, t.pool.size]).toEqual([0, 1]);
    t.clock.advance(1999);
    expect(t.taken()).toEqual([]);
    t.clock.advance(1);
    expect(t.taken()).toEqual(["b unsent timeout"]);
    t.clock.advance(1000);
    expect(t.taken()).toEqual(["c unsent timeout"]);
    expect([t.context.http2.counts.waitedInVain, t.pool.size]).toEqual([2, 1]);
  });

  test("lets a request wait for the first connection as long as that takes, and for room no longer than 3 seconds", async () => {
    const t = setUp(1);
    t.pool.acquire(t.request("a"));
    t.clock.advance(10_000);
    expect(t.taken()).toEqual([]);
    await t.open();
    t.pool.acquire(t.request("b"));
    t.clock.advance(3000);
    expect(t.taken()).toEqual(["connected", "a sent", "b unsent timeout"]);
    t.dials.shift()?.onFail(refused);
    t.clock.advance(1000);
    expect(t.taken()).toEqual([]);
  });

  test("says of requests whose connection is lost, or that were refused, that they may be sent again", async () => {
    const t = setUp(2);
    for (const name of ["a", "b"]) t.pool.acquire(t.request(name));
    await t.open();
    t.taken();
    t.servers[0]?.streams[1]?.reset(7);
    await t.run();
    expect(t.taken()).toEqual(["b broken connection-reset true true"]);
    t.servers[0]?.http2.socket.terminate();
    await t.run();
    expect(t.taken()).toEqual(["a broken connection-reset true true", "empty"]);
    expect(t.cells.errors).toEqual(["connection-reset"]);
  });

  test("closes a connection that was unused for a minute, and one whose server goes away after its requests", async () => {
    const t = setUp(2);
    t.pool.acquire(t.request("a"));
    await t.open();
    t.servers[0]?.streams[0]?.sendHeaders(responseBlock(204, []), true);
    await t.run();
    t.clock.advance(59_999);
    expect(t.pool.size).toBe(1);
    t.clock.advance(1);
    await t.run();
    expect([t.pool.size, t.taken().at(-1)]).toEqual([0, "empty"]);

    t.pool.acquire(t.request("b"));
    await t.open();
    t.servers[1]?.http2.connection.drain();
    await t.run();
    t.pool.acquire(t.request("c"));
    expect(t.dials.length).toBe(1);
    t.servers[1]?.streams[0]?.sendHeaders(responseBlock(204, []), true);
    await t.run();
    expect(t.taken()).toContain("b 204");
    expect(t.pool.size).toBe(0);
  });

  test("that is retired finishes what is under way and keeps nothing", async () => {
    const t = setUp(2);
    t.pool.acquire(t.request("a"));
    await t.open();
    t.pool.retire();
    await t.run();
    t.servers[0]?.streams[0]?.sendHeaders(responseBlock(204, []), true);
    await t.run();
    expect(t.taken()).toEqual(["connected", "a sent", "a 204", "a end ", "empty"]);
    expect([t.pool.size, t.clock.timers]).toEqual([0, 0]);
  });
});
