import { expect, test } from "bun:test";
import type { Clock } from "#lib/clock.ts";
import type { MeshError } from "#lib/errors.ts";
import { Happenings, memoryPair } from "#lib/net/testing/memory-socket.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { Http2Counts } from "#wire/http2/counts.ts";
import { frameFlag, frameType, preface, writeFrameHeader } from "#wire/http2/frames.ts";
import { http2Limits } from "#wire/http2/limits.ts";
import { BufferPool } from "#wire/http2/out-buffer.ts";
import { Http2Socket } from "./http2-socket.ts";

/** A clock whose timer runs when the test says so, also late. */
function lateClock() {
  let now = 0;
  let run = (): void => {};
  const clock: Clock = {
    now: () => now,
    wall: () => now,
    after(_delay, what) {
      run = what;
      return { cancel() {} };
    },
  };
  return {
    clock,
    fire(time: number): void {
      now = time;
      run();
    },
  };
}

function pinged() {
  const { clock, fire } = lateClock();
  const happenings = new Happenings();
  const { client, server } = memoryPair({ happenings, capacity: 1 << 20 });
  const ends: string[] = [];
  const handler = (over: (error: MeshError | null) => void) => ({
    onRequest: () => {
      throw new Error("Nobody asks anything");
    },
    onRoom() {},
    onGoaway() {},
    onClosed: over,
  });
  const common = { clock, pool: new BufferPool(), limits: http2Limits() };
  const keepalive = { interval: 10_000, timeout: 3000 };
  const end = (error: MeshError | null): void => void ends.push(error?.message ?? "in order");
  const http2 = new Http2Socket(client, { ...common, role: "client", keepalive }, handler(end));
  const peer = new Http2Socket(
    server,
    { ...common, role: "server", keepalive: null },
    handler(() => {}),
  );
  expect(peer.connection.role).toBe("server");
  happenings.run();
  fire(10_000);
  http2.connection.flush();
  return { fire, happenings, ends };
}

test("A process that stood still reads what came meanwhile before it calls a peer silent", () => {
  const { fire, happenings, ends } = pinged();
  fire(18_000);
  expect(ends).toEqual([]);
  happenings.run();
  fire(18_050);
  expect(ends).toEqual([]);
});

test("A peer that is silent all the same is given up after one more look", () => {
  const { fire, ends } = pinged();
  fire(18_000);
  fire(18_500);
  expect(ends).toEqual(["The peer answered no ping for 3000 ms"]);
});

function frame(type: number, flags: number, id: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  bytes.set(payload, writeFrameHeader(bytes, 0, payload.length, type, flags, id));
  return bytes;
}

/** A server, and a client that sends bytes of the test's. */
function served(opening = Buffer.concat([preface, frame(frameType.settings, 0, 0, Buffer.alloc(0))])) {
  const clock = new FakeClock();
  const happenings = new Happenings();
  const { client, server } = memoryPair({ happenings, capacity: 1 << 20 });
  const ends: string[] = [];
  const counts = new Http2Counts();
  const stream = { onHeaders() {}, onData() {}, onTrailers() {}, onSent() {}, onReset() {} };
  const http2 = new Http2Socket(
    server,
    { clock, pool: new BufferPool(), limits: http2Limits(), keepalive: null, role: "server", counts },
    {
      onRequest: () => stream,
      onRoom() {},
      onGoaway() {},
      onClosed: (error) => ends.push(error?.message ?? "in order"),
    },
  );
  const send = (bytes: Buffer): void => {
    client.write(bytes, 0, bytes.length);
    happenings.run();
  };
  expect(http2.connection.role).toBe("server");
  send(opening);
  return { clock, ends, counts, send };
}

const get = Buffer.from("828684410161", "hex");
const tooSlow = "An HTTP/2 head is not complete after 30000 ms";

test("A header block that is not complete after 30 s ends its connection, however slowly its frames come", () => {
  const { clock, ends, counts, send } = served();
  send(frame(frameType.headers, 0, 1, get.subarray(0, 1)));
  for (let at = 1; at < 5; at++) {
    clock.advance(7000);
    send(frame(frameType.continuation, 0, 1, get.subarray(at, at + 1)));
  }
  expect(ends).toEqual([]);
  clock.advance(2000);
  expect([ends, counts.slowHeads, clock.timers]).toEqual([[tooSlow], 1, 0]);
});

test("A frame of headers whose bytes trickle in ends its connection too, and so does half of a preface", () => {
  const headers = frame(frameType.headers, frameFlag.endHeaders, 1, get);
  const { clock, ends, send } = served();
  for (let at = 0; at < 4; at++) {
    send(headers.subarray(at, at + 1));
    clock.advance(at < 3 ? 9000 : 3000);
  }
  expect(ends).toEqual([tooSlow]);

  const silent = served(preface.subarray(0, 10));
  silent.clock.advance(30_000);
  expect(silent.ends).toEqual([tooSlow]);
});

test("A connection whose chunks always end in the middle of a frame lives, and leaves no timer when it ends", () => {
  const { clock, ends, counts, send } = served();
  let rest: Buffer = Buffer.alloc(0);
  for (let id = 1; id < 100; id += 2) {
    const bytes = Buffer.concat([rest, frame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, id, get)]);
    rest = bytes.subarray(bytes.length - 5);
    send(bytes.subarray(0, bytes.length - 5));
    clock.advance(2000);
  }
  expect([ends, counts.slowHeads]).toEqual([[], 0]);
  send(rest);
  clock.advance(60_000);
  expect([ends, clock.timers]).toEqual([[], 0]);
});
