/** What the routes of a Service do with requests, through a whole proxy. */
import { describe, expect, test } from "bun:test";
import { connect, createServer, type ClientHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import type { SocketAddr } from "#lib/net/socket.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { duration } from "#rpc/address.ts";
import { DestinationProfileSchema } from "#rpc/gen/destination_pb.ts";
import { create } from "#rpc/protobuf/create.ts";
import { eventually, makeBed } from "./bed.ts";
import type { TestProxy } from "./harness.ts";

const service: SocketAddr = { ip: "10.96.0.30", port: 80 };
const name = "web.ns.svc.cluster.local";
const bed = makeBed();

/** So slow until measured that a slow first answer, on a busy machine, makes no endpoint look worse than another. */
const load = { case: "peakEwma", value: { defaultRtt: duration(5000), decay: duration(10_000) } };
const place = (host: string) => ({
  metadata: { kind: { case: "resource", value: { kind: "Service", namespace: "ns", name: host, port: 80 } } },
  kind: { case: "balancer", value: { discovery: { kind: { case: "dst", value: { path: `${host}:80` } } }, load } },
});
const share = (host: string, weight = 1, filters: readonly object[] = []) => ({
  weight,
  backend: { backend: place(host), filters },
});
const to = (...backends: object[]) => ({ kind: { case: "randomAvailable", value: { backends } } });
const headers = (...pairs: ReadonlyArray<readonly [string, string]>) => ({
  headers: pairs.map(([field, value]) => ({ name: field, value: Buffer.from(value) })),
});
const filter = (kind: string, value: object) => ({ kind: { case: kind, value } });
const prefix = (path: string) => [{ path: { kind: { case: "prefix", value: path } } }];
const metadata = {
  kind: {
    case: "resource",
    value: { group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "ns", name: "r" },
  },
};
const parent = {
  kind: { case: "resource", value: { group: "core", kind: "Service", namespace: "ns", name: "web", port: 80 } },
};

/** A client's proxy whose Service has these rules. */
async function through(
  rules: readonly object[],
  backends: Readonly<Record<string, readonly SocketAddr[]>>,
  kind: "http1" | "grpc" = "http1",
  more: object = {},
  clock?: FakeClock,
): Promise<TestProxy> {
  for (const [host, endpoints] of Object.entries(backends)) bed.control.setEndpoints(`${host}:80`, [...endpoints]);
  bed.control.setService(service, name, []);
  const routes = [{ metadata, rules }];
  bed.control.setOutboundPolicy(service, {
    metadata: parent,
    protocol: { kind: { case: kind, value: { routes, ...more } } },
  } as never);
  return bed.proxy({ outboundDst: service, ...(clock && { clock }) });
}

const get = async (proxy: TestProxy, path = "/", init: RequestInit = {}): Promise<Response> =>
  fetch(`${proxy.outboundUrl}${path}`, { redirect: "manual", ...init });

describe("backends", () => {
  test("get exact shares, with filters of their own; the share of one that does not exist fails", async () => {
    const echo = (who: string) => bed.app((request) => new Response(`${who} ${request.headers.get("x-to")}`));
    const broken = filter("failureInjector", { status: 500, message: "The backend does not exist" });
    const set = filter("requestHeaderModifier", { set: headers(["x-to", "b"]) });
    const proxy = await through(
      [{ matches: prefix("/"), backends: to(share("a", 80), share("b", 10, [set]), share("none", 10, [broken])) }],
      { a: [echo("a")], b: [echo("b")] },
    );
    const counts: Record<string, number> = {};
    for (let i = 0; i < 100; i++) {
      const response = await get(proxy);
      const key = response.status === 200 ? await response.text() : String(response.status);
      counts[key] = (counts[key] ?? 0) + 1;
    }
    expect(counts).toEqual({ "a null": 80, "b b": 10, "500": 10 });
    const failed = proxy.series("outbound_http_route_backend_response_statuses_total", 'http_status="500"');
    expect(failed[0]).toContain('backend_name="none"');
    expect(failed[0]).toEndWith(" 10");
  });

  test("without a weight, or unknown to this proxy, answer 500 and leave nothing to a wider rule", async () => {
    const proxy = await through(
      [
        { matches: prefix("/empty"), backends: to(share("a", 0)) },
        { matches: prefix("/unknown"), backends: { kind: { case: undefined } } },
        { matches: prefix("/"), backends: to(share("a")) },
      ],
      { a: [bed.app(() => new Response("a"))] },
    );
    const statuses = [];
    for (const path of ["/", "/empty", "/unknown"]) statuses.push((await get(proxy, path)).status);
    expect(statuses).toEqual([200, 500, 500]);
  });
});

describe("filters", () => {
  test("change requests and responses, redirect and fail", async () => {
    const proxy = await through(
      [
        {
          matches: prefix("/change"),
          filters: [
            filter("requestHeaderModifier", { set: headers(["X-A", "1"]), remove: ["X-Gone"] }),
            filter("responseHeaderModifier", {
              set: headers(["X-B", "2"]),
              add: headers(["x-c", "3"]),
              remove: ["x-secret"],
            }),
          ],
          backends: to(share("a")),
        },
        {
          matches: prefix("/old"),
          filters: [
            filter("redirect", {
              status: 301,
              host: "h.example",
              path: { replace: { case: "prefix", value: "/new" } },
            }),
          ],
          backends: to(share("a")),
        },
        {
          matches: prefix("/fail"),
          filters: [filter("failureInjector", { status: 403, message: "Denied" })],
          backends: to(share("a")),
        },
      ],
      {
        a: [
          bed.app(
            (request) =>
              new Response(`${request.headers.get("x-a")} ${request.headers.get("x-gone")}`, {
                headers: { "x-secret": "s", "x-b": "old" },
              }),
          ),
        ],
      },
    );
    for (let i = 0; i < 3; i++) {
      const changed = await get(proxy, "/change", { headers: { "x-gone": "x" } });
      expect(await changed.text()).toBe("1 null");
      expect([changed.headers.get("x-b"), changed.headers.get("x-c"), changed.headers.get("x-secret")]).toEqual([
        "2",
        "3",
        null,
      ]);
    }
    const moved = await get(proxy, "/old/x?y", { headers: { host: "web" } });
    expect([moved.status, moved.headers.get("location")]).toEqual([301, "http://h.example/new/x?y"]);
    const failed = await get(proxy, "/fail");
    expect([failed.status, failed.headers.get("l5d-proxy-error")]).toEqual([403, "Denied"]);
    expect(proxy.series("outbound_http_route_request_statuses_total", 'http_status="403"', 'error=""')[0]).toEndWith(
      " 1",
    );
  });
});

describe("our own filters", () => {
  test("rewrite host and path by the prefix that matched", async () => {
    const echo = bed.app((request) => new Response(`${request.headers.get("host")} ${new URL(request.url).pathname}`));
    const rewrite = filter("urlRewrite", {
      host: "other.example",
      path: { replace: { case: "prefix", value: "/v2" } },
    });
    const proxy = await through([{ matches: prefix("/v1"), filters: [rewrite], backends: to(share("a")) }], {
      a: [echo],
    });
    expect(await (await get(proxy, "/v1/books")).text()).toBe("other.example /v2/books");
    expect((await get(proxy, "/v10")).status).toBe(404);
  });

  test("copy requests with their bodies to another backend, whose answers and failures nobody notices", async () => {
    const copies: string[] = [];
    const shadow = bed.app(async (request) => {
      copies.push(`${request.method} ${new URL(request.url).pathname} ${(await request.text()).length}`);
      return new Response("shadow", { status: 500 });
    });
    const real = bed.app(async (request) => new Response(`real ${(await request.text()).length}`));
    const mirror = filter("requestMirror", { backend: place("shadow") });
    const dead = filter("requestMirror", { backend: place("dead") });
    const none = filter("requestMirror", { backend: place("shadow"), ratio: { numerator: 0, denominator: 100 } });
    const proxy = await through([{ filters: [mirror, dead, none], backends: to(share("a")) }], {
      a: [real],
      shadow: [shadow],
      dead: [{ ip: "127.0.0.1", port: 1 }],
    });
    for (const size of [0, 10, 30_000]) {
      const init = size === 0 ? {} : { method: "POST", body: "x".repeat(size) };
      const response = await get(proxy, "/m", init);
      expect([response.status, await response.text()]).toEqual([200, `real ${size}`]);
    }
    await eventually(() => copies.length >= 3);
    expect(copies.toSorted()).toEqual(["GET /m 0", "POST /m 10", "POST /m 30000"]);
  });
});

/** Answers in turn; the last answer stays. */
function turns(...statuses: number[]) {
  const bodies: string[] = [];
  const addr = bed.app(async (request) => {
    bodies.push(await request.text());
    const status = statuses[Math.min(bodies.length, statuses.length) - 1] ?? 200;
    return new Response(`answer ${bodies.length}`, { status });
  });
  return { addr, bodies };
}

const retry = (maxRetries: number, more: object = {}) => ({
  maxRetries,
  maxRequestBytes: 65_536,
  conditions: { statusRanges: [{ start: 500, end: 599 }] },
  backoff: { minBackoff: duration(1), maxBackoff: duration(2), jitterRatio: 0 },
  ...more,
});

describe("retries", () => {
  test("send a request with its body again until an answer is good, and count", async () => {
    const server = turns(503, 500, 200);
    const proxy = await through([{ backends: to(share("a")), retry: retry(3) }], { a: [server.addr] });
    const response = await get(proxy, "/", { method: "POST", body: "hello" });
    expect([response.status, await response.text(), server.bodies]).toEqual([
      200,
      "answer 3",
      ["hello", "hello", "hello"],
    ]);
    const family = "outbound_http_route_retry";
    expect(proxy.series(`${family}_requests_total`, 'route_name="r"')[0]).toEndWith(" 2");
    expect(proxy.series(`${family}_successes_total`)[0]).toEndWith(" 1");
    expect(proxy.series("outbound_http_route_backend_response_statuses_total", 'http_status="503"')[0]).toEndWith(" 1");
    expect(proxy.series("outbound_http_route_request_statuses_total", 'http_status="200"')[0]).toEndWith(" 1");
    expect(proxy.series("outbound_http_route_request_statuses_total", 'http_status="503"')).toEqual([]);
    // The answers that nobody got were read, so their connection served on.
    expect(proxy.series("tcp_open_total", 'peer="dst"')[0]).toEndWith(" 1");
  });

  test("end with the last answer at the limit; other statuses are passed on at once", async () => {
    const server = turns(503);
    const proxy = await through([{ backends: to(share("a")), retry: retry(2) }], { a: [server.addr] });
    const response = await get(proxy);
    expect([response.status, await response.text()]).toEqual([503, "answer 3"]);
    expect(proxy.series("outbound_http_route_retry_limit_exceeded_total")[0]).toEndWith(" 1");
    const missing = turns(404);
    bed.control.setEndpoints("a:80", [missing.addr]);
    await Bun.sleep(50);
    expect((await get(proxy)).status).toBe(404);
    expect(missing.bodies).toHaveLength(1);
  });

  test("don't happen for a body of more than 64 KiB, nor when the server wants a long pause", async () => {
    const server = turns(503, 200);
    const proxy = await through([{ backends: to(share("a")), retry: retry(2) }], { a: [server.addr] });
    expect((await get(proxy, "/", { method: "POST", body: "x".repeat(70_000) })).status).toBe(503);
    let asked = 0;
    bed.control.setEndpoints("a:80", [
      bed.app(() => {
        asked++;
        return new Response("", { status: 503, headers: { "retry-after": "3600" } });
      }),
    ]);
    await Bun.sleep(50);
    expect([(await get(proxy)).status, asked]).toEqual([503, 1]);
  });

  test("follow a try that is too slow, and a connection that breaks", async () => {
    let count = 0;
    const slow = bed.app(async () => {
      if (++count === 1) await new Promise(() => {});
      return new Response("fast");
    });
    const proxy = await through([{ backends: to(share("a")), retry: retry(1, { timeout: duration(80) }) }], {
      a: [slow],
    });
    expect(await (await get(proxy)).text()).toBe("fast");
    let broken = 0;
    const breaking = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket) {
          if (++broken === 1) socket.terminate();
          else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole");
        },
      },
    });
    bed.after(() => breaking.stop(true));
    bed.control.setEndpoints("a:80", [{ ip: "127.0.0.1", port: breaking.port }]);
    await Bun.sleep(50);
    expect(await (await get(proxy, "/", { method: "POST", body: "b" })).text()).toBe("whole");
  });

  test("stop when the budget is spent", async () => {
    const server = turns(503);
    const proxy = await through([{ backends: to(share("a")), retry: retry(3) }], { a: [server.addr] });
    for (let i = 0; i < 60; i++) await (await get(proxy)).text();
    expect(server.bodies.length).toBeLessThanOrEqual(60 + 100 + 60 * 0.2 + 10);
    expect(proxy.series("outbound_http_route_retry_overflow_total").length).toBe(1);
  });
});

