/** Real handshakes over loopback: who is let in, who is not, and what each side learns. */
import { describe, expect, test } from "bun:test";
import { connect as tlsConnect } from "node:tls";
import type { MeshError } from "../errors.ts";
import { seededRandom } from "../random.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { validFor } from "../x509/sign.ts";
import { connect } from "./connect.ts";
import { ConnectionLimit, listen } from "./listen.ts";
import type { Socket } from "./socket.ts";
import { leafPem, testAuthority, testContext } from "./testing/pairs.ts";
import { Recorder } from "./testing/recorder.ts";
import { createTlsContext, upgradeServer } from "./tls.ts";
import type { ClientTls, ServerTls, TlsContext } from "./tls.ts";

const authority = testAuthority("ours");
const foreign = testAuthority("theirs");
const hour = 3_600_000;
const now = Date.now();
const serverName = "server.test";
const serverContext = testContext(authority, [serverName]);
const clientContext = testContext(authority, ["client.test"]);

type Outcome = Socket | MeshError;

interface Server {
  readonly port: number;
  /** What came of each connection in turn. */
  next(): Promise<Outcome>;
  close(): void;
}

function serve(options: Partial<ServerTls> = {}, peek = false): Server {
  const outcomes: Outcome[] = [];
  const waiting: Array<(outcome: Outcome) => void> = [];
  const told = (outcome: Outcome): void => {
    const resolve = waiting.shift();
    if (resolve === undefined) outcomes.push(outcome);
    else resolve(outcome);
  };
  const upgrade = (socket: Socket, initial: Buffer): void => {
    upgradeServer(socket, { context: serverContext, alpn: [], initial, ...options }, { onSecure: told, onFail: told });
  };
  const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
    if (!peek) {
      upgrade(socket, Buffer.alloc(0));
      return;
    }
    // As detection does: read something first, then decide.
    const recorder = new Recorder();
    socket.handler = {
      onData: (_socket, chunk) => upgrade(socket, chunk),
      onDrain() {},
      onEnd: () => told(new Error("ended before TLS") as MeshError),
      onClose: (closed, error) => recorder.onClose(closed, error),
    };
  });
  return {
    port: listener.addr.port,
    next: () =>
      new Promise((resolve) => {
        const ready = outcomes.shift();
        if (ready === undefined) waiting.push(resolve);
        else resolve(ready);
      }),
    close: () => listener.close(),
  };
}

function dial(port: number, tls: Partial<ClientTls> = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    connect(
      {
        ip: "127.0.0.1",
        port,
        timeout: 4000,
        tls: { context: clientContext, serverName, verify: { identity: serverName }, ...tls },
      },
      { onOpen: resolve, onFail: resolve },
    );
  });
}

/** One handshake: what the client and the server made of it. Closes everything. */
async function handshake(
  server: Partial<ServerTls>,
  client: Partial<ClientTls>,
): Promise<{ client: Outcome; server: Outcome }> {
  const listener = serve(server);
  const [clientSide, serverSide] = await Promise.all([dial(listener.port, client), listener.next()]);
  listener.close();
  for (const side of [clientSide, serverSide]) if (!(side instanceof Error)) side.terminate();
  return { client: clientSide, server: serverSide };
}

const code = (outcome: Outcome): string => (outcome instanceof Error ? outcome.code : "secure");

test("both sides learn the other's names, the protocol and the server name", async () => {
  const uri = "spiffe://trust.test/ns/a/sa/b";
  const { client, server } = await handshake(
    { alpn: ["transport.l5d.io/v1", "h2"] },
    { alpn: ["h2", "transport.l5d.io/v1"], context: testContext(authority, ["client.test", uri]) },
  );
  expect((server as Socket).tls).toEqual({
    peerNames: ["client.test", uri],
    alpn: "transport.l5d.io/v1",
    serverName,
  });
  expect((client as Socket).tls).toEqual({ peerNames: [serverName], alpn: "transport.l5d.io/v1", serverName });
});

test("without protocols on offer none is negotiated, and with only foreign ones the client is refused", async () => {
  const none = await handshake({ alpn: ["h2"] }, {});
  expect((none.server as Socket).tls?.alpn).toBeNull();
  const foreignOnly = await handshake({ alpn: ["h2"] }, { alpn: ["http/1.1"] });
  expect([code(foreignOnly.client), code(foreignOnly.server)]).toEqual(["tls-handshake", "tls-handshake"]);
});

