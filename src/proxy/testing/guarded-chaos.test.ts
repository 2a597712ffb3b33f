/** Requests with timeouts, retries and mirrors among clients and servers that break off at any time: everything ends. */
import { afterEach, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { duration } from "#rpc/address.ts";
import { FakeControlPlane } from "./fake-control-plane.ts";
import { TestProxy } from "./harness.ts";

const closing: Array<() => void> = [];
afterEach(() => {
  for (const close of closing.splice(0).toReversed()) close();
});

const place = (host: string) => ({
  kind: { case: "balancer", value: { discovery: { kind: { case: "dst", value: { path: `${host}:80` } } } } },
});

test("whatever clients and servers do, every request ends and nothing is left behind", async () => {
  const random = seededRandom(7);
  const control = new FakeControlPlane(memoryLog().log);
  control.start();
  closing.push(() => control.stop());
  let good = 0;
  const unruly = Bun.listen<{ got: number }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => void (socket.data = { got: 0 }),
      data(socket, chunk) {
        // Heads come in one piece here; bodies are told apart by not beginning with a method.
        if (!/^(?:GET|POST) /.test(chunk.toString("latin1", 0, 5))) return;
        const fate = random.next();
        const answer = (status: number, body: string): void =>
          void socket.write(`HTTP/1.1 ${status} X\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
        if (fate < 0.15) socket.terminate();
        else if (fate < 0.3) answer(503, "x".repeat(Math.floor(random.next() * 200)));
        else if (fate < 0.35) socket.write("HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\nhalf");
        else if (fate < 0.4) {
          socket.write("HTTP/1.1 503 X\r\ncontent-length: 100\r\n\r\nhalf");
          setTimeout(() => socket.terminate(), 5);
        } else if (fate < 0.5) setTimeout(() => answer(200, "late"), 60);
        else if (fate < 0.55) return;
        else answer(200, "good");
      },
    },
  });
  closing.push(() => unruly.stop(true));
  const shadow = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("", { status: 500 }) });
  closing.push(() => void shadow.stop(true));
  const service = { ip: "10.96.0.40", port: 80 };
  control.setService(service, "web.ns.svc.cluster.local", []);
  control.setEndpoints("a:80", [{ ip: "127.0.0.1", port: unruly.port }]);
  control.setEndpoints("s:80", [{ ip: "127.0.0.1", port: shadow.port ?? 0 }]);
  control.setOutboundPolicy(service, {
    protocol: {
      kind: {
        case: "http1",
        value: {
          routes: [
            {
              rules: [
                {
                  filters: [
                    {
                      kind: {
                        case: "requestMirror",
                        value: { backend: place("s"), ratio: { numerator: 1, denominator: 2 } },
                      },
                    },
                  ],
                  backends: {
                    kind: {
                      case: "randomAvailable",
                      value: { backends: [{ weight: 1, backend: { backend: place("a") } }] },
                    },
                  },
                  timeouts: { request: duration(150), response: duration(100), idle: duration(90) },
                  retry: {
                    maxRetries: 3,
                    maxRequestBytes: 65_536,
                    conditions: { statusRanges: [{ start: 500, end: 599 }] },
                    timeout: duration(40),
                    backoff: { minBackoff: duration(1), maxBackoff: duration(5), jitterRatio: 1 },
                  },
                },
              ],
            },
          ],
        },
      },
    },
  } as never);
  // For the proxy time passes in steps, however long this process stands still: its timeouts hit no more than they should.
  const clock = new FakeClock();
  const ticks = setInterval(() => clock.advance(5), 5);
  closing.push(() => clearInterval(ticks));
  const proxy = new TestProxy({ control, outboundDst: service, clock });
  closing.push(() => proxy.close());
  await proxy.ready();

  async function one(): Promise<void> {
    const leaving = random.next() < 0.2 ? AbortSignal.timeout(1 + random.next() * 80) : AbortSignal.timeout(5000);
    const body = random.next() < 0.5 ? { method: "POST", body: "b".repeat(Math.floor(random.next() * 3000)) } : {};
    const start = clock.now();
    try {
      const response = await fetch(proxy.outboundUrl, { ...body, signal: leaving });
      const text = await response.text();
      if (response.status === 200 && (text === "good" || text === "late")) good++;
    } catch (error) {
      // Cut off, by one side or the other: as long as it is over.
      expect(error).toBeInstanceOf(Error);
    }
    expect(clock.now() - start).toBeLessThan(2000);
  }
  for (let round = 0; round < 12; round++) await Promise.all(Array.from({ length: 25 }, one));
  expect(good).toBeGreaterThan(150);
  await Bun.sleep(50);
  const statuses = proxy.series("outbound_http_route_request_statuses_total");
  const ended = statuses.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  const requests = proxy.series("request_total", 'direction="outbound"');
  expect(ended).toBeGreaterThan(250);
  expect(requests.length).toBeGreaterThan(0);
  expect(proxy.metrics()).toContain("\noutbound_http_retry_kept_bytes 0\n");
  // Nobody waits any more, so the proxy drains at once.
  expect(await Promise.race([proxy.proxy.drain(), Bun.sleep(3000).then(() => "stuck" as const)])).toBe(true);
}, 20_000);