describe("timeouts", () => {
  test("answer 504 with a reason, and the client's connection goes on", async () => {
    const slow = bed.app(async (request) => {
      if (request.url.endsWith("/slow")) await Bun.sleep(3000);
      return new Response("ok");
    });
    const proxy = await through([{ backends: to(share("a")), timeouts: { request: duration(80) } }], { a: [slow] });
    expect((await get(proxy)).status).toBe(200);
    const late = await get(proxy, "/slow");
    expect([late.status, late.headers.get("l5d-proxy-error"), late.headers.get("connection")]).toEqual([
      504,
      "The request took too long",
      null,
    ]);
    expect((await get(proxy)).status).toBe(200);
    expect(proxy.series("tcp_open_total", 'peer="src"')[0]).toEndWith(" 1");
    expect(proxy.series("outbound_http_route_request_statuses_total", 'error="REQUEST_TIMEOUT"')[0]).toEndWith(" 1");
  });

  test("cut a response that does not end, and one that is silent for too long", async () => {
    const dripping = bed.app(
      (request) =>
        new Response(
          new ReadableStream({
            async start(controller) {
              for (let i = 0; !request.signal.aborted; i++) {
                controller.enqueue("x");
                if (request.url.endsWith("/silent") && i === 1) await new Promise(() => {});
                await Bun.sleep(20);
              }
            },
          }),
        ),
    );
    const proxy = await through(
      [
        { matches: prefix("/"), backends: to(share("a")), timeouts: { response: duration(150) } },
        { matches: prefix("/silent"), backends: to(share("a")), timeouts: { idle: duration(100) } },
      ],
      { a: [dripping] },
    );
    for (const path of ["/", "/silent"]) {
      const response = await get(proxy, path);
      expect(response.status).toBe(200);
      expect(
        await response.text().then(
          () => "whole",
          () => "cut",
        ),
      ).toBe("cut");
    }
    const family = "outbound_http_route_request_statuses_total";
    expect(proxy.series(family, 'error="RESPONSE_STREAM_TIMEOUT"')[0]).toEndWith(" 1");
    expect(proxy.series(family, 'error="IDLE_TIMEOUT"')[0]).toEndWith(" 1");
  });

  test("are over while no endpoint is ready as well", async () => {
    const proxy = await through([{ backends: to(share("a")), timeouts: { request: duration(60) } }], { a: [] });
    const response = await get(proxy);
    expect([response.status, response.headers.get("l5d-proxy-error")]).toEqual([504, "The request took too long"]);
  });
});

