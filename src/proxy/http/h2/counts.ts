import { Http2Counts } from "#wire/http2/counts.ts";

/** What the HTTP/2 connections of one direction count, and nobody's request counts: telemetry/http2-metrics.ts shows it. */
export class ProxyHttp2Counts extends Http2Counts {
  /** Requests for a tunnel (CONNECT), which are refused. */
  tunnels = 0;
  /** Requests to servers that found no room on their connections in time. */
  waitedInVain = 0;
}
