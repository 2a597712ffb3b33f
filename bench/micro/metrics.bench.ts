/** What counting one request costs, and how long 5,000 series take to print. `sh scripts/bun bench/micro/metrics.bench.ts` */
import { Registry } from "#lib/metrics/registry.ts";
import { chunks } from "#lib/metrics/text.ts";
import { RequestWatchers, type RequestWatch } from "#proxy/http/request-watch.ts";
import { HttpMetrics } from "#proxy/telemetry/http-metrics.ts";
import { InboundRouteMetrics } from "#proxy/telemetry/inbound-route-metrics.ts";
import { RouteMetrics } from "#proxy/telemetry/route-metrics.ts";

const latencyBuckets = [
  1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10_000,
];

/** The least of five rounds of CPU time, so that other programs of the machine don't count. */
function perCall(name: string, calls: number, run: (i: number) => void): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const start = process.cpuUsage().user;
    for (let i = 0; i < calls / 5; i++) run(i);
    best = Math.min(best, ((process.cpuUsage().user - start) * 1000) / (calls / 5));
  }
  console.log(`${name}: ${best.toFixed(1)} ns`);
}

const registry = new Registry();
const counter = registry.counter("request_total", "").cell({ direction: "inbound" });
const histogram = registry.histogram("response_latency_ms", "", latencyBuckets).cell({ direction: "inbound" });
perCall("counter += 1", 20_000_000, () => {
  counter.value += 1;
});
perCall("histogram.observe", 20_000_000, (i) => histogram.observe((i * 7919) % 3000));

// What the proxy counts of one request.
const http = new HttpMetrics(registry).cells({ direction: "inbound", tls: "true" });
perCall("a request: legacy families", 10_000_000, (i) => {
  http.requestStarted();
  http.responseEnded(200, i % 50, true, -1);
});
const ref = { group: "policy.linkerd.io", kind: "server", namespace: "ns", name: "web", port: "80", section: "" };
const inbound = new InboundRouteMetrics(registry).cells(ref, ref, false);
perCall("a request: inbound families by route", 10_000_000, (i) => {
  inbound.started();
  inbound.ended(200, -1, i % 50, i % 50, null);
});
const outbound = new RouteMetrics(registry).cells({ parent: ref, route: ref, backend: ref }, false);
perCall("a request: outbound families by route", 10_000_000, (i) => outbound.ended(200, -1, i % 50, null));
perCall("a part of a body", 20_000_000, (i) => inbound.responseFrame((i * 7919) % 3000));

// What the seam of tap and tracing costs while nobody uses it: as in the sessions.
const watchers = new RequestWatchers();
const session = { watch: null as RequestWatch | null, watched: 0 };
perCall("a request that nobody watches", 50_000_000, () => {
  if (watchers.current !== null) session.watched++;
  session.watch?.responseBody(1);
  if (session.watch !== null) session.watch = null;
});

const big = new Registry();
const totals = big.counter("request_total", "Total count of HTTP requests");
const latencies = big.histogram("response_latency_ms", "Elapsed times", latencyBuckets);
for (let i = 0; i < 2500; i++) {
  const labels = {
    direction: "outbound",
    dst_pod: `web-${i}`,
    dst_namespace: "emojivoto",
    authority: "web.svc:80",
    tls: "true",
  };
  totals.cell(labels).value = i;
  latencies.cell(labels).observe(i % 100);
}
for (let round = 0; round < 3; round++) {
  let longest = 0;
  let bytes = 0;
  const start = Bun.nanoseconds();
  let last = start;
  for (const part of chunks(big, 1000)) {
    bytes += part.length;
    longest = Math.max(longest, Bun.nanoseconds() - last);
    last = Bun.nanoseconds();
  }
  const ms = (ns: number): string => `${(ns / 1e6).toFixed(2)} ms`;
  console.log(`print 5,000 series (${(bytes / 1e6).toFixed(1)} MB): ${ms(last - start)}, longest part ${ms(longest)}`);
}
