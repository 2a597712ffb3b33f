import { expect, test } from "bun:test";
import type { Clock } from "#lib/clock.ts";
import type { MeshError } from "#lib/errors.ts";
import { Happenings, memoryPair } from "#lib/net/testing/memory-socket.ts";
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