describe("a server", () => {
  const refused: ReadonlyArray<readonly [what: string, context: TlsContext, reason: string]> = [
    ["of another authority", testContext(foreign, ["client.test"], authority.anchorPem), "unknown authority"],
    [
      "that has expired",
      createTlsContext({
        ...leafPem(authority, ["client.test"], { notBefore: now - 2 * hour, notAfter: now - hour }),
        caPem: authority.anchorPem,
        requestPeer: true,
      }),
      "has expired",
    ],
    [
      "that is not valid yet",
      createTlsContext({
        ...leafPem(authority, ["client.test"], { notBefore: now + hour, notAfter: now + 2 * hour }),
        caPem: authority.anchorPem,
        requestPeer: true,
      }),
      "not valid yet",
    ],
    [
      "that is missing",
      createTlsContext({ certPem: null, keyPem: null, caPem: authority.anchorPem, requestPeer: false }),
      "",
    ],
  ];
  for (const [what, context, reason] of refused) {
    test(`refuses a client certificate ${what}, and its data never arrives`, async () => {
      const listener = serve();
      const [client, server] = await Promise.all([dial(listener.port, { context }), listener.next()]);
      listener.close();
      expect(code(server)).toBe("tls-handshake");
      expect((server as MeshError).message).toContain(reason);
      // In TLS 1.3 the client is done before the server has judged it: it learns by the end of the connection.
      if (client instanceof Error) return;
      const recorder = new Recorder();
      client.handler = recorder;
      client.write(Buffer.from("early"), 0, 5);
      await recorder.until((r) => r.closed);
      expect(recorder.received).toBe(0);
    });
  }

  test("without the demand for certificates lets anonymous clients in", async () => {
    const context = createTlsContext({ ...leafPem(authority, [serverName]), caPem: "", requestPeer: false });
    const anonymous = createTlsContext({
      certPem: null,
      keyPem: null,
      caPem: authority.anchorPem,
      requestPeer: false,
    });
    const { server } = await handshake({ context }, { context: anonymous });
    expect((server as Socket).tls?.peerNames).toEqual([]);
  });

  test("refuses TLS 1.2", async () => {
    const listener = serve();
    const { certPem, keyPem } = leafPem(authority, ["client.test"]);
    const client = tlsConnect({
      host: "127.0.0.1",
      port: listener.port,
      cert: certPem,
      key: keyPem,
      ca: authority.anchorPem,
      servername: serverName,
      maxVersion: "TLSv1.2",
    });
    const failed = new Promise((resolve) => client.on("error", resolve));
    expect(code(await listener.next())).toBe("tls-handshake");
    expect(await failed).toBeInstanceOf(Error);
    listener.close();
  });

  test("refuses what is no TLS at all, and a peer that leaves in the middle", async () => {
    const listener = serve();
    const results: string[] = [];
    for (const [bytes, stay] of [
      [Buffer.from("GET / HTTP/1.1\r\n\r\n"), true],
      [Buffer.concat([Buffer.of(22, 3, 1, 2, 0, 1), Buffer.alloc(600, 0xff)]), true],
      [Buffer.of(22, 3, 1, 2, 0, 1, 0), false],
    ] as const) {
      const socket = await plain(listener.port);
      socket.write(bytes, 0, bytes.length);
      if (!stay) socket.shutdown();
      results.push(code(await listener.next()));
      socket.terminate();
    }
    listener.close();
    expect(results).toEqual(["tls-handshake", "tls-handshake", "connection-reset"]);
  });

  test("gives an unfinished handshake up at its deadline", async () => {
    const clock = new FakeClock();
    const listener = serve({ clock });
    const socket = await plain(listener.port);
    const recorder = new Recorder();
    socket.handler = recorder;
    socket.write(Buffer.of(22, 3, 1, 2, 0, 1), 0, 6);
    await Bun.sleep(5);
    clock.advance(9_999);
    await Bun.sleep(2);
    expect(recorder.events).toEqual([]);
    clock.advance(1);
    expect(code(await listener.next())).toBe("timeout");
    await recorder.until((r) => r.closed || r.events.includes("end"));
    expect(clock.timers).toBe(0);
    listener.close();
  });

  test("takes a ClientHello split at every byte, read before the upgrade or not", async () => {
    const hello = await recordHello();
    expect(hello.length).toBeGreaterThan(150);
    // A replayed hello can't be finished by its client, but a server that answers has understood it.
    for (const peek of [false, true]) {
      const listener = serve({}, peek);
      const answers: Array<Promise<number>> = [];
      for (let cut = 1; cut < hello.length; cut++) answers.push(replay(listener.port, hello, cut));
      // 22: a handshake record, the ServerHello. An alert would be 21.
      expect(new Set(await Promise.all(answers))).toEqual(new Set([22]));
      listener.close();
    }
  });

  test("takes a handshake that comes byte by byte", async () => {
    const listener = serve({}, true);
    const relay = listen({ ip: "127.0.0.1", port: 0 }, (near) => byteRelay(near, listener.port));
    const [client, server] = await Promise.all([dial(relay.addr.port), listener.next()]);
    expect([code(client), code(server)]).toEqual(["secure", "secure"]);
    const recorder = new Recorder();
    (server as Socket).handler = recorder;
    (client as Socket).write(Buffer.from("hello"), 0, 5);
    await recorder.until((r) => r.received === 5);
    listener.close();
    relay.close();
    (client as Socket).terminate();
  });

  test("uses new credentials for new connections at once and leaves the old ones alone, under load", async () => {
    let generation = 0;
    const contexts = Array.from({ length: 5 }, (_, index) =>
      testContext(authority, [serverName, `generation-${index}.test`]),
    );
    const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
      const context = contexts[generation] ?? serverContext;
      upgradeServer(
        socket,
        { context, alpn: [], initial: Buffer.alloc(0) },
        {
          onSecure(secure) {
            secure.handler = {
              onData: (echo, chunk) => void echo.write(chunk, 0, chunk.length),
              onDrain() {},
              onEnd: (echo) => echo.close(),
              onClose() {},
            };
          },
          onFail: (error) => expect.unreachable(error.message),
        },
      );
    });
    const clients: Socket[] = [];
    const recorders: Recorder[] = [];
    for (generation = 0; generation < contexts.length; generation++) {
      const opened = await Promise.all(Array.from({ length: 6 }, () => dial(listener.addr.port)));
      for (const client of opened as Socket[]) {
        expect(client.tls?.peerNames).toContain(`generation-${generation}.test`);
        clients.push(client);
        const recorder = new Recorder(false);
        client.handler = recorder;
        recorders.push(recorder);
      }
      // Everybody, also those of all generations before, still gets an answer.
      for (const client of clients) client.write(Buffer.from("x"), 0, 1);
      await Promise.all(
        recorders.map((r, index) => r.until(() => r.received === generation - Math.floor(index / 6) + 1)),
      );
    }
    listener.close();
    for (const client of clients) client.terminate();
  });
});