describe("gRPC", () => {
  type Handler = (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void;
  async function grpcApp(handler: Handler): Promise<SocketAddr> {
    const server = createServer();
    const sessions = new Set<{ destroy(): void }>();
    server.on("session", (session) => sessions.add(session));
    server.on("stream", (stream, received) => {
      stream.on("error", () => {});
      stream.resume();
      stream.on("end", () => handler(stream as ServerHttp2Stream, received));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    bed.after(() => {
      for (const session of sessions) session.destroy();
      server.close();
    });
    return { ip: "127.0.0.1", port: (server.address() as AddressInfo).port };
  }
  function session(proxy: TestProxy): ClientHttp2Session {
    const made = connect(proxy.outboundUrl);
    made.on("error", () => {});
    bed.after(() => made.destroy());
    return made;
  }
  function call(client: ClientHttp2Session, path: string, more: Record<string, string> = {}) {
    return new Promise<{ status: string; body: string; reset: number }>((resolve) => {
      const stream = client.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", ...more });
      let status = "";
      let body = "";
      const note = (fields: Record<string, unknown>): void => {
        if (fields["grpc-status"] !== undefined) status = String(fields["grpc-status"]);
      };
      stream.on("response", note);
      stream.on("trailers", note);
      stream.on("data", (chunk: Buffer) => (body += chunk.toString()));
      stream.on("error", () => {});
      stream.on("close", () => resolve({ status, body, reset: stream.rstCode ?? 0 }));
      stream.end("message");
    });
  }
  const answer = (stream: ServerHttp2Stream, status: string, body = ""): void => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": status }));
    stream.end(body);
  };
  const rpc = (serviceName: string, method: string) => [{ rpc: { service: serviceName, method } }];
  const conditions = { unavailable: true };

  test("is tried again by its status, in trailers or alone, but not after a byte of the answer", async () => {
    const seen: string[] = [];
    const server = await grpcApp((stream, received) => {
      const path = String(received[":path"]);
      seen.push(path);
      const first = seen.filter((other) => other === path).length === 1;
      if (path.endsWith("Alone") && first) {
        stream.respond(
          { ":status": 200, "content-type": "application/grpc", "grpc-status": "14" },
          { endStream: true },
        );
      } else answer(stream, first ? "14" : "0", path.endsWith("Begun") || !first ? "reply" : "");
    });
    const rule = { matches: [{}], backends: to(share("a")), retry: retry(1, { conditions }) };
    const client = session(await through([rule], { a: [server] }, "grpc"));
    expect(await call(client, "/s/Trailers")).toEqual({ status: "0", body: "reply", reset: 0 });
    expect(await call(client, "/s/Alone")).toEqual({ status: "0", body: "reply", reset: 0 });
    expect(await call(client, "/s/Begun")).toEqual({ status: "14", body: "reply", reset: 0 });
    expect(seen.length).toBe(5);
  });

  test("has its answers changed where the route says so, and a copy goes to the mirror", async () => {
    const copies: string[] = [];
    const server = await grpcApp((stream) => answer(stream, "0", "reply"));
    const shadow = await grpcApp((stream, received) => {
      copies.push(String(received[":path"]));
      answer(stream, "13", "not for the client");
    });
    const filters = [
      filter("responseHeaderModifier", { set: headers(["x-served-by", "mesh"]) }),
      filter("requestMirror", { backend: place("shadow") }),
    ];
    const rules = [{ matches: rpc("s", "Changed"), filters, backends: to(share("a")) }];
    const client = session(await through(rules, { a: [server], shadow: [shadow] }, "grpc"));
    const stream = client.request({ ":method": "POST", ":path": "/s/Changed", "content-type": "application/grpc" });
    const head = await new Promise<Record<string, unknown>>((resolve) => {
      stream.once("response", resolve);
      stream.end("message");
    });
    expect(head["x-served-by"]).toBe("mesh");
    stream.resume();
    await eventually(() => copies.length >= 1);
    expect(copies).toEqual(["/s/Changed"]);
  });

  test("is over at the deadline that the client or the route sets, which the server is told of", async () => {
    const told: unknown[] = [];
    const server = await grpcApp((stream, received) => {
      told.push(received["grpc-timeout"]);
      if (String(received[":path"]).endsWith("Slow")) return;
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write("begun");
    });
    const rules = [
      { matches: rpc("s", "Slow"), backends: to(share("a")), timeouts: { request: duration(5000) } },
      {
        matches: [{}],
        backends: to(share("a")),
        timeouts: { request: duration(100) },
      },
    ];
    const client = session(await through(rules, { a: [server] }, "grpc"));
    expect((await call(client, "/s/Slow", { "grpc-timeout": "100m" })).status).toBe("4");
    expect(await call(client, "/s/Begun")).toMatchObject({ status: "4", body: "begun" });
    for (const value of told) expect(Number(/^(\d+)m$/.exec(String(value))?.[1])).toBeLessThanOrEqual(100);
  });
});

describe("large bodies of guarded requests", () => {
  const body = Buffer.alloc(3_000_000);
  for (let at = 0; at < body.length; at++) body[at] = (at * 31 + (at >> 8)) & 0xff;
  const guarded = (host: string) => ({
    matches: [{}],
    backends: to(share(host)),
    timeouts: { request: duration(20_000), idle: duration(10_000) },
    retry: retry(2),
    filters: [filter("responseHeaderModifier", { set: headers(["x-b", "2"]) })],
  });

  test("pass both ways by HTTP/1, byte for byte, also with a copy that nobody reads", async () => {
    const stalled = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { open: (socket) => void socket.pause(), data() {} },
    });
    bed.after(() => stalled.stop(true));
    const echo = bed.app((request) => new Response(request.body));
    const rule = guarded("a");
    const mirror = filter("requestMirror", { backend: place("s") });
    const proxy = await through([{ ...rule, filters: [...rule.filters, mirror] }], {
      a: [echo],
      s: [{ ip: "127.0.0.1", port: stalled.port }],
    });
    for (let round = 0; round < 2; round++) {
      const response = await get(proxy, "/", { method: "POST", body });
      expect(response.headers.get("x-b")).toBe("2");
      expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
    }
  });

  test("pass both ways by HTTP/2, several at a time", async () => {
    const server = createServer();
    server.on("stream", (received) => {
      const stream = received as ServerHttp2Stream;
      stream.on("error", () => {});
      stream.respond({ ":status": 200 });
      stream.pipe(stream);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    bed.after(() => void server.close());
    const addr = { ip: "127.0.0.1", port: (server.address() as AddressInfo).port };
    bed.control.setEndpoints("a:80", [addr]);
    bed.control.setService(service, name, []);
    bed.control.setOutboundPolicy(service, {
      metadata: parent,
      protocol: { kind: { case: "http2", value: { routes: [{ metadata, rules: [guarded("a")] }] } } },
    } as never);
    const proxy = await bed.proxy({ outboundDst: service });
    const client = connect(proxy.outboundUrl);
    client.on("error", () => {});
    bed.after(() => client.destroy());
    const ask = (): Promise<{ body: Buffer; header: unknown }> =>
      new Promise((resolve, reject) => {
        const stream = client.request({ ":method": "POST", ":path": "/" });
        const chunks: Buffer[] = [];
        let header: unknown;
        stream.on("response", (received) => (header = received["x-b"]));
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("error", reject);
        stream.on("end", () => resolve({ body: Buffer.concat(chunks), header }));
        stream.end(body);
      });
    for (const answer of await Promise.all([ask(), ask(), ask()])) {
      expect(answer.header).toBe("2");
      expect(answer.body.equals(body)).toBe(true);
    }
  });
});

test("a ServiceProfile's routes have timeouts, and retries within its budget", async () => {
  let asked = 0;
  const server = bed.app(async (request) => {
    if (request.url.endsWith("/slow")) await Bun.sleep(1000);
    return new Response("", { status: ++asked % 2 === 1 ? 503 : 200 });
  });
  bed.control.setService(service, name, [server]);
  const path = (regex: string) => ({ match: { case: "path", value: { regex } } });
  const profile = {
    fullyQualifiedName: name,
    retryBudget: { retryRatio: 0, minRetriesPerSecond: 1, ttl: duration(2000) },
    routes: [
      { condition: path("/slow"), timeout: duration(60) },
      { condition: path("/again/[0-9]+"), isRetryable: true, metricsLabels: { route: "again" } },
    ],
  };
  bed.control.setProfile(service, create(DestinationProfileSchema, profile as never));
  const proxy = await bed.proxy({ outboundDst: service });
  expect((await get(proxy, "/slow")).status).toBe(504);
  asked = 0;
  const statuses = [];
  for (const target of ["/other", "/again/x", "/again/1", "/again/2"]) {
    asked = 0;
    statuses.push((await get(proxy, target)).status);
  }
  expect(statuses).toEqual([503, 503, 200, 200]);
  asked = 0;
  expect((await get(proxy, "/again/3")).status).toBe(503);
  const labels = [`dst="${name}:80"`, 'rt_route="again"'];
  expect(proxy.series("route_request_total", ...labels)[0]).toEndWith(" 3");
  expect(proxy.series("route_actual_request_total", ...labels)[0]).toEndWith(" 5");
  expect(proxy.series("route_retryable_total", ...labels)[0]).toEndWith(" 2");
  expect(proxy.series("route_response_total", ...labels, 'classification="success"')[0]).toEndWith(" 2");
});

test("an endpoint whose answers fail in a row is taken out of use until a probe succeeds", async () => {
  let healthy = false;
  const counts = { bad: 0, good: 0 };
  const bad = bed.app(() => {
    counts.bad++;
    return new Response("", { status: healthy ? 200 : 503 });
  });
  const good = bed.app(() => {
    counts.good++;
    return new Response("");
  });
  const backoff = { minBackoff: duration(150), maxBackoff: duration(300), jitterRatio: 0 };
  const failureAccrual = { kind: { case: "consecutiveFailures", value: { maxFailures: 3, backoff } } };
  // Time stands still: no answer is slower than another, and no probe is due.
  const clock = new FakeClock();
  const backends = { a: [bad, good] };
  const proxy = await through([{ backends: to(share("a")) }], backends, "http1", { failureAccrual }, clock);
  for (let i = 0; i < 60; i++) await (await get(proxy)).text();
  expect(counts.bad).toBe(3);
  healthy = true;
  clock.advance(350);
  for (let i = 0; i < 40; i++) await (await get(proxy)).text();
  expect(counts.bad).toBeGreaterThan(3);
  expect(proxy.series("outbound_http_balancer_endpoints", 'endpoint_state="ready"')[0]).toEndWith(" 2");
});
