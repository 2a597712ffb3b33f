import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import type { MeshError } from "../errors.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { freePort } from "../testing/free-port.ts";
import { connect } from "./connect.ts";
import type { ConnectOptions } from "./connect.ts";
import {
  closeDescriptor,
  getOption,
  listenSocket,
  bindSocket,
  localAddress,
  socketOptions,
  tcpSocket,
} from "./libc.ts";
import { ConnectionLimit, listen } from "./listen.ts";
import type { PendingConnect, Socket } from "./socket.ts";
import { Recorder } from "./testing/recorder.ts";
import { settle } from "./testing/memory-socket.ts";

function attempt(options: Omit<ConnectOptions, "timeout"> & { timeout?: number }): Promise<Socket | MeshError> {
  return new Promise((resolve) => {
    connect({ timeout: 5000, ...options }, { onOpen: resolve, onFail: resolve });
  });
}

function descriptors(): number {
  return [...new Bun.Glob("*").scanSync({ cwd: "/proc/self/fd", onlyFiles: false })].length;
}

for (const ip of ["127.0.0.1", "::1"]) {
  test(`a refused connection to ${ip} says so`, async () => {
    const port = freePort(ip);
    const error = (await attempt({ ip, port })) as MeshError;
    expect(error.code).toBe("connection-refused");
    const where = ip.includes(":") ? `[${ip}]` : ip;
    expect(error.message).toBe(`Connecting to "${where}:${port}": connection refused`);
  });

  test(`a connection to ${ip} opens, with its addresses and options`, async () => {
    let accepted: Socket | null = null;
    const listener = listen({ ip, port: 0, keepAlive: 10_000, userTimeout: 30_000 }, (socket) => {
      accepted = socket;
    });
    const opened = await attempt({ ip, port: listener.addr.port, keepAlive: 10_000, userTimeout: 30_000 });
    listener.close();
    expect(opened).not.toBeInstanceOf(Error);
    const client = opened as Socket;
    const closed = new Recorder();
    client.handler = closed;
    expect(client.remote).toEqual({ ip, port: listener.addr.port });
    await settle();
    for (const socket of [client, accepted as Socket | null]) {
      const fd = socket?.fd ?? -1;
      expect(getOption(fd, socketOptions.noDelay)).toBe(1);
      expect(getOption(fd, socketOptions.keepAlive)).toBe(1);
      expect(getOption(fd, socketOptions.keepIdle)).toBe(10);
      expect(getOption(fd, socketOptions.userTimeout)).toBe(30_000);
    }
    client.terminate();
    await closed.until((r) => r.closed);
  });
}

test("neither callback runs before connect returns, nor after cancel", async () => {
  const listener = listen({ ip: "127.0.0.1", port: 0 }, () => {});
  const before = descriptors();
  const told: string[] = [];
  for (const port of [listener.addr.port, freePort()]) {
    const pending = connect(
      { ip: "127.0.0.1", port, timeout: 1000 },
      { onOpen: () => told.push("open"), onFail: () => told.push("fail") },
    );
    pending.cancel();
    pending.cancel();
  }
  await Bun.sleep(20);
  listener.close();
  expect(told).toEqual([]);
  expect(descriptors()).toBeLessThanOrEqual(before);
});

test("an address that is none is refused", () => {
  expect(() => connect({ ip: "localhost", port: 1, timeout: 1 }, { onOpen() {}, onFail() {} })).toThrow(
    '"localhost" is not an IP address',
  );
});

test("a mark is set, or its refusal is told", async () => {
  const listener = listen({ ip: "127.0.0.1", port: 0 }, () => {});
  const opened = await attempt({ ip: "127.0.0.1", port: listener.addr.port, mark: 0x77 });
  listener.close();
  if (opened instanceof Error) expect(opened.code).toBe("environment");
  else {
    expect(getOption(opened.fd, socketOptions.mark)).toBe(0x77);
    opened.terminate();
  }
});

