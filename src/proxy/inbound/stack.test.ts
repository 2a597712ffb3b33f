import { afterAll, describe, expect, test } from "bun:test";
import { Drain } from "#lib/drain.ts";
import { memoryLog } from "#lib/log.ts";
import { connect } from "#lib/net/connect.ts";
import { listen } from "#lib/net/listen.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import { testAuthority, testContext, type TestAuthority } from "#lib/net/testing/pairs.ts";
import { upgradeServer, type ClientTls } from "#lib/net/tls.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import type { ResponseHead } from "#wire/http1/head.ts";
import { encodeTransportHeader, transportProtocol } from "#wire/transport-header/transport-header.ts";
import { clientHello } from "#wire/tls-hello/testing/hello.ts";
import { RequestWatchers } from "../http/request-watch.ts";
import type { Failure } from "../http/ports.ts";
import { CountingHttp, CountingTransport } from "../http/testing/cells.ts";
import { dial, endOf, http2Get, WireServer } from "../http/testing/wire.ts";
import type { AccessLog, InboundConnection, InboundProtocol, PortPolicy, RequestVerdict } from "./ports.ts";
import { createInboundStack } from "./stack.ts";

const closers: Array<() => void> = [];
afterAll(() => {
  for (const close of closers) close();
});

const authority = testAuthority();
const serverContext = testContext(authority, ["voting.test"]);
const clientContexts = new Map<TestAuthority, ClientTls["context"]>();

/** What a meshed peer connects with. */
function mesh(serverName: string, alpn?: readonly string[], by = authority): ClientTls {
  let context = clientContexts.get(by);
  if (context === undefined) {
    context = testContext(by, ["web.test"], authority.anchorPem);
    clientContexts.set(by, context);
  }
  return { context, serverName, verify: { identity: "voting.test" }, ...(alpn === undefined ? {} : { alpn }) };
}

interface Setup {
  readonly protocol?: InboundProtocol;
  /** The port of the original destination; null: the connection is to the proxy's port. */
  readonly port?: number | null;
  readonly verdict?: RequestVerdict["kind"];
  readonly allowed?: boolean;
  readonly judgesRequests?: boolean;
  readonly maxInFlight?: number;
  readonly accessLog?: AccessLog;
}

function setup(options: Setup = {}) {
  const app = new WireServer();
  closers.push(() => app.listener.close());
  const clock = new FakeClock();
  const { log, lines } = memoryLog();
  const source = new CountingTransport();
  const destination = new CountingTransport();
  const http = new CountingHttp();
  const failures: Failure[] = [];
  const tcpFailures: string[] = [];
  const seen: InboundConnection[] = [];
  const asked: number[] = [];
  const watchers = new Set<() => void>();
  const detected: string[] = [];
  const headers: string[] = [];
  const gatewayed: string[] = [];
  const drain = new Drain();
  const state = { allowed: options.allowed ?? true, verdict: options.verdict ?? "allow", holds: 0 };
  const policy: PortPolicy = {
    protocol: options.protocol ?? "detect",
    judgesRequests: options.judgesRequests ?? false,
    detectTimeout: 10_000,
    detect: { observe: (result) => detected.push(result), lost: (reason) => detected.push(`lost ${reason}`) },
    authorize(connection) {
      seen.push(connection);
      return { allowed: state.allowed, source, destination };
    },
    authorizeRequest: () => ({ kind: state.verdict, http, requests: null, filters: null }),
    watch(onChange) {
      watchers.add(onChange);
      return () => {
        watchers.delete(onChange);
      };
    },
    hold: () => state.holds++,
    release: () => state.holds--,
  };
  const dst: SocketAddr | null = options.port === null ? null : { ip: "10.1.1.1", port: options.port ?? 8080 };
  const stack = createInboundStack({
    clock,
    log,
    drain,
    policies: {
      forPort(port) {
        asked.push(port);
        return policy;
      },
    },
    watchers: new RequestWatchers(),
    errors: {
      respond(failure) {
        failures.push(failure);
        return { status: 403, headers: [], close: failure.cause !== "unauthorized" };
      },
      tcpFailed: (cause) => tcpFailures.push(cause),
    },
    connect,
    onTransportHeader: ({ port, session }, clientId) => headers.push(`${port} ${session} ${clientId}`),
    accessLog: options.accessLog ?? null,
    credentials: {
      localName: "voting.test",
      accept: (socket, tls, handler) => upgradeServer(socket, { context: serverContext, ...tls }, handler),
    },
    appAddress: () => ({ ip: "127.0.0.1", port: app.port }),
    ownPorts: new Set([4143]),
    gateway: {
      suffixes: ["svc.test."],
      accept(socket, named, onOver) {
        gatewayed.push(
          `${named.name}:${named.port} ${named.session} ${named.by} ${named.for} ${named.initial.toString()}`,
        );
        socket.handler = {
          onData() {},
          onDrain() {},
          onEnd: (ended) => ended.close(),
          onClose: (_, error) => onOver(error),
        };
      },
    },
    requireTlsPorts: [],
    detectTimeout: 10_000,
    connectTimeout: 300,
    poolIdleTimeout: 3_000,
    maxIdlePerPort: 10,
    maxInFlight: options.maxInFlight ?? 100,
    connectKeepAlive: 0,
    connectUserTimeout: 0,
  });
  const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => stack.accept(socket, dst));
  closers.push(() => listener.close());
  return {
    app,
    clock,
    source,
    destination,
    http,
    failures,
    tcpFailures,
    seen,
    asked,
    watchers,
    headers,
    gatewayed,
    drain,
    state,
    stack,
    lines,
    client: (tls?: ClientTls) => dial(listener.addr.port, tls),
  };
}

