/** Real handshakes over loopback: who is let in, who is not, and what each side learns. */
import { describe, expect, test } from "bun:test";
import { connect as tlsConnect } from "node:tls";
import type { MeshError } from "../errors.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { validFor } from "../x509/sign.ts";
import { connect } from "./connect.ts";
import { listen } from "./listen.ts";
import type { Socket } from "./socket.ts";
import { authority, code, dial, plain, serve, serverContext, serverName, type Outcome } from "./testing/handshakes.ts";
import { leafPem, testAuthority, testContext } from "./testing/pairs.ts";
import { Recorder } from "./testing/recorder.ts";
import { createTlsContext, upgradeServer } from "./tls.ts";
import type { ClientTls, ServerTls, TlsContext } from "./tls.ts";

const foreign = testAuthority("theirs");
const hour = 3_600_000;
const now = Date.now();
const clientContext = testContext(authority, ["client.test"]);

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