describe("a client", () => {
  test("refuses a server that is somebody else, whatever the server name says", async () => {
    const { client } = await handshake({}, { verify: { identity: "other.test" } });
    expect(code(client)).toBe("tls-identity");
    expect((client as MeshError).message).toContain('expected "other.test", the peer is "server.test"');
  });

  test("refuses a server whose certificate is for another name", async () => {
    const context = testContext(authority, ["other.test"]);
    expect(code((await handshake({ context }, {})).client)).toBe("tls-identity");
    expect(code((await handshake({ context }, { verify: "server-name" })).client)).toBe("tls-identity");
  });

  test("takes no wildcard for an identity", async () => {
    const context = testContext(authority, ["*.test"]);
    expect(code((await handshake({ context }, {})).client)).toBe("tls-identity");
  });

  test("accepts an identity that differs from the server name, as URI or DNS name", async () => {
    const uri = "spiffe://trust.test/ns/a/sa/b";
    const context = testContext(authority, [uri]);
    expect(code((await handshake({ context }, { verify: { identity: uri } })).client)).toBe("secure");
    const named = testContext(authority, ["pod.test"]);
    expect(code((await handshake({ context: named }, { verify: { identity: "pod.test" } })).client)).toBe("secure");
  });

  test("refuses another authority and expired servers, also where the name is compared by us alone", async () => {
    const expired = createTlsContext({
      ...leafPem(authority, [serverName], validFor(now - 2 * hour, hour)),
      caPem: authority.anchorPem,
      requestPeer: true,
    });
    const stranger = testContext(foreign, [serverName], authority.anchorPem);
    for (const context of [expired, stranger]) {
      for (const name of [serverName, "elsewhere.test"]) {
        const { client } = await handshake({ context }, { serverName: name });
        expect(code(client)).toBe("tls-handshake");
      }
    }
  });

  test("writes nothing to a server that it refuses", async () => {
    const listener = serve({});
    const [client, server] = await Promise.all([
      dial(listener.port, { verify: { identity: "x.test" } }),
      listener.next(),
    ]);
    expect(code(client)).toBe("tls-identity");
    if (!(server instanceof Error)) {
      const recorder = new Recorder();
      server.handler = recorder;
      await recorder.until((r) => r.closed);
      expect(recorder.received).toBe(0);
    }
    listener.close();
  });

  test("tells a refused connection from a failed handshake", async () => {
    const gone = listen({ ip: "127.0.0.1", port: 0 }, () => {});
    gone.close();
    expect(code(await dial(gone.addr.port))).toBe("connection-refused");
    const rude = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
      socket.handler = { onData: (s) => s.terminate(), onDrain() {}, onEnd() {}, onClose() {} };
    });
    expect(code(await dial(rude.addr.port))).toBe("connection-reset");
    rude.close();
    const polite = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
      socket.handler = { onData: (s) => s.close(), onDrain() {}, onEnd() {}, onClose() {} };
    });
    expect(["connection-reset", "tls-handshake"]).toContain(code(await dial(polite.addr.port)));
    polite.close();
  });

  test("gives up on a server that accepts and stays silent", async () => {
    const clock = new FakeClock();
    const silent = listen({ ip: "127.0.0.1", port: 0 }, () => {});
    const failed = new Promise<Outcome>((resolve) => {
      connect(
        {
          ip: "127.0.0.1",
          port: silent.addr.port,
          timeout: 1000,
          clock,
          tls: { context: clientContext, serverName, verify: "server-name" },
        },
        { onOpen: resolve, onFail: resolve },
      );
    });
    await Bun.sleep(5);
    clock.advance(1000);
    expect(code(await failed)).toBe("timeout");
    silent.close();
  });
});

