/** Longer than other files: one set-up serves requests, bytes and their failures. */
import { afterAll, describe, expect, test } from "bun:test";
import { seededRandom } from "#lib/random.ts";
import { Drain } from "#lib/drain.ts";
import { memoryLog } from "#lib/log.ts";
import { connect } from "#lib/net/connect.ts";
import { listen } from "#lib/net/listen.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import { testAuthority, testContext } from "#lib/net/testing/pairs.ts";
import { upgradeServer } from "#lib/net/tls.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { decodeTransportHeader, transportProtocol } from "#wire/transport-header/transport-header.ts";
import { clientHello } from "#wire/tls-hello/testing/hello.ts";
import { RequestWatchers } from "../http/request-watch.ts";
import type { Failure } from "../http/ports.ts";
import { CountingHttp, CountingTransport } from "../http/testing/cells.ts";
import { dial, endOf, http2Get, WireServer } from "../http/testing/wire.ts";
import type {
  Balancer,
  Endpoint,
  EndpointTls,
  HttpRefusal,
  OutboundProtocol,
  OutboundTarget,
  PickWaiter,
} from "./ports.ts";
import { createOutboundStack } from "./stack.ts";

const closers: Array<() => void> = [];
afterAll(() => {
  for (const close of closers) close();
});

class FakeEndpoint implements Endpoint {
  readonly addr: SocketAddr;
  readonly tls: EndpointTls | null;
  readonly transportPort: number | null;
  readonly authorityOverride: string | null;
  readonly takesHttp2 = false;
  readonly transport = new CountingTransport();
  connections = null;
  readonly log: string[] = [];
  constructor(port: number, options: { tls?: EndpointTls; transportPort?: number; authority?: string } = {}) {
    this.addr = { ip: "127.0.0.1", port };
    this.tls = options.tls ?? null;
    this.transportPort = options.transportPort ?? null;
    this.authorityOverride = options.authority ?? null;
  }
  started(): void {
    this.log.push("started");
  }
  responded(_rtt: number, status: number): void {
    this.log.push(`responded ${status}`);
  }
  judged(outcome: string): void {
    if (outcome === "failure") this.log.push("judged failed");
  }
  ended(failed: boolean): void {
    this.log.push(failed ? "failed" : "ended");
  }
  connected(): void {
    this.log.push("connected");
  }
  connectFailed(error: { readonly code: string }): void {
    this.log.push(`connect failed ${error.code}`);
  }
}

/** Picks the endpoints in turn; without one it queues or refuses. */
class FakeBalancer implements Balancer {
  readonly endpoints: FakeEndpoint[];
  readonly waiters = new Set<PickWaiter>();
  gateShut = false;
  private at = 0;
  constructor(endpoints: FakeEndpoint[]) {
    this.endpoints = endpoints;
  }
  pick(): Endpoint | null {
    return this.endpoints[this.at++ % Math.max(1, this.endpoints.length)] ?? null;
  }
  wait(waiter: PickWaiter): "queued" | "failfast" {
    if (this.gateShut) return "failfast";
    this.waiters.add(waiter);
    return "queued";
  }
  giveUp(waiter: PickWaiter): void {
    this.waiters.delete(waiter);
  }
}

interface Setup {
  readonly endpoints?: FakeEndpoint[];
  readonly protocol?: OutboundProtocol;
  readonly refusal?: HttpRefusal;
  readonly tls?: boolean;
  readonly maxInFlight?: number;
  /** The lookup's answer comes only when asked for. */
  readonly heldLookup?: boolean;
}

const authority = testAuthority();
const webContext = testContext(authority, ["web.test"]);

