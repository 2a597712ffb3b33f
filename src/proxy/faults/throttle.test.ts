import { expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { parseResponseHead } from "#wire/http1/parse-response.ts";
import type { Downstream, Upstream } from "../http/exchange.ts";
import { throttled } from "./throttle.ts";

/** A client and a server with 1,000 bytes per second between them: 50 at a time. */
function setUp() {
  const clock = new FakeClock();
  const log: string[] = [];
  let got = 0;
  let ended = false;
  let upstream: Upstream | null = null;
  const client = {
    request: parseRequestHead("GET / HTTP/1.1\r\nhost: a\r\n"),
    extra: [],
    extraFields: "",
    authority: null,
    blocked: false as boolean,
    onUpstream: (found: Upstream) => void (upstream = found),
    onUnsent: () => log.push("unsent"),
    onInformational() {},
    onResponse: () => log.push("head"),
    onResponseBody: (_chunk: Buffer, start: number, end: number) => void (got += end - start),
    onResponseEnd: () => void (ended = true),
    onSwitched() {},
    onBroken: () => log.push("broken"),
    onUpstreamBlocked() {},
  } satisfies Downstream;
  const server: Upstream = {
    blocked: false as boolean,
    trailerBlock: null,
    sendBody() {},
    endRequest: () => log.push("request sent"),
    resumeResponse: () => log.push("resume"),
    pauseResponse: () => log.push("pause"),
    abort: () => log.push("abort"),
  };
  let side: Downstream | null = null;
  const pool = { acquire: (downstream: Downstream) => void (side = downstream), cancel: () => log.push("cancelled") };
  const slow = throttled(pool, 1000, { clock, flush() {} });
  slow.acquire(client);
  return {
    clock,
    log,
    client,
    server,
    slow,
    side: side as unknown as Downstream,
    upstream: () => upstream as unknown as Upstream,
    state: () => ({ got, ended }),
  };
}

const bytes = Buffer.alloc(200);

test("a body comes at its rate, and its end after it", () => {
  const { clock, log, server, side, upstream, state } = setUp();
  side.onUpstream(server);
  upstream().endRequest([]);
  side.onResponse(parseResponseHead("HTTP/1.1 200 OK\r\ncontent-length: 200\r\n"), "length");
  side.onResponseBody(bytes, 0, 200);
  expect(state()).toEqual({ got: 50, ended: false });
  expect([side.blocked, log]).toEqual([true, ["request sent", "head", "pause"]]);
  side.onResponseEnd([]);
  clock.advance(50);
  expect(state()).toEqual({ got: 100, ended: false });
  clock.advance(49);
  expect(state().got).toBe(100);
  clock.advance(51);
  expect(state()).toEqual({ got: 200, ended: true });
  // The server has let go: nothing is told to it any more.
  upstream().pauseResponse();
  upstream().abort();
  expect(log).not.toContain("abort");
});

test("time without a byte saves nothing up", () => {
  const { clock, server, side, state } = setUp();
  side.onUpstream(server);
  clock.advance(60_000);
  side.onResponseBody(bytes, 0, 200);
  expect(state().got).toBe(50);
});

test("a client that is full is waited for", () => {
  const { clock, client, server, side, upstream, state } = setUp();
  side.onUpstream(server);
  client.blocked = true;
  side.onResponseBody(bytes, 0, 100);
  clock.advance(1000);
  expect(state().got).toBe(0);
  client.blocked = false;
  upstream().resumeResponse();
  clock.advance(50);
  expect(state().got).toBe(100);
});

test("a client that leaves ends it, while a connection is awaited as well", () => {
  const first = setUp();
  first.slow.cancel(first.client);
  expect(first.log).toEqual(["cancelled"]);
  const { clock, log, server, side, upstream, state } = setUp();
  side.onUpstream(server);
  side.onResponseBody(bytes, 0, 200);
  upstream().abort();
  clock.advance(1000);
  expect([state().got, log]).toEqual([50, ["pause", "abort"]]);
});

test("a server that breaks is seen at once", () => {
  const { clock, log, server, side, state } = setUp();
  side.onUpstream(server);
  side.onResponseBody(bytes, 0, 200);
  side.onBroken(new (class extends Error {})("gone") as never, false, false);
  clock.advance(1000);
  expect([state(), log]).toEqual([{ got: 50, ended: false }, ["pause", "broken"]]);
});
