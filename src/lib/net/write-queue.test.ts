import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { memoryPair, settle } from "./testing/memory-socket.ts";
import { Recorder } from "./testing/recorder.ts";
import { WriteQueue } from "./write-queue.ts";

function setUp(capacity: number, limit?: number) {
  const { client, server } = memoryPair({ capacity });
  const reader = new Recorder();
  server.handler = reader;
  const room: string[] = [];
  const queue = new WriteQueue(client, limit, () => room.push("room"));
  client.handler = { onData() {}, onDrain: () => queue.drain(), onEnd() {}, onClose() {} };
  return { client, server, reader, queue, room };
}

test("messages arrive whole and in order whatever the socket takes at a time", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ minLength: 1, maxLength: 40 })),
      fc.integer({ min: 1, max: 50 }),
      async (parts, capacity) => {
        const { reader, queue } = setUp(capacity);
        for (const part of parts) queue.write(Buffer.from(part));
        queue.shutdown();
        await settle();
        const expected = Buffer.from(parts.join("")).toString("latin1");
        expect(reader.events).toEqual(expected === "" ? ["end"] : [`data:${expected}`, "end"]);
      },
    ),
    { numRuns: 50 },
  );
});

test("says when it is full, and when there is room again", async () => {
  const { server, queue, room } = setUp(4, 10);
  server.pause();
  expect(queue.write(Buffer.alloc(14))).toBe(true);
  expect(queue.size).toBe(10);
  expect(queue.write(Buffer.alloc(1))).toBe(false);
  expect(queue.size).toBe(11);
  expect(room).toEqual([]);
  server.resume();
  await settle();
  expect(room).toEqual(["room"]);
  expect(queue.size).toBe(0);
  expect(queue.write(Buffer.alloc(1))).toBe(true);
});

test("closes only when everything is out", async () => {
  const { client, server, reader, queue } = setUp(2);
  server.pause();
  queue.write(Buffer.from("farewell"));
  queue.close();
  expect(queue.write(Buffer.from("more"))).toBe(false);
  await settle();
  expect(client.closed).toBe(false);
  server.resume();
  await settle();
  expect(client.closed).toBe(true);
  expect(reader.events).toEqual(["data:farewell", "end"]);
});

test("takes nothing and keeps nothing once the socket is closed", async () => {
  const { client, server, queue } = setUp(2);
  server.pause();
  queue.write(Buffer.from("abcdef"));
  client.terminate();
  expect(queue.write(Buffer.from("x"))).toBe(false);
  queue.drain();
  expect(queue.size).toBe(0);
});
