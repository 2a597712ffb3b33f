import { describe, expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import type { ConnectHandler } from "#lib/net/socket.ts";
import { Happenings, memoryPair } from "#lib/net/testing/memory-socket.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { createHttpContext } from "./context.ts";
import type { Downstream } from "./exchange.ts";
import { HttpPool } from "./pool.ts";
import { CountingTransport } from "./testing/cells.ts";
import { FarEnd } from "./testing/hop.ts";

/** A request that only notes what becomes of it. */
function request(name: string, seen: string[]): Downstream {
  return {
    request: parseRequestHead("GET / HTTP/1.1\r\nhost: a\r\n"),
    extra: [],
    extraFields: "",
    authority: null,
    blocked: false,
    onUpstream: (upstream) => {
      seen.push(`${name} sent`);
      upstream.endRequest([]);
    },
    onUnsent: (error) => seen.push(`${name} unsent: ${error.code}`),
    onInformational() {},
    onResponse() {},
    onResponseBody() {},
    onResponseEnd: () => seen.push(`${name} answered`),
    onSwitched() {},
    onBroken: (error) => seen.push(`${name} broken: ${error.code}`),
    onUpstreamBlocked() {},
  };
}

function build() {
  const clock = new FakeClock();
  const seen: string[] = [];
  const dials: ConnectHandler[] = [];
  const context = createHttpContext(clock, new Set());
  const pool = new HttpPool(
    {
      dial: (handler) => {
        dials.push(handler);
        return { cancel() {} };
      },
      prologue: null,
      cells: new CountingTransport(),
      idleTimeout: 3000,
      maxIdle: 10,
      onConnected() {},
      onConnectFailed: (error) => seen.push(`endpoint failed: ${error.code}`),
      onEmpty() {},
    },
    context,
  );
  const happenings = new Happenings();
  /** Lets the oldest attempt succeed. */
  const open = (): FarEnd => {
    const { client: near, server: far } = memoryPair({ happenings });
    const server = new FarEnd(far);
    dials.shift()?.onOpen(near);
    return server;
  };
  const fail = (): void => dials.shift()?.onFail(new MeshError("tls-handshake", "The certificate has expired"));
  return { clock, seen, pool, dials, open, fail, context, run: () => happenings.run() };
}

const answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

describe("HttpPool, when a new connection fails while another one is in use", () => {
  test("lets the request wait for the one in use, and does not blame the endpoint", () => {
    const { seen, pool, open, fail, context, clock, run } = build();
    pool.acquire(request("first", seen));
    const server = open();
    pool.acquire(request("second", seen));
    fail();
    expect(seen).toEqual(["first sent"]);
    server.send(answer);
    run();
    context.flusher.run();
    expect(seen).toEqual(["first sent", "second sent", "first answered"]);
    server.send(answer);
    run();
    pool.retire();
    run();
    expect(pool.empty).toBe(true);
    expect(clock.timers).toBe(0);
  });

  test("gives up after a second, and only then counts the failure", () => {
    const { seen, pool, open, fail, clock } = build();
    pool.acquire(request("first", seen));
    open();
    pool.acquire(request("second", seen));
    fail();
    clock.advance(999);
    expect(seen).toEqual(["first sent"]);
    clock.advance(1);
    expect(seen).toEqual(["first sent", "endpoint failed: tls-handshake", "second unsent: tls-handshake"]);
    expect(clock.timers).toBe(0);
  });

  test("gives up at once when the one in use breaks", () => {
    const { seen, pool, open, fail, clock, run } = build();
    pool.acquire(request("first", seen));
    const server = open();
    pool.acquire(request("second", seen));
    fail();
    server.socket.terminate();
    run();
    expect(seen).toContain("second unsent: tls-handshake");
    expect(pool.empty).toBe(true);
    expect(clock.timers).toBe(0);
  });

  test("forgets a request that is given up meanwhile", () => {
    const { seen, pool, open, fail, clock } = build();
    pool.acquire(request("first", seen));
    open();
    const second = request("second", seen);
    pool.acquire(second);
    fail();
    pool.cancel(second);
    clock.advance(2000);
    expect(seen).toEqual(["first sent"]);
    expect(clock.timers).toBe(0);
  });
});

test("HttpPool without another connection passes the failure on at once", () => {
  const { seen, pool, fail } = build();
  pool.acquire(request("only", seen));
  fail();
  expect(seen).toEqual(["endpoint failed: tls-handshake", "only unsent: tls-handshake"]);
});

describe("HttpPool with more requests than attempts", () => {
  const names = Array.from({ length: 70 }, (_, index) => `r${index}`);

  test("makes 8 at a time, and the next when one has succeeded", () => {
    const { seen, pool, dials, open, run, context } = build();
    for (const name of names) pool.acquire(request(name, seen));
    expect(dials.length).toBe(8);
    const server = open();
    expect(seen).toEqual(["r0 sent"]);
    expect(dials.length).toBe(8);
    run();
    server.send(answer);
    run();
    context.flusher.run();
    expect(seen).toEqual(["r0 sent", "r1 sent", "r0 answered"]);
  });

  test("makes as many at a time as there are connections, up to 64", () => {
    const { seen, pool, dials, open } = build();
    for (let i = 0; i < 200; i++) pool.acquire(request(`r${i}`, seen));
    const most: number[] = [];
    while (dials.length > 0) {
      open();
      most.push(dials.length);
    }
    expect(pool.size).toBe(200);
    expect(most[19]).toBe(20);
    expect(Math.max(...most)).toBe(64);
  });

  test("fails those without an attempt together with the first one, so that none waits longer than an attempt takes", () => {
    const { seen, pool, dials, fail } = build();
    for (const name of names) pool.acquire(request(name, seen));
    fail();
    expect(seen.filter((line) => line.includes("unsent")).length).toBe(63);
    expect(dials.length).toBe(7);
    for (let left = 7; left > 0; left--) fail();
    expect(seen.filter((line) => line.includes("unsent")).length).toBe(70);
  });
});
