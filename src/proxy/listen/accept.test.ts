import { describe, expect, test } from "bun:test";
import type { MeshError } from "#lib/errors.ts";
import { Drain } from "#lib/drain.ts";
import { memoryLog } from "#lib/log.ts";
import { connect } from "#lib/net/connect.ts";
import { ConnectionLimit } from "#lib/net/listen.ts";
import type { Socket, SocketAddr } from "#lib/net/socket.ts";
import { Recorder } from "#lib/net/testing/recorder.ts";
import { acceptConnections, type AcceptOptions } from "./accept.ts";

function open(addr: SocketAddr): Promise<Socket> {
  return new Promise((resolve, reject) => {
    connect({ ...addr, timeout: 2000 }, { onOpen: resolve, onFail: reject });
  });
}

/** One connection through a listener: what was made of it, as text. */
async function accept(options: Partial<AcceptOptions>): Promise<string> {
  const drain = new Drain();
  return await new Promise<string>((resolve) => {
    const listener = acceptConnections(
      {
        addr: { ip: "127.0.0.1", port: 0 },
        limit: new ConnectionLimit(10),
        drain,
        log: memoryLog().log,
        direct: false,
        ownPorts: new Set([4140, 4143]),
        allowedIps: [],
        ...options,
      },
      {
        onAccept(socket, target) {
          socket.terminate();
          resolve(target.kind === "direct" ? "direct" : `to ${target.dst.ip}:${target.dst.port}`);
        },
        onRefuse: (_socket, reason) => resolve(reason),
      },
    );
    open(listener.addr).then(
      (client) => client.terminate(),
      () => {},
    );
  });
}

const to = (ip: string, port: number) => () => ({ ip, port });

describe("a redirected connection", () => {
  test("is accepted with the address that it wanted", async () => {
    expect(await accept({ destination: to("10.1.2.3", 80) })).toBe("to 10.1.2.3:80");
    expect(await accept({ destination: to("fd00::1", 80) })).toBe("to fd00::1:80");
  });

  test("to one of our own ports on this machine is a loop", async () => {
    expect(await accept({ destination: to("127.0.0.1", 4143) })).toBe("loop");
    expect(await accept({ destination: to("127.0.0.9", 4140) })).toBe("loop");
    expect(await accept({ destination: to("::1", 4140) })).toBe("loop");
  });

  test("to the same port of another machine is none", async () => {
    expect(await accept({ destination: to("10.1.2.3", 4143) })).toBe("to 10.1.2.3:4143");
  });

  test("must be for an allowed address when there are any", async () => {
    const allowedIps = ["10.1.2.3"];
    expect(await accept({ allowedIps, destination: to("10.1.2.3", 80) })).toBe("to 10.1.2.3:80");
    expect(await accept({ allowedIps, destination: to("10.9.9.9", 80) })).toBe("address-not-allowed");
  });
});

describe("a connection that was not redirected", () => {
  test("is direct where that is wanted", async () => {
    expect(await accept({ direct: true, destination: () => null })).toBe("direct");
    expect(await accept({ direct: true, destination: (socket) => socket.local })).toBe("direct");
    expect(await accept({ direct: true })).toBe("direct");
  });

  test("is refused where it would loop", async () => {
    expect(await accept({ destination: (socket) => socket.local })).toBe("not-redirected");
    expect(await accept({})).toBe("not-redirected");
  });
});

test("a refused connection is reset and said in the log at debug level", async () => {
  const { log, lines } = memoryLog();
  const limit = new ConnectionLimit(10);
  const listener = acceptConnections(
    {
      addr: { ip: "127.0.0.1", port: 0 },
      limit,
      drain: new Drain(),
      log,
      direct: false,
      ownPorts: new Set(),
      allowedIps: ["10.0.0.1"],
      destination: to("10.0.0.2", 80),
    },
    { onAccept: () => expect.unreachable() },
  );
  try {
    const client = await open(listener.addr);
    const recorder = new Recorder();
    client.handler = recorder;
    await recorder.until((r) => r.closed);
    expect(recorder.events).toEqual(["close:connection-reset"]);
  } catch (error) {
    // The reset may come before the client knows that it is connected.
    expect(["connection-reset", "connection-refused"]).toContain((error as MeshError).code);
  }
  listener.close();
  expect(lines).toEqual([expect.stringContaining("Connection refused reason=address-not-allowed")]);
  expect(lines[0]).toContain("dst=10.0.0.2:80");
  expect(limit.open).toBe(0);
});

test("draining closes the listener and leaves connections alone", async () => {
  const drain = new Drain();
  const accepted: Socket[] = [];
  const listener = acceptConnections(
    {
      addr: { ip: "127.0.0.1", port: 0 },
      limit: new ConnectionLimit(10),
      drain,
      log: memoryLog().log,
      direct: true,
      ownPorts: new Set(),
      allowedIps: [],
    },
    { onAccept: (socket) => accepted.push(socket) },
  );
  const client = await open(listener.addr);
  await Bun.sleep(1);
  void drain.start();
  await expect(open(listener.addr)).rejects.toThrow("connection refused");
  const recorder = new Recorder();
  client.handler = recorder;
  accepted[0]?.write(Buffer.from("x"), 0, 1);
  await recorder.until((r) => r.received === 1);
  client.terminate();
});
