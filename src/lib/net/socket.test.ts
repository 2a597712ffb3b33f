/** What `Socket` promises, held against every implementation. */
import { describe, expect, test } from "bun:test";
import type { Socket } from "./socket.ts";
import { memoryPair } from "./testing/memory-socket.ts";
import { plainPair, tlsPair } from "./testing/pairs.ts";
import { Recorder } from "./testing/recorder.ts";

const implementations: ReadonlyArray<readonly [name: string, pair: () => Promise<{ client: Socket; server: Socket }>]> =
  [
    ["in memory", async () => memoryPair()],
    ["plain", () => plainPair()],
    ["plain on IPv6", () => plainPair("::1")],
    ["TLS", () => tlsPair()],
  ];

for (const [name, pair] of implementations) {
  describe(`a socket ${name}`, () => {
    async function connected() {
      const { client, server } = await pair();
      const atClient = new Recorder();
      const atServer = new Recorder();
      client.handler = atClient;
      server.handler = atServer;
      return { client, server, atClient, atServer };
    }
    const bytes = (text: string): Uint8Array => Buffer.from(text);

    test("carries bytes both ways and knows both addresses", async () => {
      const { client, server, atClient, atServer } = await connected();
      expect(client.write(bytes("..ping.."), 2, 4)).toBe(4);
      await atServer.until((r) => r.received === 4);
      expect(server.write(bytes("pong"), 0, 4)).toBe(4);
      await atClient.until((r) => r.received === 4);
      expect([...atServer.events, ...atClient.events]).toEqual(["data:ping", "data:pong"]);
      expect(client.remote).toEqual(server.local);
      expect(server.remote).toEqual(client.local);
      client.terminate();
    });

    test("half-closes: after shutdown the other direction still works", async () => {
      const { client, server, atClient, atServer } = await connected();
      client.write(bytes("ask"), 0, 3);
      client.shutdown();
      expect(client.write(bytes("x"), 0, 1)).toBe(-1);
      await atServer.until((r) => r.events.includes("end"));
      expect(atServer.events).toEqual(["data:ask", "end"]);
      expect(server.closed).toBe(false);
      server.write(bytes("answer"), 0, 6);
      server.shutdown();
      await Promise.all([atClient.until((r) => r.closed), atServer.until((r) => r.closed)]);
      expect(atClient.events).toEqual(["data:answer", "end", "close"]);
      expect(atServer.events).toEqual(["data:ask", "end", "close"]);
      expect(client.closed && server.closed).toBe(true);
    });

    test("close is orderly: the peer gets every byte and then the end", async () => {
      const { client, server, atClient, atServer } = await connected();
      client.write(bytes("last words"), 0, 10);
      client.close();
      client.close();
      expect(client.closed).toBe(true);
      expect(atClient.events).toEqual([]);
      await atServer.until((r) => r.events.includes("end"));
      expect(atServer.events).toEqual(["data:last words", "end"]);
      server.close();
      await Promise.all([atClient.until((r) => r.closed), atServer.until((r) => r.closed)]);
      expect(atClient.events).toEqual(["close"]);
      expect(atServer.events).toEqual(["data:last words", "end", "close"]);
    });

    test("close does not cut the last answer off when input is left unread", async () => {
      const { client, server, atClient } = await connected();
      server.pause();
      const upload = new Uint8Array(1 << 20);
      client.write(upload, 0, upload.length);
      await Bun.sleep(1);
      server.write(bytes("413"), 0, 3);
      server.close();
      await atClient.until((r) => r.events.length > 1);
      expect(atClient.events).toEqual(["data:413", "end"]);
      client.close();
    });

    test("terminate resets: the peer sees no end, only a broken connection", async () => {
      const { client, atClient, atServer } = await connected();
      client.terminate();
      await Promise.all([atClient.until((r) => r.closed), atServer.until((r) => r.closed)]);
      expect(atClient.events).toEqual(["close"]);
      expect(atServer.events).toEqual(["close:connection-reset"]);
    });

    test("a write that meets a reset is the end of the socket, paused or not", async () => {
      for (const paused of [false, true]) {
        const { client, server, atServer } = await connected();
        if (paused) server.pause();
        client.terminate();
        // The reset is there, but nobody has looked yet.
        server.write(bytes("x"), 0, 1);
        await atServer.until((r) => r.closed);
        expect(atServer.events).toEqual(["close:connection-reset"]);
      }
    });

    for (const way of ["close", "terminate"] as const) {
      test(`${way} inside onData is told after onData returned, and nothing follows`, async () => {
        const { client, server, atServer } = await connected();
        const order: string[] = [];
        server.handler = {
          onData(socket) {
            order.push("data");
            socket[way]();
            order.push("returned");
          },
          onDrain() {},
          onEnd: () => order.push("end"),
          onClose(socket, error) {
            order.push(`close ${String(error)}`);
            atServer.onClose(socket, error);
          },
        };
        client.handler = { onData() {}, onDrain() {}, onEnd: (socket) => socket.close(), onClose() {} };
        client.write(bytes("x"), 0, 1);
        await atServer.until((r) => r.closed);
        expect(order).toEqual(["data", "returned", "close null"]);
      });
    }

    test("pushes back: writes come up short while the peer is paused and go on after it resumes", async () => {
      const { client, server } = await connected();
      const counter = new Recorder(false);
      server.handler = counter;
      server.pause();
      const block = new Uint8Array(1 << 20);
      let sent = 0;
      const drained = new Recorder(false);
      client.handler = drained;
      for (;;) {
        const taken = client.write(block, 0, block.length);
        expect(taken).toBeGreaterThanOrEqual(0);
        sent += taken;
        if (taken < block.length) break;
      }
      expect(sent).toBeLessThan(64 << 20);
      const before = drained.drains;
      server.resume();
      await drained.until((r) => r.drains > before);
      await counter.until((r) => r.received === sent);
      expect(counter.received).toBe(sent);
      expect(client.write(block, 0, 1)).toBe(1);
      client.terminate();
    });

    test("everything is harmless after the close", async () => {
      const { client, atClient } = await connected();
      client.terminate();
      await atClient.until((r) => r.closed);
      client.pause();
      client.resume();
      client.shutdown();
      client.close();
      client.terminate();
      expect(client.write(bytes("x"), 0, 1)).toBe(-1);
      expect(client.fd).toBe(-1);
      expect(atClient.events).toEqual(["close"]);
    });
  });
}
