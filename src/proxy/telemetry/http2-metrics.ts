/** `…_http2_*`: what happens to HTTP/2 connections that no request's own metrics show. Not in Linkerd. */
import type { Registry } from "#lib/metrics/registry.ts";
import type { ProxyHttp2Counts } from "../http/h2/counts.ts";

/** Shows what the connections of a direction count. */
export function registerHttp2Metrics(
  registry: Registry,
  direction: "inbound" | "outbound",
  counts: ProxyHttp2Counts,
): void {
  const refused = registry.counter(
    `${direction}_http2_refused_requests_total`,
    "HTTP/2 requests that were refused before they had a route, by reason",
  );
  const slowHeads = registry.counter(
    `${direction}_http2_slow_heads_total`,
    "HTTP/2 connections that ended because a header block took too long to come",
  );
  const waits = registry.counter(
    `${direction}_http2_wait_timeouts_total`,
    "Requests that found no room on HTTP/2 connections to their server in time",
  );
  const queued = registry.gauge(
    `${direction}_http2_queued_bytes`,
    "Bytes that wait for windows or sockets of HTTP/2 connections",
  );
  const crowded = registry.counter(
    `${direction}_http2_crowded_total`,
    "How often HTTP/2 connections had too much unread or waiting",
  );
  const hoarders = registry.counter(
    `${direction}_http2_hoarder_resets_total`,
    "HTTP/2 streams that were reset because they did not move and kept their connection crowded",
  );
  registry.onCollect(() => {
    refused.cell({ reason: "malformed" }).value = counts.malformed;
    refused.cell({ reason: "connect" }).value = counts.tunnels;
    waits.cell().value = counts.waitedInVain;
    queued.cell().value = counts.queuedBytes;
    crowded.cell().value = counts.crowded;
    hoarders.cell().value = counts.hoarders;
    slowHeads.cell().value = counts.slowHeads;
  });
}
