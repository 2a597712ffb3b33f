/** Balancing, limits and what applications say about their own requests, through a whole proxy. */
import { describe, expect, test } from "bun:test";
import type { SocketAddr } from "#lib/net/socket.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { duration } from "#rpc/address.ts";
import { eventually, makeBed } from "./bed.ts";
import type { TestProxy } from "./harness.ts";

const service: SocketAddr = { ip: "10.96.0.32", port: 80 };
const bed = makeBed();

/** A client's proxy whose Service has this rule; `more`: of the balancer, of its queue and of the protocol. */
async function through(
  endpoints: SocketAddr[],
  more: {
    rule?: object;
    balancer?: object;
    queue?: object;
    protocol?: object;
    env?: Record<string, string>;
    clock?: FakeClock;
  } = {},
) {
  bed.control.setEndpoints("web:80", endpoints);
  bed.control.setService(service, "web.ns.svc.cluster.local", []);
  const discovery = { kind: { case: "dst", value: { path: "web:80" } } };
  const kind = { case: "balancer", value: { discovery, ...more.balancer } };
  const backend = { kind, ...(more.queue && { queue: more.queue }) };
  const backends = { kind: { case: "randomAvailable", value: { backends: [{ weight: 1, backend: { backend } }] } } };
  const routes = [{ rules: [{ matches: [{}], backends, ...more.rule }] }];
  bed.control.setOutboundPolicy(service, {
    protocol: { kind: { case: "http1", value: { routes, ...more.protocol } } },
  } as never);
  const { env, clock } = more;
  const proxy = await bed.proxy({ outboundDst: service, ...(env && { env }), ...(clock && { clock }) });
  return proxy;
}

const say = (proxy: TestProxy, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(proxy.outboundUrl, { headers });
const status = async (proxy: TestProxy, headers: Record<string, string> = {}): Promise<number> => {
  const response = await say(proxy, headers);
  await response.arrayBuffer();
  return response.status;
};

test("requests with the same header go to one endpoint, and all together to all", async () => {
  const servers = ["a", "b", "c", "d"].map((name) => bed.app(() => new Response(name)));
  const proxy = await through(servers, { balancer: { hash: { kind: { case: "header", value: "X-User" } } } });
  const places = new Set<string>();
  for (let user = 0; user < 20; user++) {
    const headers = { "x-user": `user-${user}` };
    const first = await (await say(proxy, headers)).text();
    for (let again = 0; again < 3; again++) expect(await (await say(proxy, headers)).text()).toBe(first);
    places.add(first);
  }
  expect(places.size).toBe(4);
});

test("an endpoint that answers 429 gets hardly any requests where such answers count", async () => {
  let limited = 0;
  const full = bed.app(() => {
    limited++;
    return new Response("", { status: 429, headers: { "retry-after": "1" } });
  });
  const value = { defaultRtt: duration(30), decay: duration(10_000), penalty: duration(5000) };
  const proxy = await through([full, bed.app(() => new Response("ok"))], {
    balancer: { load: { case: "penaltyPeakEwma", value } },
  });
  for (let i = 0; i < 50; i++) await status(proxy);
  expect(limited).toBeWithin(0, 3);
});

test("failures leave so many endpoints in use as the policy says", async () => {
  const broken = bed.app(() => new Response("", { status: 500 }));
  const backoff = { minBackoff: duration(60_000), maxBackoff: duration(60_000) };
  const failureAccrual = {
    kind: { case: "consecutiveFailures", value: { maxFailures: 2, backoff } },
    ejection: { minReadyEndpoints: 1 },
  };
  const proxy = await through([broken], { protocol: { failureAccrual } });
  for (let i = 0; i < 10; i++) expect(await status(proxy)).toBe(500);
  expect(proxy.series("outbound_http_balancer_ejections_spared_total")[0]).toEndWith(" 9");
  expect(proxy.series("outbound_http_balancer_ejections_total")).toEqual([]);
});

describe("what an application says about its requests", () => {
  const slow = () => bed.app(async () => Bun.sleep(500).then(() => new Response("late")));

  test("counts where the policy lets it, and is not passed on", async () => {
    const seen: Array<string | null> = [];
    let count = 0;
    const server = bed.app((request) => {
      seen.push(request.headers.get("l5d-retry-http"), request.headers.get("l5d-retry-limit"));
      return new Response("", { status: ++count < 3 ? 503 : 200 });
    });
    const proxy = await through([server], { rule: { allowL5dRequestHeaders: true } });
    expect(await status(proxy, { "l5d-retry-http": "503", "l5d-retry-limit": "2" })).toBe(200);
    expect(seen).toEqual([null, null, null, null, null, null]);
    const late = await through([slow()], { rule: { allowL5dRequestHeaders: true } });
    expect(await status(late, { "l5d-timeout": "50ms" })).toBe(504);
  });

  test("says nothing otherwise", async () => {
    let count = 0;
    const server = bed.app(() => new Response("", { status: ++count < 2 ? 503 : 200 }));
    expect(await status(await through([server]), { "l5d-retry-http": "503" })).toBe(503);
    expect(await status(await through([slow()]), { "l5d-timeout": "50ms" })).toBe(200);
  });
});

test("no request is sent again after a byte of its response has gone out", async () => {
  let asked = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        asked++;
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun");
        socket.flush();
        setTimeout(() => socket.terminate(), 20);
      },
    },
  });
  bed.after(() => server.stop(true));
  const retry = {
    maxRetries: 5,
    backoff: { minBackoff: duration(1), maxBackoff: duration(2) },
    conditions: {
      statusRanges: [
        { start: 200, end: 200 },
        { start: 500, end: 599 },
      ],
    },
  };
  // The first answers ask for another try; the last one, at the limit, is passed on and breaks.
  const proxy = await through([{ ip: "127.0.0.1", port: server.port }], { rule: { retry } });
  const outcome = await say(proxy)
    .then((response) => response.text())
    .catch(() => "broken");
  expect(outcome).toBe("broken");
  const before = asked;
  expect(before).toBeLessThanOrEqual(6);
  await Bun.sleep(60);
  expect(asked).toBe(before);
  const plain = { ...retry, conditions: { statusRanges: [{ start: 500, end: 599 }] } };
  asked = 0;
  const once = await through([{ ip: "127.0.0.1", port: server.port }], { rule: { retry: plain } });
  expect(
    await say(once)
      .then((response) => response.text())
      .catch(() => "broken"),
  ).toBe("broken");
  await Bun.sleep(60);
  expect(asked).toBe(1);
});

