import { describe, expect, test } from "bun:test";
import { Happenings, memoryPair } from "#lib/net/testing/memory-socket.ts";
import { CountingTransport } from "./testing/cells.ts";
import { FarEnd } from "./testing/hop.ts";
import { Tunnel } from "./tunnel.ts";

function open(room?: number) {
  const happenings = new Happenings();
  const options = { capacity: room ?? 1 << 20, happenings };
  const { client: clientSide, server: proxyClient } = memoryPair(options);
  const { client: proxyServer, server: serverSide } = memoryPair(options);
  const client = new FarEnd(clientSide);
  const server = new FarEnd(serverSide);
  const clientCells = new CountingTransport();
  const serverCells = new CountingTransport();
  const ends: Array<string | null> = [];
  const tunnel = new Tunnel(proxyClient, clientCells, proxyServer, serverCells, (error) =>
    ends.push(error?.code ?? null),
  );
  const run = (): void => happenings.run();
  return { client, server, clientCells, serverCells, ends, tunnel, run, proxyClient, proxyServer };
}

describe("a tunnel", () => {
  test("passes bytes both ways, first those read before, and counts them", () => {
    const t = open();
    t.tunnel.start(Buffer.from("hello "), Buffer.from("220 "), false);
    t.client.send("world");
    t.server.send("ready");
    t.run();
    expect([t.server.received, t.client.received]).toEqual(["hello world", "220 ready"]);
    expect([t.clientCells.readBytes, t.serverCells.writtenBytes]).toEqual([5, 11]);
    expect([t.serverCells.readBytes, t.clientCells.writtenBytes]).toEqual([5, 9]);
  });

  test("passes a half-close on in either order and ends when both have", () => {
    for (const [first, second] of [
      ["client", "server"],
      ["server", "client"],
    ] as const) {
      const t = open();
      t.tunnel.start(null, null, false);
      t[first].send("a");
      t[first].socket.shutdown();
      t.run();
      expect([t[second].received, t[second].ended]).toEqual(["a", true]);
      t[second].send("late");
      t.run();
      expect(t[first].received).toBe("late");
      expect(t.ends).toEqual([]);
      t[second].socket.shutdown();
      t.run();
      expect(t.ends).toEqual([null]);
    }
  });

  test("passes on an end that was seen before it began", () => {
    const t = open();
    t.tunnel.start(Buffer.from("all"), null, true);
    t.run();
    expect([t.server.received, t.server.ended]).toEqual(["all", true]);
  });

  test("passes a reset on in either direction", () => {
    for (const [first, second] of [
      ["client", "server"],
      ["server", "client"],
    ] as const) {
      const t = open();
      t.tunnel.start(null, null, false);
      t[first].socket.terminate();
      t.run();
      expect(t[second].closed).toBe("connection-reset");
      expect(t.ends).toEqual(["connection-reset"]);
    }
  });

  test("keeps the end back until the last byte is out, and stops reading while the other side is full", () => {
    const t = open(1_000);
    t.tunnel.start(null, null, false);
    t.server.socket.pause();
    const text = Array.from({ length: 500 }, (_, index) => `${index},`).join("");
    let sent = 0;
    let stalled = 0;
    while (stalled < 3) {
      const taken = t.client.socket.write(Buffer.from(text), sent, text.length - sent);
      sent += taken;
      stalled = taken === 0 ? stalled + 1 : 0;
      t.run();
    }
    expect(t.proxyClient.paused).toBe(true);
    expect(sent).toBeLessThan(3_001);
    t.server.socket.resume();
    while (sent < text.length) {
      t.run();
      sent += t.client.socket.write(Buffer.from(text), sent, text.length - sent);
    }
    t.client.socket.shutdown();
    t.run();
    expect([t.server.received, t.server.ended]).toEqual([text, true]);
    t.server.socket.shutdown();
    t.run();
    expect(t.ends).toEqual([null]);
  });

  test("ended from outside resets both", () => {
    const t = open();
    t.tunnel.start(null, null, false);
    t.tunnel.terminate();
    t.run();
    expect([t.client.closed, t.server.closed]).toEqual(["connection-reset", "connection-reset"]);
    expect(t.ends).toEqual([null]);
  });
});