function setup(options: Setup) {
  const clock = new FakeClock();
  const { log, lines } = memoryLog();
  const balancer = new FakeBalancer(options.endpoints ?? []);
  const source = new CountingTransport();
  const http = new CountingHttp();
  const unrouted = new CountingHttp();
  const failures: Failure[] = [];
  const tcpFailures: string[] = [];
  const drain = new Drain();
  let holds = 0;
  const detected: string[] = [];
  const ended: string[] = [];
  const requests = {
    ended: (status: number, _grpc: number, _latency: number, error: string | null) => ended.push(`${status} ${error}`),
    tried: () => {},
    of: () => requests,
    requestFrame: () => {},
    responseFrame: () => {},
  };
  const target: OutboundTarget = {
    addr: { ip: "10.9.9.9", port: 80 },
    protocol: options.protocol ?? "detect",
    detectTimeout: 10_000,
    source,
    detect: { observe: (result) => detected.push(result), lost: (reason) => detected.push(`lost ${reason}`) },
    serverFirst: false,
    tcpRoute: () => ({ opened() {}, closed() {} }),
    count: () => detected.push("counted"),
    tcp: balancer,
    byServerName: (serverName) => (serverName === "shop.example" ? balancer : null),
    route: () => options.refusal ?? { kind: "forward", balancer, cells: () => http, unrouted, requests, extras: null },
    hold: () => holds++,
    release: () => holds--,
  };
  let answerLookup = (): void => {};
  const stack = createOutboundStack({
    clock,
    random: seededRandom(1),
    log,
    drain,
    discovery: {
      lookup(_addr, onFound) {
        answerLookup = () => onFound(target);
        if (options.heldLookup !== true) answerLookup();
        return () => {
          answerLookup = () => {};
        };
      },
    },
    watchers: new RequestWatchers(),
    errors: {
      respond(failure) {
        failures.push(failure);
        return {
          status: 502,
          headers: ["l5d-proxy-error", failure.message],
          close: failure.cause !== "route-not-found",
        };
      },
      tcpFailed: (cause) => tcpFailures.push(cause),
    },
    connect,
    credentials:
      options.tls === true
        ? {
            client: (peer, alpn) => ({
              context: webContext,
              serverName: peer.serverName,
              verify: { identity: peer.identity },
              ...(alpn.length > 0 ? { alpn } : {}),
            }),
          }
        : null,
    connectTimeout: 1_000,
    dispatchTimeout: 3_000,
    poolIdleTimeout: 3_000,
    maxIdlePerEndpoint: 10,
    maxInFlight: options.maxInFlight ?? 100,
    connectKeepAlive: 0,
    connectUserTimeout: 0,
  });
  const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => stack.accept(socket, { ip: "10.9.9.9", port: 80 }));
  closers.push(() => listener.close());
  return {
    clock,
    balancer,
    source,
    http,
    unrouted,
    failures,
    tcpFailures,
    drain,
    stack,
    lines,
    holds: () => holds,
    client: () => dial(listener.addr.port),
    answerLookup: () => answerLookup(),
  };
}

function server(upgrade?: ConstructorParameters<typeof WireServer>[0]): WireServer {
  const made = new WireServer(upgrade);
  closers.push(() => made.listener.close());
  return made;
}

/** A port where nobody listens. */
function deadPort(): number {
  const listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => socket.terminate());
  const { port } = listener.addr;
  listener.close();
  return port;
}

describe("TLS of the application, where it is routed by name", () => {
  test("passes as it is to where its server name goes, from its first byte on", async () => {
    const app = server();
    const t = setup({ endpoints: [new FakeEndpoint(app.port)], protocol: "tls" });
    const client = await t.client();
    const hello = clientHello({ serverName: "shop.example" }).toString("latin1");
    for (const part of [hello.slice(0, 9), hello.slice(9)]) {
      client.send(part);
      await Bun.sleep(1);
    }
    expect(await (await app.next()).take((text) => text.length === hello.length)).toBe(hello);
    client.socket.terminate();
  });

  test("is refused when no route is for its name, and so is what is not TLS", async () => {
    const app = server();
    const t = setup({ endpoints: [new FakeEndpoint(app.port)], protocol: "tls" });
    const none = clientHello({ serverName: "other.example" }).toString("latin1");
    for (const bytes of [none, get]) {
      const client = await t.client();
      client.send(bytes);
      expect(await client.end()).toBe("connection-reset");
    }
    expect([app.accepted, t.tcpFailures, t.holds()]).toEqual([0, ["route-not-found", "route-not-found"], 0]);
  });
});

