/** What counting one request costs, and how long 5,000 series take to print. `sh scripts/bun bench/micro/metrics.bench.ts` */
import { Registry } from "#lib/metrics/registry.ts";
import { chunks } from "#lib/metrics/text.ts";

const latencyBuckets = [
  1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10_000,
];

function perCall(name: string, calls: number, run: (i: number) => void): void {
  for (let i = 0; i < calls / 10; i++) run(i);
  const start = Bun.nanoseconds();
  for (let i = 0; i < calls; i++) run(i);
  console.log(`${name}: ${((Bun.nanoseconds() - start) / calls).toFixed(1)} ns`);
}

const registry = new Registry();
const counter = registry.counter("request_total", "").cell({ direction: "inbound" });
const histogram = registry.histogram("response_latency_ms", "", latencyBuckets).cell({ direction: "inbound" });
perCall("counter += 1", 20_000_000, () => {
  counter.value += 1;
});
perCall("histogram.observe", 20_000_000, (i) => histogram.observe((i * 7919) % 3000));

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
