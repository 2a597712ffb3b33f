/** What a connection keeps at most, and who has to go when it keeps too much. */
import { describe, expect, test } from "bun:test";
import { http2Code } from "./errors.ts";
import { requestBlock, responseBlock } from "./header-block.ts";
import { createPair } from "./testing/pair.ts";

const get = requestBlock({ method: "GET", scheme: "http", authority: "a", path: "/" }, []);
const post = requestBlock({ method: "POST", scheme: "http", authority: "a", path: "/" }, []);
const ok = responseBlock(200, []);
const body = Buffer.alloc(30_000, "x");

describe("A connection that gives its window back freely", () => {
  const limits = { streamWindow: 30_000, connectionWindow: 100_000, freeBytes: 200_000 };

  /** Requests of 30,000 bytes, none of which is read. */
  function uploads(count: number) {
    const pair = createPair({}, limits);
    pair.run();
    pair.server.recorder.consume = false;
    const send = () => {
      const stream = pair.client.connection.request(post, false, pair.client.recorder)!;
      stream.sendData(body, 0, body.length, false);
      pair.run();
      return stream;
    };
    const streams = Array.from({ length: count }, send);
    const unread = (): number =>
      pair.server.recorder.streams.reduce((sum, stream) => sum + (stream.closed ? 0 : stream.held), 0);
    return { ...pair, streams, send, unread };
  }

  test("keeps no more than what is free and its window, whatever the peer sends", () => {
    const t = uploads(40);
    expect(t.unread()).toBe(300_000);
    expect(t.server.recorder.events.filter((event) => event === "crowded")).toEqual(["crowded"]);
  });

  test("lets other streams go on at the speed of their readers up to there", () => {
    const t = uploads(9);
    const last = t.server.recorder.streams.length;
    const other = t.client.connection.request(post, false, t.client.recorder)!;
    t.run();
    const stream = t.server.recorder.streams[last]!;
    for (let round = 0; round < 50; round++) {
      other.sendData(body, 0, 10_000, false);
      t.run();
      expect([round, other.queued]).toEqual([round, 0]);
      stream.consume(10_000);
      t.run();
    }
    expect(t.server.recorder.body(other.id).length).toBe(500_000);
  });

  test("resets streams that have not been read between two looks, so that others go on", () => {
    const t = uploads(20);
    const moving = t.server.recorder.streams[3]!;
    t.server.recorder.take();
    expect(t.server.connection.relieve()).toBe(true);
    moving.consume(1000);
    t.run();
    expect(t.server.recorder.take()).toEqual([]);
    expect(t.server.connection.relieve()).toBe(false);
    const resets = t.server.recorder.take().filter((event) => event.startsWith("reset"));
    // All but 100,000 bytes go.
    expect(resets).toEqual([1, 3, 5, 9, 11, 13, 15].map((id) => `reset ${id} ${http2Code.enhanceYourCalm}`));
    expect([moving.closed, t.server.connection.relieve()]).toEqual([false, false]);
    t.run();
    // What waited for the window came meanwhile.
    expect(t.unread()).toBe(300_000);
    expect(t.client.recorder.events).toContain(`reset 1 ${http2Code.enhanceYourCalm}`);
  });
});

describe("A connection with too much to send", () => {
  /** Responses to as many requests, whose client has windows of 1000 bytes. */
  function downloads(count: number, size: number) {
    const pair = createPair({ streamWindow: 1000 }, { queuedBytes: 100_000, maxConcurrentStreams: 1000 });
    pair.run();
    pair.client.recorder.consume = false;
    const asked = Array.from({ length: count }, () => pair.client.connection.request(get, true, pair.client.recorder)!);
    pair.run();
    const { streams } = pair.server.recorder;
    pair.server.recorder.take();
    for (const stream of streams) {
      stream.sendHeaders(ok, false);
      if (!stream.crowded) stream.sendData(Buffer.alloc(size), 0, size, false);
    }
    pair.run();
    const queued = (): number => streams.reduce((sum, stream) => sum + stream.queued, 0);
    return { ...pair, asked, streams, queued };
  }

  test("says so to all of its streams, and when half of it is gone", () => {
    const t = downloads(6, 31_000);
    expect(t.queued()).toBe(4 * 30_000);
    expect(t.server.recorder.take()).toEqual(["crowded", ...[11, 9, 7, 5, 3, 1].map((id) => `crowded ${id}`)]);
    t.streams[0]!.reset(http2Code.cancel);
    t.streams[1]!.reset(http2Code.cancel);
    expect(t.server.recorder.take()).toEqual(["closed 1", "closed 3"]);
    t.streams[2]!.reset(http2Code.cancel);
    expect(t.server.recorder.take()).toEqual(["closed 5", "eased 11", "eased 9", "eased 7"]);
  });

  test("resets streams whose receiver has not read between two looks, the largest first", () => {
    const t = downloads(6, 31_000);
    t.server.recorder.take();
    expect(t.server.connection.relieve()).toBe(true);
    // The second one is read, if only a little.
    t.asked[1]!.consume(1000);
    t.run();
    expect(t.server.connection.relieve()).toBe(false);
    const resets = t.server.recorder.take().filter((event) => event.startsWith("reset"));
    expect(resets).toEqual([1, 5, 7].map((id) => `reset ${id} ${http2Code.enhanceYourCalm}`));
    expect(t.queued()).toBe(29_000);
  });

  test("resets nobody when it is the whole connection whose client does not read", () => {
    const pair = createPair({}, { queuedBytes: 100_000, maxConcurrentStreams: 1000 });
    pair.run();
    pair.client.recorder.consume = false;
    for (let at = 0; at < 60; at++) pair.client.connection.request(get, true, pair.client.recorder);
    pair.run();
    for (const stream of pair.server.recorder.streams) {
      stream.sendHeaders(ok, false);
      stream.sendData(body, 0, body.length, false);
    }
    pair.run();
    for (let look = 0; look < 3; look++) expect(pair.server.connection.relieve()).toBe(true);
    expect(pair.server.recorder.events.filter((event) => event.startsWith("reset"))).toEqual([]);
  });
});