const get = "GET /a HTTP/1.1\r\nHost: web\r\n\r\n";
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

describe("HTTP/1 requests", () => {
  test("go to an endpoint, reuse its connection and are accounted for", async () => {
    const app = server();
    const endpoint = new FakeEndpoint(app.port);
    const t = setup({ endpoints: [endpoint] });
    const client = await t.client();
    client.send(get);
    const upstream = await app.next();
    expect(await upstream.take("\r\n\r\n")).toBe(get);
    upstream.send(ok);
    expect(await client.take("ok")).toBe(ok);
    client.send(get);
    await upstream.take("\r\n\r\n");
    upstream.send(ok);
    await client.take("ok");
    client.socket.close();
    await t.drain.start();
    expect(app.accepted).toBe(1);
    expect(endpoint.log).toEqual([
      "started",
      "connected",
      "responded 200",
      "ended",
      "started",
      "responded 200",
      "ended",
    ]);
    expect(t.http.requests).toBe(2);
    expect(t.http.ends).toEqual([
      [200, true],
      [200, true],
    ]);
    expect([t.source.readBytes, t.source.writtenBytes, t.source.open, t.holds()]).toEqual([
      2 * get.length,
      2 * ok.length,
      0,
      0,
    ]);
    expect(t.stack.inFlight).toBe(0);
  });

  test("mesh headers of the application are not believed, an authority override replaces Host", async () => {
    const app = server();
    const t = setup({ endpoints: [new FakeEndpoint(app.port, { authority: "other:80" })], protocol: "http1" });
    const client = await t.client();
    client.send("GET / HTTP/1.1\r\nHost: web\r\nL5d-Client-Id: me\r\nl5d-dst-canonical: x\r\n\r\n");
    expect(await (await app.next()).take("\r\n\r\n")).toBe("GET / HTTP/1.1\r\nHost: other:80\r\n\r\n");
    client.socket.terminate();
  });

  test("try the next endpoint when one refuses the connection, body and all", async () => {
    const app = server();
    const dead = new FakeEndpoint(deadPort());
    const alive = new FakeEndpoint(app.port);
    const t = setup({ endpoints: [dead, alive] });
    const client = await t.client();
    const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    client.send(post);
    const upstream = await app.next();
    expect(await upstream.take("body")).toBe(post);
    upstream.send(ok);
    await client.take("ok");
    expect(dead.log).toEqual(["started", "connect failed connection-refused", "failed"]);
    expect(t.http.ends).toEqual([[200, true]]);
    client.socket.terminate();
  });

  test("fail with the cause when no endpoint is ready", async () => {
    const t = setup({});
    t.balancer.gateShut = true;
    const client = await t.client();
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n");
    expect(await client.rest()).toContain("connection: close");
    expect(t.failures).toMatchObject([{ cause: "failfast", grpc: true, meshed: false }]);
    expect(t.unrouted.ends).toEqual([[502, true]]);
    expect(t.stack.inFlight).toBe(0);
  });

  test("wait for an endpoint, and wait no more when the client leaves", async () => {
    const app = server();
    const t = setup({ protocol: "http1" });
    const [stays, leaves] = [await t.client(), await t.client()];
    stays.send(get);
    while (t.balancer.waiters.size < 1) await Bun.sleep(1);
    const [waiter] = t.balancer.waiters;
    leaves.send(get);
    while (t.balancer.waiters.size < 2) await Bun.sleep(1);
    leaves.socket.terminate();
    while (t.balancer.waiters.size > 1) await Bun.sleep(1);
    waiter?.onEndpoint(new FakeEndpoint(app.port));
    expect(await (await app.next()).take("\r\n\r\n")).toBe(get);
    stays.socket.terminate();
  });

  test("are refused by the route without closing the connection", async () => {
    const unrouted = new CountingHttp();
    const t = setup({
      refusal: {
        kind: "refuse",
        cause: "route-not-found",
        message: "No route",
        status: null,
        unrouted,
        requests: null,
        extras: null,
      },
    });
    const client = await t.client();
    client.send(get + get);
    const text = await client.take((all) => all.split("content-length: 0").length === 3);
    expect(text).not.toContain("connection: close");
    expect(unrouted.ends).toHaveLength(2);
    client.socket.terminate();
  });

  test("over the limit are shed", async () => {
    const t = setup({ maxInFlight: 0 });
    const client = await t.client();
    client.send(get);
    await client.rest();
    expect(t.failures).toMatchObject([{ cause: "load-shed" }]);
  });

  test("under way finish when the proxy drains", async () => {
    const app = server();
    const t = setup({ endpoints: [new FakeEndpoint(app.port)] });
    const [busy, idle] = [await t.client(), await t.client()];
    busy.send(get);
    idle.send(get);
    const first = await app.next();
    const second = await app.next();
    await first.take("\r\n\r\n");
    await second.take("\r\n\r\n");
    second.send(ok);
    first.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    const [done, left] = await Promise.all([idle, busy].map((client) => client.take((text) => text !== "")));
    expect(done).toBe(ok);
    const drained = t.drain.start();
    await idle.ended();
    idle.socket.close();
    first.send("ok");
    expect(left + (await busy.rest())).toBe("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    busy.socket.close();
    await drained;
  });
});

describe("other connections", () => {
  test("pass as bytes to one endpoint, half-close included", async () => {
    const app = server();
    const endpoint = new FakeEndpoint(app.port);
    const t = setup({ endpoints: [endpoint] });
    const client = await t.client();
    client.send("*1\r\n$4\r\nPING\r\n");
    const upstream = await app.next();
    expect(await upstream.take("PING\r\n")).toBe("*1\r\n$4\r\nPING\r\n");
    client.socket.shutdown();
    await upstream.ended();
    upstream.send("+PONG\r\n");
    expect(await client.take("PONG\r\n")).toBe("+PONG\r\n");
    upstream.socket.shutdown();
    await client.ended();
    client.socket.close();
    await t.drain.start();
    expect(endpoint.log).toEqual(["started", "connected", "responded 0", "ended"]);
    expect([endpoint.transport.writtenBytes, endpoint.transport.readBytes, endpoint.transport.open]).toEqual([
      14, 7, 0,
    ]);
    expect([t.source.readBytes, t.source.writtenBytes, t.holds()]).toEqual([14, 7, 0]);
  });

  test("whose server speaks first are not waited for when the port is opaque", async () => {
    const app = server();
    const t = setup({ endpoints: [new FakeEndpoint(app.port)], protocol: "opaque" });
    const client = await t.client();
    (await app.next()).send("220 hello");
    expect(await client.take("hello")).toBe("220 hello");
    client.socket.terminate();
  });

  test("HTTP/2 is read, and each of its requests is accounted for", async () => {
    const app = server();
    const endpoint = new FakeEndpoint(app.port);
    const t = setup({ endpoints: [endpoint] });
    const client = await t.client();
    client.send(http2Get);
    expect(await (await app.next()).take("web")).toStartWith("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    expect([t.stack.inFlight, endpoint.log]).toEqual([1, ["started", "connected"]]);
    client.socket.terminate();
    await t.drain.start();
    expect([t.stack.inFlight, endpoint.log.at(-1), t.http.ends]).toEqual([0, "ended", [[0, false]]]);
  });

  test("a reset passes on", async () => {
    const app = server();
    const t = setup({ endpoints: [new FakeEndpoint(app.port)], protocol: "opaque" });
    const client = await t.client();
    const upstream = await app.next();
    client.socket.terminate();
    expect(await upstream.end()).toBe("connection-reset");
    await t.drain.start();
  });

  test("are reset when no endpoint takes them", async () => {
    const dead = new FakeEndpoint(deadPort());
    const t = setup({ endpoints: [dead], protocol: "opaque" });
    expect(await endOf(t.client())).toBe("connection-reset");
    expect(t.tcpFailures).toEqual(["connect-failed"]);
    expect(dead.log.filter((entry) => entry === "started").length).toBe(
      dead.log.filter((entry) => entry === "failed").length,
    );
    await t.drain.start();
  });

  test("to a forbidden port are reset", async () => {
    const t = setup({ protocol: "forbidden" });
    expect(await endOf(t.client())).toBe("connection-reset");
    expect(t.tcpFailures).toEqual(["route-not-found"]);
    expect(t.lines[0]).toContain("10.9.9.9:80");
    await t.drain.start();
    expect(t.holds()).toBe(0);
  });

  test("to one destination too many are reset", async () => {
    const t = setup({ protocol: "shed" });
    expect(await endOf(t.client())).toBe("connection-reset");
    expect(t.tcpFailures).toEqual(["load-shed"]);
    await t.drain.start();
    expect(t.holds()).toBe(0);
  });

  test("keep what they said while the destination is looked up", async () => {
    const app = server();
    const t = setup({ endpoints: [new FakeEndpoint(app.port)], heldLookup: true });
    const client = await t.client();
    client.send(get);
    await Bun.sleep(5);
    t.answerLookup();
    expect(await (await app.next()).take("\r\n\r\n")).toBe(get);
    client.socket.terminate();
  });

  test("that leave while the destination is looked up leave nothing behind", async () => {
    const t = setup({ heldLookup: true });
    const client = await t.client();
    await Bun.sleep(5);
    client.socket.terminate();
    await t.drain.start();
    expect(t.holds()).toBe(0);
  });
});

describe("an endpoint with an identity", () => {
  function peer(names: string[], alpn: readonly string[]): WireServer {
    const context = testContext(authority, names);
    return server((socket, done) => {
      upgradeServer(socket, { context, alpn, initial: Buffer.alloc(0) }, { onSecure: done, onFail() {} });
    });
  }
  const voting: EndpointTls = { identity: "voting.test", serverName: "voting.test" };

  test("is reached by mutual TLS", async () => {
    const app = peer(["voting.test"], []);
    const t = setup({ endpoints: [new FakeEndpoint(app.port, { tls: voting })], tls: true });
    const client = await t.client();
    client.send(get);
    const upstream = await app.next();
    expect(upstream.socket.tls).toMatchObject({ peerNames: ["web.test"], serverName: "voting.test" });
    expect(await upstream.take("\r\n\r\n")).toBe(get);
    upstream.send(ok);
    expect(await client.take("ok")).toBe(ok);
    client.socket.terminate();
  });

  for (const [what, first, session] of [
    ["requests", get, "http1"],
    ["bytes", "*1\r\n", null],
    ["HTTP/2", http2Get, "http2"],
  ] as const) {
    test(`is told by a transport header which port ${what} are for`, async () => {
      const app = peer(["voting.test"], [transportProtocol]);
      const endpoint = new FakeEndpoint(8080, { tls: voting, transportPort: app.port });
      const t = setup({ endpoints: [endpoint], tls: true });
      const client = await t.client();
      client.send(first);
      const upstream = await app.next();
      expect(upstream.socket.tls?.alpn).toBe(transportProtocol);
      const bytes = Buffer.from(await upstream.take(first.slice(-3)), "latin1");
      const found = decodeTransportHeader(bytes);
      expect(found?.header).toEqual({ port: 8080, name: null, session });
      expect(bytes.subarray(found?.end).toString("latin1")).toStartWith(first.slice(0, 6));
      client.socket.terminate();
    });
  }

  test("that proves another one gets nothing", async () => {
    const app = peer(["forged.test"], []);
    const endpoint = new FakeEndpoint(app.port, { tls: { identity: "voting.test", serverName: "forged.test" } });
    const t = setup({ endpoints: [endpoint], tls: true });
    const client = await t.client();
    client.send(get);
    expect(await client.rest()).toContain("502");
    expect(endpoint.log).toContain("connect failed tls-identity");
    expect(t.failures).toMatchObject([{ cause: "identity-required" }]);
  });
});
