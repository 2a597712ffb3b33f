/**
 * What six hours of a mesh cost in the metrics API's memory: `scripts/bun bench/viz/store-memory.ts [pods] [series]`.
 *
 * Rings cost the same however often they went round, so most of the six hours has a scrape each five minutes and only
 * the last ten minutes one each ten seconds. Prints the resident memory of the process, which has the store alone.
 */
import { SampleStore } from "../../src/viz/metrics/store.ts";

const pods = Number(process.argv[2] ?? 200);
const perPod = Number(process.argv[3] ?? 400);
const bounds = [1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10_000];

/** A scrape as a proxy gives it: many labels, histograms, and as many lines again that nobody keeps. */
function scrape(pod: number, round: number): string {
  const lines: string[] = [];
  for (let route = 0; lines.length < perPod; route++) {
    const labels =
      `direction="${route % 2 === 0 ? "inbound" : "outbound"}",tls="true",client_id="web-${route}.emojivoto.serviceaccount.identity.linkerd.cluster.local",` +
      `authority="voting-${route}.emojivoto.svc.cluster.local:8080",target_addr="10.42.${pod}.${route}:8080",target_ip="10.42.${pod}.${route}",target_port="8080",` +
      `srv_group="policy.linkerd.io",srv_kind="server",srv_name="http-${route}",srv_port="8080",route_group="gateway.networking.k8s.io",route_kind="HTTPRoute",route_name="vote-${route}",` +
      `dst_namespace="emojivoto",dst_deployment="voting-${route}",dst_service="voting-${route}",dst_pod="voting-${route}-5d9c7b8f4-x${pod}",dst_pod_template_hash="5d9c7b8f4"`;
    lines.push(`request_total{${labels}} ${round * 100}`);
    lines.push(`response_total{${labels},status_code="200",classification="success"} ${round * 99}`);
    lines.push(`response_total{${labels},status_code="500",classification="failure"} ${round}`);
    for (const le of [...bounds, "+Inf"])
      lines.push(`response_latency_ms_bucket{${labels},status_code="200",le="${le}"} ${round * 50}`);
  }
  return lines.slice(0, perPod).join("\n");
}

const families = new Set(["request_total", "response_total", "response_latency_ms_bucket"]);
const store = new SampleStore({ families });
const hours = 6 * 3_600_000;
const started = performance.now();
let scrapes = 0;
function round(now: number, number: number): void {
  for (let pod = 0; pod < pods; pod++) {
    store.add(`emojivoto/pod-${pod}`, now, scrape(pod, number));
    scrapes++;
  }
}
let number = 0;
for (let now = 0; now < hours - 600_000; now += 300_000) round(now, number++);
for (let now = hours - 600_000; now <= hours; now += 10_000) round(now, number++);
const seconds = (performance.now() - started) / 1000;
const peak = process.memoryUsage.rss() / 1e6;
Bun.gc(true);
await Bun.sleep(200);
Bun.gc(true);
console.log(
  `${pods} pods, ${store.size} series (${store.rejected} rejected), 6 h: ${Math.round(process.memoryUsage.rss() / 1e6)} MB resident ` +
    `(${Math.round(peak)} MB before a collection), ${((seconds * 1000) / scrapes).toFixed(2)} ms per scrape`,
);