const get = "GET /a HTTP/1.1\r\nHost: web\r\n\r\n";
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

describe("plaintext", () => {
  test("requests reach the application without forged identities, and are accounted for", async () => {
    const t = setup();
    const client = await t.client();
    client.send("GET /a HTTP/1.1\r\nHost: web\r\nL5d-Client-Id: forged\r\nl5d-anything: x\r\n\r\n");
    const app = await t.app.next();
    expect(await app.take("\r\n\r\n")).toBe(get);
    app.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nl5d-proxy-error: forged\r\n\r\nok");
    expect(await client.take("ok")).toBe(ok);
    client.send(get);
    await app.take("\r\n\r\n");
    app.send(ok);
    await client.take("ok");
    client.socket.close();
    await t.drain.start();
    expect(t.app.accepted).toBe(1);
    expect(t.seen).toHaveLength(1);
    expect(t.seen[0]).toMatchObject({
      client: { ip: "127.0.0.1" },
      target: { ip: "10.1.1.1", port: 8080 },
      tls: { kind: "none", reason: "loopback" },
    });
    expect(t.http.ends).toEqual([
      [200, true],
      [200, true],
    ]);
    expect([t.source.open, t.source.total, t.state.holds, t.stack.inFlight]).toEqual([0, 1, 0, 0]);
  });

  test("the access log sees every request with what is known of its client", async () => {
    const seen: string[] = [];
    const accessLog: AccessLog = {
      wrap(session, { client, tls }) {
        seen.push(`${client.ip} ${tls.kind}`);
        return Object.assign(Object.create(session) as typeof session, {
          onResponse(head: ResponseHead) {
            seen.push(String(head.status));
            session.onResponse(head);
          },
        });
      },
    };
    const t = setup({ accessLog });
    const client = await t.client();
    for (let count = 0; count < 2; count++) client.send(get);
    const app = await t.app.next();
    app.send(ok);
    await client.take("ok");
    await app.take((text) => text.split("\r\n\r\n").length === 3);
    app.send(ok.replace("200 OK", "404 No"));
    await client.take("ok");
    expect(seen).toEqual(["127.0.0.1 none", "200", "404"]);
    client.socket.close();
  });

  test("bytes reach the application both ways", async () => {
    const t = setup();
    const client = await t.client();
    client.send("*1\r\n");
    const app = await t.app.next();
    expect(await app.take("*1\r\n")).toBe("*1\r\n");
    app.send("+OK\r\n");
    expect(await client.take("+OK\r\n")).toBe("+OK\r\n");
    client.socket.close();
    await app.ended();
    app.socket.close();
    await t.drain.start();
    expect([t.destination.writtenBytes, t.destination.readBytes, t.destination.open]).toEqual([4, 5, 0]);
    expect(t.watchers.size).toBe(0);
  });

  test("on an opaque port nothing is looked at, not even TLS", async () => {
    const t = setup({ protocol: "opaque" });
    const client = await t.client();
    (await t.app.next()).send("220 hello");
    await client.take("hello");
    expect(t.seen[0]?.tls).toEqual({ kind: "none", reason: "port_skipped" });
    client.socket.terminate();
  });

  test("TLS for somebody else passes as it is", async () => {
    const t = setup();
    const client = await t.client();
    const hello = clientHello({ serverName: "shop.example" }).toString("latin1");
    for (const byte of hello) {
      client.send(byte);
      await Bun.sleep(0);
    }
    expect(await (await t.app.next()).take((text) => text.length === hello.length)).toBe(hello);
    expect(t.seen[0]?.tls).toEqual({ kind: "passthrough", serverName: "shop.example" });
    client.socket.terminate();
  });

  test("a port known to speak HTTP/1 does so although the client is silent", async () => {
    const t = setup({ protocol: "http1" });
    const client = await t.client();
    await Bun.sleep(5);
    t.clock.advance(10_000);
    client.send(get);
    expect(await (await t.app.next()).take("\r\n\r\n")).toBe(get);
    client.socket.terminate();
  });

  test("a client that stops in the first line gets by as bytes only where requests have no rules", async () => {
    for (const judgesRequests of [false, true]) {
      const t = setup({ judgesRequests });
      const client = await t.client();
      client.send(get.slice(0, 3));
      await Bun.sleep(5);
      t.clock.advance(10_000);
      client.send(get.slice(3));
      expect(await (await t.app.next()).take("\r\n\r\n")).toBe(get);
      expect(t.http.requests).toBe(judgesRequests ? 1 : 0);
      client.socket.terminate();
    }
  });

  for (const protocol of ["http2", "grpc"] as const)
    test(`what does not begin as HTTP/2 does not reach a port known to speak ${protocol} as bytes`, async () => {
      const t = setup({ protocol });
      for (const bytes of [`\r\n\r\n${get}`, get.replaceAll("\r", "")]) {
        const client = await t.client();
        client.send(bytes);
        expect(await Promise.race([client.ended(), t.app.next().then(() => "reached")])).not.toBe("reached");
      }
    });
});

