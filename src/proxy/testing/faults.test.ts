/** What goes wrong on purpose for requests of a rule, through a whole proxy. */
import { describe, expect, test } from "bun:test";
import type { SocketAddr } from "#lib/net/socket.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { duration } from "#rpc/address.ts";
import { eventually, makeBed } from "./bed.ts";

const service: SocketAddr = { ip: "10.96.0.31", port: 80 };
const bed = makeBed();

/** A client's proxy whose Service has this rule, and how often its server was asked. */
async function through(rule: object, kind: "http1" | "http2" | "grpc" = "http1", clock?: FakeClock) {
  let asked = 0;
  const server = bed.app(() => {
    asked++;
    return new Response("x".repeat(2000));
  });
  bed.control.setEndpoints("web:80", [server]);
  bed.control.setService(service, "web.ns.svc.cluster.local", []);
  const backend = {
    kind: { case: "balancer", value: { discovery: { kind: { case: "dst", value: { path: "web:80" } } } } },
  };
  const backends = { kind: { case: "randomAvailable", value: { backends: [{ weight: 1, backend: { backend } }] } } };
  bed.control.setOutboundPolicy(service, {
    protocol: { kind: { case: kind, value: { routes: [{ rules: [{ matches: [{}], backends, ...rule }] }] } } },
  } as never);
  const proxy = await bed.proxy({ outboundDst: service, ...(clock && { clock }) });
  const get = (init: RequestInit = {}): Promise<Response> => fetch(proxy.outboundUrl, init);
  const counted = (fault: string): string => {
    const [series = "none"] = proxy.series("outbound_http_route_faults_total", `fault="${fault}"`);
    return series.slice(series.lastIndexOf(" ") + 1);
  };
  return { proxy, get, counted, asked: () => asked };
}

const abort = (httpStatus: number, message = "") => ({ case: "abort", value: { httpStatus, grpcStatus: 8, message } });
const gate = [{ name: "x-test", value: { case: "exact", value: Buffer.from("chaos") } }];

describe("a fault", () => {
  test("answers instead of the server, for requests with a header, and is counted", async () => {
    const { get, counted, asked } = await through({ faults: [{ headers: gate, end: abort(418, "On purpose") }] });
    expect((await get()).status).toBe(200);
    const response = await get({ headers: { "x-test": "chaos" } });
    expect([response.status, response.headers.get("l5d-proxy-error"), asked()]).toEqual([418, "On purpose", 1]);
    expect(counted("abort")).toBe("1");
  });

  test("hits its share of the requests", async () => {
    const { get, asked } = await through({ faults: [{ ratio: { numerator: 50, denominator: 100 }, end: abort(503) }] });
    for (let i = 0; i < 100; i++) await (await get()).text();
    expect(asked()).toBeWithin(25, 75);
  });

  test("answers gRPC in its own way", async () => {
    const { proxy, asked } = await through({ faults: [{ end: abort(503, "On purpose") }] }, "grpc");
    const session = bed.http2Client(proxy);
    const stream = session.request({ ":method": "POST", ":path": "/s/M", "content-type": "application/grpc" });
    const fields = await new Promise<Record<string, unknown>>((resolve) => {
      stream.on("response", resolve);
      stream.end();
    });
    expect([fields[":status"], fields["grpc-status"], asked()]).toEqual([200, "8", 0]);
  });

  test("delays a request, and the request's timeout counts the delay", async () => {
    const late = await through({ faults: [{ delay: duration(120) }] });
    const start = performance.now();
    expect((await late.get()).status).toBe(200);
    expect(performance.now() - start).toBeGreaterThan(110);
    expect([late.counted("delay"), late.asked()]).toEqual(["1", 1]);
    const over = await through({ faults: [{ delay: duration(5000) }], timeouts: { request: duration(60) } });
    const response = await over.get();
    expect([response.status, over.asked()]).toEqual([504, 0]);
  });

  test("delays nothing for a client that has left", async () => {
    const clock = new FakeClock();
    const { get, asked, counted, proxy } = await through({ faults: [{ delay: duration(100) }] }, "http1", clock);
    const leaving = new AbortController();
    const outcome = get({ signal: leaving.signal }).catch(() => "left");
    await eventually(() => counted("delay") === "1");
    clock.advance(30);
    leaving.abort();
    expect(await outcome).toBe("left");
    await eventually(() => proxy.series("tcp_close_total", 'peer="src"').length > 0);
    clock.advance(150);
    await Bun.sleep(20);
    expect(asked()).toBe(0);
  });

  test("slows a response down", async () => {
    const clock = new FakeClock();
    const { get, counted } = await through({ faults: [{ bytesPerSecond: 10_000 }] }, "http1", clock);
    let length = 0;
    void get().then(async (response) => (length = (await response.text()).length));
    await eventually(() => counted("throttle") === "1");
    await eventually(() => {
      clock.advance(5);
      return length > 0;
    });
    expect(length).toBe(2000);
    expect(clock.now()).toBeWithin(100, 1000);
    expect(counted("throttle")).toBe("1");
  });

  test("resets an HTTP/1 connection", async () => {
    const { get, counted, asked } = await through({ faults: [{ headers: gate, end: { case: "reset", value: {} } }] });
    const reset = await get({ headers: { "x-test": "chaos" } }).catch((error: { code?: string }) => error.code);
    expect([reset, counted("reset"), asked()]).toEqual(["ECONNRESET", "1", 0]);
    expect((await get()).status).toBe(200);
  });

  test("resets one stream of an HTTP/2 connection, which goes on", async () => {
    const { counted, proxy } = await through({ faults: [{ end: { case: "reset", value: {} } }] }, "http2");
    const session = bed.http2Client(proxy);
    const request = () =>
      new Promise<unknown>((resolve) => {
        const stream = session.request({ ":path": "/" });
        stream.on("response", ({ ":status": status }) => resolve(status));
        stream.on("error", () => resolve(`reset ${stream.rstCode}`));
        stream.end();
      });
    expect([await request(), await request(), counted("reset")]).toEqual(["reset 2", "reset 2", "2"]);
    expect(session.destroyed).toBe(false);
  });

  test("is never tried again", async () => {
    const retry = { maxRetries: 3, conditions: { statusRanges: [{ start: 500, end: 599 }] } };
    const { get, counted, proxy } = await through({ faults: [{ end: abort(503) }], retry });
    expect((await get()).status).toBe(503);
    expect([counted("abort"), proxy.series("outbound_http_route_retry_requests_total")]).toEqual(["1", []]);
  });
});