test("close waits one second for a peer that does not end, and then lets go", async () => {
  const clock = new FakeClock();
  const listener = serve({ clock });
  const [client, server] = (await Promise.all([dial(listener.port), listener.next()])) as [Socket, Socket];
  listener.close();
  const atServer = new Recorder();
  const atClient = new Recorder();
  server.handler = atServer;
  client.handler = atClient;
  server.close();
  await atClient.until((r) => r.events.includes("end"));
  clock.advance(999);
  await Bun.sleep(2);
  expect(atServer.events).toEqual([]);
  clock.advance(1);
  await atServer.until((r) => r.closed);
  expect(atServer.events).toEqual(["close"]);
  expect(clock.timers).toBe(0);
  client.write(Buffer.from("x"), 0, 1);
  await atClient.until((r) => r.closed);
  expect(atClient.events).toEqual(["end", "close:connection-reset"]);
});

test("close loses nothing that was taken, however slow the reader is", async () => {
  const clock = new FakeClock();
  const listener = serve({ clock });
  const [client, server] = (await Promise.all([dial(listener.port), listener.next()])) as [Socket, Socket];
  listener.close();
  const atClient = new Recorder(false);
  client.handler = atClient;
  client.pause();
  const block = new Uint8Array(1 << 20);
  let sent = 0;
  for (let taken = block.length; taken === block.length; sent += taken) taken = server.write(block, 0, block.length);
  server.close();
  clock.advance(1000);
  await Bun.sleep(2);
  client.resume();
  await atClient.until((r) => r.events.length > 0);
  expect(atClient.events[0]).toBe("end");
  expect(atClient.received).toBe(sent);
  client.close();
});

test("nobody is verified without trust anchors, neither as a server nor as a client", () => {
  const own = leafPem(authority, [serverName]);
  expect(() => createTlsContext({ ...own, caPem: "", requestPeer: true })).toThrow("without trust anchors");
  const context = createTlsContext({ ...own, caPem: "\n", requestPeer: false });
  const tls: ClientTls = { context, serverName, verify: "server-name" };
  expect(() => connect({ ip: "127.0.0.1", port: 1, timeout: 1, tls }, { onOpen() {}, onFail() {} })).toThrow(
    `Verifying "${serverName}" needs trust anchors`,
  );
});