test("what a handler throws closes its connection as an internal error, and no other", async () => {
  const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
    socket.write(Buffer.from("x"), 0, 1);
  });
  const recorder = new Recorder();
  const opened = (await attempt({ ip: "127.0.0.1", port: listener.addr.port })) as Socket;
  opened.handler = {
    onData() {
      throw new Error("a bug");
    },
    onDrain() {},
    onEnd() {},
    onClose: (socket, error) => recorder.onClose(socket, error),
  };
  await recorder.until((r) => r.closed);
  listener.close();
  expect(recorder.error?.code).toBe("internal");
  expect(recorder.error?.message).toContain("a bug");
});

test("a listener refuses more connections than its limit and takes new ones when there is room", async () => {
  const limit = new ConnectionLimit(2);
  const accepted: Socket[] = [];
  const listener = listen({ ip: "127.0.0.1", port: 0, limit }, (socket) => accepted.push(socket));
  const clients: Socket[] = [];
  for (let index = 0; index < 2; index++) {
    clients.push((await attempt({ ip: "127.0.0.1", port: listener.addr.port })) as Socket);
  }
  const third = await attempt({ ip: "127.0.0.1", port: listener.addr.port });
  // The reset may come before the client knew that it was connected.
  if (!(third instanceof Error)) {
    const recorder = new Recorder();
    third.handler = recorder;
    await recorder.until((r) => r.closed);
    expect(recorder.events).toEqual(["close:connection-reset"]);
  }
  expect([limit.open, limit.refused]).toEqual([2, 1]);
  const gone = new Recorder();
  const [first] = accepted;
  if (first !== undefined) first.handler = gone;
  clients[0]?.terminate();
  await gone.until((r) => r.closed);
  expect(limit.open).toBe(1);
  const again = (await attempt({ ip: "127.0.0.1", port: listener.addr.port })) as Socket;
  await Bun.sleep(2);
  expect([limit.open, limit.refused]).toEqual([2, 1]);
  listener.close();
  for (const client of [...clients, again]) client.terminate();
});

test("a taken port and a foreign address are told by name", () => {
  const listener = listen({ ip: "127.0.0.1", port: 0 }, () => {});
  const { port } = listener.addr;
  expect(() => listen({ ip: "127.0.0.1", port }, () => {})).toThrow(
    expect.objectContaining({ code: "address-in-use", message: expect.stringContaining(`"127.0.0.1:${port}"`) }),
  );
  listener.close();
  expect(() => listen({ ip: "192.0.2.1", port: 0 }, () => {})).toThrow();
});

test("a closed listener takes nothing new and leaves connections alone", async () => {
  let accepted: Socket | null = null;
  const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
    accepted = socket;
  });
  const client = (await attempt({ ip: "127.0.0.1", port: listener.addr.port })) as Socket;
  await settle();
  listener.close();
  const recorder = new Recorder();
  client.handler = recorder;
  const server = accepted as Socket | null;
  server?.write(Buffer.from("still"), 0, 5);
  await recorder.until((r) => r.received === 5);
  expect(((await attempt({ ip: "127.0.0.1", port: listener.addr.port })) as MeshError).code).toBe("connection-refused");
  client.terminate();
});

test("a descriptor that listens already is adopted", async () => {
  const fd = tcpSocket("127.0.0.1");
  expect(bindSocket(fd, { ip: "127.0.0.1", port: 0 })).toBe(0);
  expect(listenSocket(fd, 16)).toBe(0);
  const listener = listen({ fd }, (socket) => {
    socket.write(Buffer.from("hi"), 0, 2);
  });
  expect(localAddress(fd)).toEqual(listener.addr);
  const client = (await attempt({ ip: "127.0.0.1", port: listener.addr.port })) as Socket;
  const recorder = new Recorder();
  client.handler = recorder;
  await recorder.until((r) => r.received === 2);
  client.terminate();
  listener.close();
});

test("a listener on :: takes IPv4 peers and tells their IPv4 address", async () => {
  let remote = "";
  const listener = listen({ ip: "::", port: 0 }, (socket) => {
    remote = socket.remote.ip;
  });
  const client = (await attempt({ ip: "127.0.0.1", port: listener.addr.port })) as Socket;
  await Bun.sleep(2);
  expect(remote).toBe("127.0.0.1");
  client.terminate();
  listener.close();
});

