/**
 * How long /metrics of 5,000 series keeps a proxy from its traffic: the longest time between two turns of the event loop
 * while it is answered, in CPU time of the process. `sh scripts/bun bench/micro/scrape.bench.ts`
 */
import { Registry } from "#lib/metrics/registry.ts";
import { adminRoutes } from "#proxy/admin/routes.ts";

const latencyBuckets = [
  1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10_000, 20_000, 30_000,
  40_000, 50_000,
];
const registry = new Registry();
const totals = registry.counter("request_total", "Total count of HTTP requests");
const latencies = registry.histogram("response_latency_ms", "Elapsed times", latencyBuckets);
const held: object[] = [];
for (let i = 0; i < 2500; i++) {
  const labels = {
    direction: "outbound",
    dst_pod: `web-${i}`,
    dst_namespace: "emojivoto",
    authority: "web.svc:80",
    tls: "true",
    server_id: "web.emojivoto.serviceaccount.identity.linkerd.cluster.local",
  };
  const cells = [totals.cell(labels), latencies.cell(labels)] as const;
  cells[0].value = i;
  cells[1].observe(i % 100);
  held.push(...cells);
}

const answer = adminRoutes({
  registry,
  siblings: null,
  sink: { filter: null as never, format: "plain", write() {}, wall: () => 0 },
  logFilter: "",
  notReady: () => [],
  shutdown: null,
  env: () => ({}),
});

/** ms */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

for (const encoding of ["identity", "gzip"]) {
  const stalls: number[] = [];
  const totalTimes: number[] = [];
  for (let round = 0; round < 7; round++) {
    let longest = 0;
    let last = cpu();
    let watching = true;
    const watch = (): void => {
      const now = cpu();
      longest = Math.max(longest, now - last);
      last = now;
      if (watching) setImmediate(watch);
    };
    setImmediate(watch);
    const started = cpu();
    const head = { method: "GET", headers: ["accept-encoding", encoding] } as never;
    await answer({ head, path: "/metrics", body: Buffer.alloc(0), client: "127.0.0.1" });
    totalTimes.push(cpu() - started);
    await turn();
    watching = false;
    await turn();
    stalls.push(longest);
  }
  const median = (of: number[]): string => `${(of.toSorted((a, b) => a - b)[3] ?? 0).toFixed(1)} ms`;
  console.log(`${encoding}: longest stall ${median(stalls)}, the whole ${median(totalTimes)} (${held.length} series)`);
}