describe("policy", () => {
  test("refuses a request and keeps the connection", async () => {
    const t = setup({ verdict: "unauthorized" });
    const client = await t.client();
    client.send(get + get);
    const text = await client.take((all) => all.split("content-length: 0").length === 3);
    expect(text).toContain("403 Forbidden");
    expect(t.failures).toMatchObject([
      { cause: "unauthorized", meshed: false },
      { cause: "unauthorized", meshed: false },
    ]);
    t.state.verdict = "allow";
    client.send(get);
    expect(await (await t.app.next()).take("\r\n\r\n")).toBe(get);
    client.socket.terminate();
  });

  test("resets a connection of bytes that it forbids", async () => {
    const t = setup({ allowed: false, protocol: "opaque" });
    expect(await endOf(t.client())).toBe("connection-reset");
    expect(t.tcpFailures).toEqual(["unauthorized"]);
    expect(t.app.accepted).toBe(0);
    await t.drain.start();
    expect(t.state.holds).toBe(0);
  });

  test("that changes resets connections of bytes that it now forbids", async () => {
    const t = setup({ protocol: "opaque" });
    const client = await t.client();
    const app = await t.app.next();
    client.send("x");
    await app.take("x");
    for (const onChange of t.watchers) onChange();
    client.send("y");
    await app.take("y");
    t.state.allowed = false;
    for (const onChange of t.watchers) onChange();
    expect(await client.end()).toBe("connection-reset");
    expect(await app.end()).toBe("connection-reset");
  });

  test("sheds requests over the limit", async () => {
    const t = setup({ maxInFlight: 0 });
    const client = await t.client();
    client.send(get);
    await client.rest();
    expect(t.failures).toMatchObject([{ cause: "load-shed" }]);
  });
});