/** A full accept queue drops SYNs: an attempt that stays pending without any special rights. */
async function blackHole(): Promise<{ port: number; close: () => void }> {
  const fd = tcpSocket("127.0.0.1");
  bindSocket(fd, { ip: "127.0.0.1", port: 0 });
  listenSocket(fd, 0);
  const port = localAddress(fd)?.port ?? 0;
  const fillers: PendingConnect[] = [];
  for (let index = 0; index < 4; index++) {
    fillers.push(connect({ ip: "127.0.0.1", port, timeout: 60_000 }, { onOpen() {}, onFail() {} }));
  }
  await Bun.sleep(5);
  return {
    port,
    close() {
      for (const filler of fillers) filler.cancel();
      closeDescriptor(fd);
    },
  };
}

test("a connection that nobody answers times out and leaves no descriptor", async () => {
  const hole = await blackHole();
  const before = descriptors();
  const clock = new FakeClock();
  const failed: MeshError[] = [];
  connect(
    { ip: "127.0.0.1", port: hole.port, timeout: 1000, clock },
    { onOpen: () => expect.unreachable(), onFail: (error) => failed.push(error) },
  );
  await Bun.sleep(5);
  clock.advance(999);
  expect(failed).toEqual([]);
  clock.advance(1);
  await Bun.sleep(5);
  expect(failed.map((error) => error.code)).toEqual(["timeout"]);
  expect(failed[0]?.message).toBe(`Connecting to "127.0.0.1:${hole.port}": not connected within 1000 ms`);
  expect(clock.timers).toBe(0);
  expect(descriptors()).toBe(before);
  hole.close();
});

const mayMakeNetworks = process.getuid?.() === 0 && spawnSync("ip", ["netns", "list"]).status === 0;

describe.skipIf(!mayMakeNetworks)("between network namespaces", () => {
  const name = `nettest${process.pid}`;
  const ip = (args: string): void => {
    const result = spawnSync("ip", args.split(" "), { encoding: "utf8" });
    if (result.status !== 0) throw new Error(`ip ${args}: ${result.stderr}`);
  };
  beforeAll(() => {
    ip(`netns add ${name}`);
    ip(`link add nt${process.pid} type veth peer name p1 netns ${name}`);
    ip(`addr add 198.18.77.1/30 dev nt${process.pid}`);
    ip(`link set nt${process.pid} up`);
    ip(`-n ${name} addr add 198.18.77.2/30 dev p1`);
    ip(`-n ${name} link set p1 up`);
    const rules = `table inet f {
      chain i { type filter hook input priority 0
        tcp dport 82 reject with icmpx type host-unreachable
      }
    }`;
    spawnSync("ip", ["netns", "exec", name, "nft", "-f", "-"], { input: rules });
  });
  afterAll(() => ip(`netns del ${name}`));

  test("an unreachable host is told apart from a refused connection", async () => {
    expect(((await attempt({ ip: "198.18.77.2", port: 82 })) as MeshError).code).toBe("unreachable");
    expect(((await attempt({ ip: "198.18.77.2", port: 83 })) as MeshError).code).toBe("connection-refused");
  });
});

test("a connection that is there when a stalled process comes back opens, though its deadline passed meanwhile", async () => {
  // The peer is the kernel: it completes connections to a listening descriptor that nobody accepts from.
  const fd = tcpSocket("127.0.0.1");
  bindSocket(fd, { ip: "127.0.0.1", port: 0 });
  listenSocket(fd, 8);
  const peer = localAddress(fd) as { ip: string; port: number };
  // As in a proxy: begun while events are handled, more of which then take long. Timers come before the next look at sockets.
  const opened = await new Promise<Socket | MeshError>((resolve) => {
    const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
      void attempt({ ...peer, timeout: 20 }).then(resolve);
      const until = performance.now() + 100;
      while (performance.now() < until);
      socket.terminate();
      listener.close();
    });
    void attempt({ ip: "127.0.0.1", port: listener.addr.port });
  });
  closeDescriptor(fd);
  expect(opened).not.toBeInstanceOf(Error);
  (opened as Socket).terminate();
});
