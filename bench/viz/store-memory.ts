/**
 * What six hours of a mesh cost in the metrics API's memory: `scripts/bun --smol bench/viz/store-memory.ts [pods] [series]`.
 *
 * Scrapes come through a pipe from a child process, as they come through a socket from proxies. Rings cost the same
 * however often they went round, so most of the six hours has a scrape each five minutes and only the last ten minutes
 * one each ten seconds. Prints the resident memory of the process, which has the store alone, and the most it was.
 */
import { readFileSync } from "node:fs";
import { SampleStore } from "../../src/viz/metrics/store.ts";

const generating = process.argv[2] === "generate";
const pods = Number(process.argv[generating ? 3 : 2] ?? 200);
const perPod = Number(process.argv[generating ? 4 : 3] ?? 250);
const bounds = [
  1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10_000, 20_000, 30_000,
  40_000, 50_000,
];

/** A scrape as a proxy gives it: many labels, histograms. */
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
    for (const le of [...bounds, "+Inf"]) {
      lines.push(`response_latency_ms_bucket{${labels},status_code="200",le="${le}"} ${round * 50}`);
    }
  }
  return lines.slice(0, perPod).join("\n");
}

const hours = 6 * 3_600_000;
const times: number[] = [];
for (let now = 0; now < hours - 600_000; now += 300_000) times.push(now);
for (let now = hours - 600_000; now <= hours; now += 10_000) times.push(now);

if (generating) {
  const out = Bun.stdout.writer();
  for (const [number] of times.entries()) {
    for (let pod = 0; pod < pods; pod++) {
      out.write(`${scrape(pod, number)}\0`);
      await out.flush();
    }
  }
  await out.end();
} else {
  const child = Bun.spawn([process.execPath, import.meta.path, "generate", String(pods), String(perPod)], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const families = new Set(["request_total", "response_total", "response_latency_ms_bucket"]);
  const store = new SampleStore({ families });
  let parts: Uint8Array[] = [];
  let scrapes = 0;
  let busy = 0;
  let most = 0;
  let read = 0;
  for await (const chunk of child.stdout) {
    let from = 0;
    for (let end = chunk.indexOf(0); end >= 0; end = chunk.indexOf(0, from)) {
      parts.push(chunk.subarray(from, end));
      const text = Buffer.concat(parts).toString("utf8");
      const began = performance.now();
      store.add(`emojivoto/pod-${scrapes % pods}`, times[Math.floor(scrapes / pods)]!, text);
      // As the scraper does it.
      read += text.length;
      if (read >= 16 * 1024 * 1024) {
        read = 0;
        Bun.gc(true);
      }
      busy += performance.now() - began;
      scrapes++;
      parts = [];
      from = end + 1;
      if (scrapes % 100 === 0) most = Math.max(most, process.memoryUsage.rss());
    }
    parts.push(chunk.slice(from));
  }
  Bun.shrink();
  await Bun.sleep(500);
  const resident = Math.round(process.memoryUsage.rss() / 1e6);
  const rollup = readFileSync("/proc/self/smaps_rollup", "utf8");
  const own = [...rollup.matchAll(/^Private_\w+: +(\d+) kB/gm)].reduce((sum, match) => sum + Number(match[1]), 0);
  console.log(
    `${pods} pods, ${store.size} series (${store.rejected} rejected), 6 h: ${resident} MB resident, of that ${Math.round(own / 1e3)} MB private, ` +
      `${Math.round(most / 1e6)} MB at most, ${(busy / scrapes).toFixed(2)} ms per scrape`,
  );
}