describe("the mesh's TLS", () => {
  test("names the client to the application and to the policy", async () => {
    const t = setup();
    const client = await t.client(mesh("voting.test"));
    client.send("GET /a HTTP/1.1\r\nHost: web\r\nl5d-client-id: forged\r\n\r\n");
    const app = await t.app.next();
    expect(await app.take("\r\n\r\n")).toBe("GET /a HTTP/1.1\r\nHost: web\r\nl5d-client-id: web.test\r\n\r\n");
    app.send(ok);
    expect(await client.take("ok")).toBe(ok);
    expect(t.seen[0]).toMatchObject({ target: { port: 8080 }, tls: { kind: "meshed", clientId: "web.test" } });
    client.socket.terminate();
  });

  test("tells a meshed client's failures as such", async () => {
    const t = setup({ verdict: "unauthorized" });
    const client = await t.client(mesh("voting.test"));
    client.send(get);
    await client.take("content-length: 0");
    expect(t.failures).toMatchObject([{ meshed: true }]);
    client.socket.terminate();
  });

  test("refuses a client whose certificate somebody else signed", async () => {
    const t = setup();
    const client = await t.client(mesh("voting.test", undefined, testAuthority("other"))).catch(() => null);
    if (client !== null) await client.ended();
    expect(t.tcpFailures).toEqual(["unexpected"]);
    expect(t.app.accepted).toBe(0);
  });

  for (const [session, first] of [
    ["http1", get],
    [null, "bytes"],
  ] as const) {
    test(`with a transport header takes ${session ?? "bytes"} for the named port`, async () => {
      const t = setup({ port: null });
      const client = await t.client(mesh("voting.test", [transportProtocol]));
      const header = encodeTransportHeader({ port: 9090, name: null, session }).toString("latin1");
      // In two pieces, the second with the first bytes of the session.
      client.send(header.slice(0, 30));
      await Bun.sleep(1);
      client.send(header.slice(30) + first);
      const extra = session === "http1" ? "l5d-client-id: web.test\r\n" : "";
      expect(await (await t.app.next()).take((text) => text.length === first.length + extra.length)).toBe(
        extra === "" ? first : first.replace(/\r\n\r\n$/, `\r\n${extra}\r\n`),
      );
      expect(t.asked).toEqual([9090]);
      expect(t.seen[0]).toMatchObject({ target: { port: 9090 }, tls: { kind: "meshed", clientId: "web.test" } });
      client.socket.terminate();
    });
  }

  test("with a transport header takes http2 for the named port, and tells the application who asks", async () => {
    const t = setup({ port: null });
    const client = await t.client(mesh("voting.test", [transportProtocol]));
    const header = encodeTransportHeader({ port: 9090, name: null, session: "http2" }).toString("latin1");
    client.send(header + http2Get);
    const got = await (await t.app.next()).take("web.test");
    expect(got).toStartWith("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    expect(got).toContain("l5d-client-id");
    expect([t.asked, t.headers, t.stack.inFlight]).toEqual([[9090], ["9090 http2 web.test"], 1]);
    client.socket.terminate();
    await t.drain.start();
    expect([t.stack.inFlight, t.state.holds, t.http.ends]).toEqual([0, 0, [[0, false]]]);
  });

  test("with a transport header may bring HTTP/1 by HTTP/2, when the peer says so", async () => {
    const t = setup({ port: null });
    const client = await t.client(mesh("voting.test", [transportProtocol]));
    const header = encodeTransportHeader({ port: 9090, name: null, session: "http2" }).toString("latin1");
    // One more field, a literal that no table takes: l5d-orig-proto: HTTP/1.1.
    const field = "\0\x0el5d-orig-proto\x08HTTP/1.1";
    const length = String.fromCharCode(8 + field.length);
    client.send(header + http2Get.replace("\0\0\x08\x01", `\0\0${length}\x01`) + field);
    const app = await t.app.next();
    expect(await app.take("\r\n\r\n")).toBe("GET / HTTP/1.1\r\nhost: web\r\nl5d-client-id: web.test\r\n\r\n");
    app.send(ok);
    // The peer hears what the application spoke.
    expect(await client.take("ok")).toContain("l5d-orig-proto\x08HTTP/1.1");
    // The next one goes by the connection that was kept, and is written at once.
    client.send(`\0\0${length}\x01\x05\0\0\0\x03\x82\x86\x84\x41\x03web${field}`);
    expect(await app.take("\r\n\r\n")).toBe("GET / HTTP/1.1\r\nhost: web\r\nl5d-client-id: web.test\r\n\r\n");
    app.send(ok);
    await client.take("ok");
    expect([t.app.accepted, t.http.ends.length]).toEqual([1, 2]);
    client.socket.terminate();
  });

  test.each([
    ["HTTP/1.0", "GET / HTTP/1.0"],
    ["HTTP/1.1; absolute-form", "GET http://web/ HTTP/1.1"],
    ["HTTP/1.0; absolute-form", "GET http://web/ HTTP/1.0"],
    ["HTTP/3", "GET / HTTP/1.1"],
  ])("restores a request of %s exactly", async (version, line) => {
    const t = setup({ port: null });
    const client = await t.client(mesh("voting.test", [transportProtocol]));
    const header = encodeTransportHeader({ port: 9090, name: null, session: "http2" }).toString("latin1");
    const field = `\0\x0el5d-orig-proto${String.fromCharCode(version.length)}${version}`;
    const length = String.fromCharCode(8 + field.length);
    client.send(header + http2Get.replace("\0\0\x08\x01", `\0\0${length}\x01`) + field);
    const app = await t.app.next();
    expect(await app.take("\r\n\r\n")).toBe(`${line}\r\nhost: web\r\nl5d-client-id: web.test\r\n\r\n`);
    app.send(`${ok.replace("HTTP/1.1", "HTTP/1.0")}`);
    expect(await client.take("ok")).toContain("l5d-orig-proto\x08HTTP/1.0");
    client.socket.terminate();
  });

  test("is required on the proxy's own port, and so is the header", async () => {
    const t = setup({ port: null });
    const plain = await t.client();
    plain.send(get);
    expect(await plain.end()).toBe("connection-reset");
    const headerless = await t.client(mesh("voting.test"));
    expect(await headerless.end()).not.toBe("");
    const garbage = await t.client(mesh("voting.test", [transportProtocol]));
    garbage.send("GET / HTTP/1.1\r\n\r\n");
    expect(await garbage.end()).not.toBe("");
    expect(t.app.accepted).toBe(0);
    expect(t.seen).toEqual([]);
  });

  test("with a header for the proxy's own port, or for a gateway, is refused", async () => {
    const t = setup({ port: null });
    for (const header of [
      { port: 4143, name: null, session: null },
      { port: 80, name: "web.ns.svc", session: null },
    ]) {
      const client = await t.client(mesh("voting.test", [transportProtocol]));
      client.send(encodeTransportHeader(header).toString("latin1"));
      expect(await client.end()).not.toBe("");
    }
    expect(t.seen).toEqual([]);
    await t.drain.start();
    expect(t.state.holds).toBe(0);
  });

  test("with a header that names a Service is passed on by name, when the gateway serves it and the policy lets the client in", async () => {
    for (const [name, allowed, accepted] of [
      ["Web.ns.svc.test.", true, ["web.ns.svc.test:80 http1 voting.test web.test GET"]],
      ["web.ns.svc.test", false, []],
      ["web.ns.other.test", true, []],
      ["xsvc.test", true, []],
    ] as const) {
      const t = setup({ port: null, allowed });
      const client = await t.client(mesh("voting.test", [transportProtocol]));
      client.send(`${encodeTransportHeader({ port: 80, name, session: "http1" }).toString("latin1")}GET`);
      if (accepted.length === 0) expect(await client.end()).not.toBe("");
      else {
        client.socket.shutdown();
        await client.rest();
        client.socket.close();
      }
      await t.drain.start();
      expect([t.gatewayed, t.state.holds, t.source.open]).toEqual([[...accepted], 0, 0]);
      expect(t.tcpFailures).toEqual(accepted.length > 0 ? [] : [allowed ? "gateway-domain" : "unauthorized"]);
    }
  });

  test("that stops before its header is complete is given up", async () => {
    const t = setup({ port: null });
    const client = await t.client(mesh("voting.test", [transportProtocol]));
    client.send("transport");
    await Bun.sleep(20);
    t.clock.advance(10_000);
    expect(await client.end()).not.toBe("");
  });
});

test("a client of HTTP/2 that does not answer pings any more is found within 13 seconds, with its requests", async () => {
  const t = setup();
  const client = await t.client();
  client.send(http2Get);
  const app = await t.app.next();
  await app.take("web");
  t.clock.advance(10_000);
  // A ping is a frame of 8 bytes of the type 6.
  await client.take((text) => text.includes("\0\0\x08\x06\0"));
  t.clock.advance(3_000);
  await client.rest();
  client.socket.close();
  await t.drain.start();
  expect([t.stack.inFlight, t.source.open, t.http.ends]).toEqual([0, 0, [[0, false]]]);
});

test("an application that is not there gives an answer for requests and a reset for bytes", async () => {
  const t = setup();
  t.app.listener.close();
  await Bun.sleep(1);
  const client = await t.client();
  client.send(get);
  await client.rest();
  expect(t.failures).toMatchObject([{ cause: "connect-failed" }]);
  const bytes = await t.client();
  bytes.send("\0");
  expect(await bytes.end()).toBe("connection-reset");
  expect(t.tcpFailures).toEqual(["connect-failed"]);
});

test("garbage of every kind leaves nothing behind", async () => {
  const t = setup();
  const random = seededRandom(4143);
  const seeds = [
    get,
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    clientHello({ serverName: "voting.test" }).toString("latin1"),
    "\0\xff",
  ];
  for (let round = 0; round < 200; round++) {
    const bytes = Buffer.from(seeds[round % seeds.length] ?? "", "latin1");
    for (let edits = 0; edits < 3; edits++)
      bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256);
    const client = await t.client();
    client.send(bytes.toString("latin1", 0, Math.floor(random.next() * bytes.length) + 1));
    await Bun.sleep(0);
    client.socket.terminate();
  }
  t.clock.advance(20_000);
  await t.drain.start();
  expect([t.state.holds, t.stack.inFlight, t.source.open, t.watchers.size]).toEqual([0, 0, 0, 0]);
});