test("mutated and truncated hellos are refused and leave nothing behind", async () => {
  const hello = await recordHello();
  const random = seededRandom(3);
  const limit = new ConnectionLimit(1000);
  let refused = 0;
  const listener = listen({ ip: "127.0.0.1", port: 0, limit }, (socket) => {
    upgradeServer(
      socket,
      { context: serverContext, alpn: ["h2"], initial: Buffer.alloc(0) },
      { onSecure: () => expect.unreachable(), onFail: () => void refused++ },
    );
  });
  const attack = async (round: number): Promise<void> => {
    const bad = Buffer.from(hello);
    for (let flips = 0; flips < 1 + (round % 4); flips++) {
      bad[Math.floor(random.next() * bad.length)] = Math.floor(random.next() * 256);
    }
    const length = round % 3 === 0 ? Math.floor(random.next() * bad.length) : bad.length;
    const socket = await plain(listener.addr.port);
    const recorder = new Recorder();
    socket.handler = recorder;
    socket.write(bad, 0, length);
    await Bun.sleep(1);
    if (round % 2 === 0) socket.terminate();
    else socket.close();
    await recorder.until((r) => r.closed);
  };
  for (let round = 0; round < 300; round += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, index) => attack(round + index)));
  }
  for (let turn = 0; turn < 500 && limit.open > 0; turn++) await Bun.sleep(1);
  listener.close();
  expect([limit.open, refused]).toEqual([0, 300]);
});

test("a bad certificate or key is refused with its reason", () => {
  const { certPem } = leafPem(authority, ["a.test"]);
  const { keyPem } = leafPem(authority, ["b.test"]);
  const caPem = authority.anchorPem;
  for (const bad of [
    { certPem, keyPem },
    { certPem: "rubbish", keyPem },
  ]) {
    expect(() => createTlsContext({ ...bad, caPem, requestPeer: true })).toThrow(
      expect.objectContaining({ code: "invalid-argument" }),
    );
  }
});

function plain(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    connect({ ip: "127.0.0.1", port, timeout: 4000 }, { onOpen: resolve, onFail: reject });
  });
}

/** The first flight of a client with a small one, so that every cut of it can be tried. */
function recordHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
      socket.handler = {
        onData(_socket, chunk) {
          listener.close();
          socket.terminate();
          resolve(chunk);
        },
        onDrain() {},
        onEnd() {},
        onClose() {},
      };
    });
    const target = `127.0.0.1:${listener.addr.port}`;
    const options = ["-connect", target, "-tls1_3", "-groups", "X25519", "-servername", serverName];
    Bun.spawn(["openssl", "s_client", ...options], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  });
}

/** Sends the hello in two pieces; answers the first byte of what comes back, -1 when nothing does. */
function replay(port: number, hello: Buffer, cut: number): Promise<number> {
  return new Promise((resolve) => {
    void plain(port).then((socket) => {
      socket.handler = {
        onData(_socket, chunk) {
          resolve(chunk[0] ?? -1);
          socket.terminate();
        },
        onDrain() {},
        onEnd: () => resolve(-1),
        onClose: () => resolve(-1),
      };
      socket.write(hello, 0, cut);
      setTimeout(() => socket.write(hello, cut, hello.length - cut), 3);
    });
  });
}

/** Passes what `near` sends on to a port, one byte per write and turn. */
function byteRelay(near: Socket, port: number): void {
  near.pause();
  void plain(port).then((far) => {
    let queue = Buffer.alloc(0);
    let busy = false;
    const step = (): void => {
      if (queue.length === 0 || far.closed) {
        busy = false;
        return;
      }
      far.write(queue, 0, 1);
      queue = queue.subarray(1);
      setImmediate(step);
    };
    near.handler = {
      onData(_socket, chunk) {
        queue = Buffer.concat([queue, chunk]);
        if (busy) return;
        busy = true;
        step();
      },
      onDrain() {},
      onEnd: () => far.close(),
      onClose: () => far.terminate(),
    };
    far.handler = {
      onData: (_socket, chunk) => void near.write(chunk, 0, chunk.length),
      onDrain() {},
      onEnd: () => near.close(),
      onClose: () => near.terminate(),
    };
    near.resume();
  });
}