test("requests beyond the limit of those under way are answered 503 at once, and counted; the others finish", async () => {
  const waiting: Array<() => void> = [];
  const server = bed.app(() => new Promise((resolve) => waiting.push(() => resolve(new Response("done")))));
  // Time stands still, so that no answer waited for any.
  const clock = new FakeClock();
  const proxy = await through([server], { env: { OUTBOUND_MAX_IN_FLIGHT: "5" }, clock });
  const first = Array.from({ length: 5 }, () => status(proxy));
  while (waiting.length < 5) await Bun.sleep(2);
  const shed = await Promise.all(Array.from({ length: 20 }, () => status(proxy)));
  expect(new Set(shed)).toEqual(new Set([503]));
  for (const answer of waiting) answer();
  expect(await Promise.all(first)).toEqual([200, 200, 200, 200, 200]);
  expect(proxy.series("outbound_http_errors_total", 'error="loadshed"')[0]).toEndWith(" 20");
  expect(await Promise.race([status(proxy), Bun.sleep(50)])).toBeUndefined();
  for (const answer of waiting) answer();
});

test("requests without an endpoint wait, then fail within the failfast time and at once from then on", async () => {
  const clock = new FakeClock();
  const proxy = await through([], { queue: { capacity: 3, failfastTimeout: duration(150) }, clock });
  const statuses: number[] = [];
  const asked = Array.from({ length: 5 }, async () => statuses.push(await status(proxy)));
  // Those for which there is no place.
  await eventually(() => statuses.length === 2);
  expect(statuses).toEqual([503, 503]);
  clock.advance(149);
  await Bun.sleep(20);
  expect(statuses.length).toBe(2);
  clock.advance(1);
  await Promise.all(asked);
  expect(statuses).toEqual([503, 503, 504, 504, 504]);
  // At once: time stands still.
  expect(await status(proxy)).toBe(504);
  bed.control.setEndpoints("web:80", [bed.app(() => new Response("ok"))]);
  await eventually(async () => (await status(proxy)) === 200);
});

test("a gRPC deadline is shortened by the time that a request waited for an endpoint", async () => {
  const told: Array<string | null> = [];
  bed.control.setEndpoints("web:80", []);
  const clock = new FakeClock();
  const proxy = await through([], { clock });
  const fields = { "content-type": "application/grpc", "grpc-timeout": "900m" };
  const first = status(proxy, fields);
  await eventually(() => proxy.series("outbound_http_balancer_queue_length")[0]?.endsWith(" 1") ?? false);
  clock.advance(100);
  const server = bed.app((request) => {
    told.push(request.headers.get("grpc-timeout"));
    return new Response("");
  });
  bed.control.setEndpoints("web:80", [server]);
  await first;
  await status(proxy, fields);
  expect(Number.parseInt(told[0] ?? "", 10)).toBeWithin(1, 810);
  expect(told[0]).toEndWith("m");
  expect(told[1]).toBe("900m");
});

test("a request of a backend without endpoints is tried with the route's other backend", async () => {
  bed.control.setEndpoints("empty:80", []);
  bed.control.setEndpoints("web:80", [bed.app(() => new Response("ok"))]);
  bed.control.setService(service, "web.ns.svc.cluster.local", []);
  const place = (path: string) => {
    const discovery = { kind: { case: "dst", value: { path } } };
    const queue = { capacity: 10, failfastTimeout: duration(30) };
    return { weight: 1, backend: { backend: { kind: { case: "balancer", value: { discovery } }, queue } } };
  };
  const backends = { kind: { case: "randomAvailable", value: { backends: [place("empty:80"), place("web:80")] } } };
  const retry = { maxRetries: 2, backoff: { minBackoff: duration(1), maxBackoff: duration(2) } };
  bed.control.setOutboundPolicy(service, {
    protocol: { kind: { case: "http1", value: { routes: [{ rules: [{ matches: [{}], backends, retry }] }] } } },
  } as never);
  const proxy = await bed.proxy({ outboundDst: service });
  const statuses = [];
  for (let i = 0; i < 8; i++) statuses.push(await status(proxy));
  expect(new Set(statuses)).toEqual(new Set([200]));
  const failed = proxy.series("outbound_http_route_backend_response_statuses_total", 'error="FAIL_FAST"');
  expect(failed[0]).toMatch(/ [1-8]$/);
});
