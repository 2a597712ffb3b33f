import { describe, expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { text } from "#lib/metrics/text.ts";
import { ProxyHttp2Counts } from "../http/h2/counts.ts";
import { HttpMetrics } from "./http-metrics.ts";
import { registerHttp2Metrics } from "./http2-metrics.ts";
import { clientTlsLabels, destinationLabels, serverTlsLabels, targetLabels } from "./labels.ts";
import { RouteMetrics } from "./route-metrics.ts";
import { TransportMetrics } from "./transport-metrics.ts";

describe("Connections to endpoints", () => {
  test("cost bytes by whether the endpoint is in this zone, once for all that share a series", () => {
    const registry = new Registry();
    const metrics = new TransportMetrics(registry);
    const near = { direction: "outbound", peer: "dst", dst_zone_locality: "local" };
    const one = metrics.cells(near);
    const two = metrics.cells(near);
    const other = metrics.cells({ direction: "outbound", peer: "dst" });
    metrics.cells({ direction: "outbound", peer: "src" }).readBytes += 7;
    for (const cells of [one, two, other]) cells.opened();
    one.readBytes += 100;
    two.writtenBytes += 50;
    two.closed(null);
    other.readBytes += 3;
    const cost = (): string[] =>
      text(registry)
        .split("\n")
        .filter((line) => line.startsWith("outbound_tcp_transfer_cost_bytes_total{"));
    const expected = [
      'outbound_tcp_transfer_cost_bytes_total{op="recv",zone_locality="local"} 100',
      'outbound_tcp_transfer_cost_bytes_total{op="send",zone_locality="local"} 50',
      'outbound_tcp_transfer_cost_bytes_total{op="recv",zone_locality="unknown"} 3',
      'outbound_tcp_transfer_cost_bytes_total{op="send",zone_locality="unknown"} 0',
    ];
    expect(cost()).toEqual(expected);
    expect(cost()).toEqual(expected);
    one.readBytes += 1;
    expect(cost()[0]).toEndWith(" 101");
  });

  test("are counted by route, with what ended them", () => {
    const registry = new Registry();
    const parent = { group: "core", kind: "Service", namespace: "ns", name: "db", port: "5432", section: "" };
    const route = {
      group: "gateway.networking.k8s.io",
      kind: "TCPRoute",
      namespace: "ns",
      name: "r",
      port: "",
      section: "",
    };
    const metrics = new RouteMetrics(registry);
    const tcp = metrics.tcp(parent, route, "tcp");
    metrics.tcp(parent, route, "tls");
    tcp.opened();
    tcp.opened();
    tcp.closed(null);
    tcp.closed("IO");
    const out = text(registry);
    expect(out).toMatch(/outbound_tcp_route_open_total\{parent_group="core".*route_name="r".*\} 2\n/);
    expect(out).toMatch(/outbound_tcp_route_close_total\{error="",.*\} 1\n/);
    expect(out).toMatch(/outbound_tcp_route_close_total\{error="IO",.*\} 1\n/);
    expect(out).not.toContain("outbound_tls_route");
  });
});

describe("HttpMetrics", () => {
  test("classifies complete responses below 500 as success and everything else as failure", () => {
    const registry = new Registry();
    const cells = new HttpMetrics(registry).cells({ direction: "inbound" });
    for (const [status, complete] of [
      [200, true],
      [404, true],
      [503, true],
      [200, false],
      [0, false],
    ] as const) {
      cells.requestStarted();
      cells.responseEnded(status, 7, complete, -1);
    }
    const lines = text(registry).split("\n");
    expect(lines).toContain('request_total{direction="inbound"} 5');
    expect(lines).toContain('response_total{classification="success",direction="inbound",status_code="200"} 1');
    expect(lines).toContain('response_total{classification="success",direction="inbound",status_code="404"} 1');
    expect(lines).toContain('response_total{classification="failure",direction="inbound",status_code="503"} 1');
    expect(lines).toContain(
      'response_total{classification="failure",direction="inbound",error="unknown",status_code="200"} 1',
    );
    expect(lines).toContain('response_total{classification="failure",direction="inbound",error="unknown"} 1');
  });

  test("puts latencies into Linkerd's buckets by status", () => {
    const registry = new Registry();
    const cells = new HttpMetrics(registry).cells({ direction: "outbound" });
    cells.responseEnded(200, 7, true, -1);
    const out = text(registry);
    expect(out).toContain('response_latency_ms_bucket{direction="outbound",status_code="200",le="5"} 0');
    expect(out).toContain('response_latency_ms_bucket{direction="outbound",status_code="200",le="10"} 1');
    expect(out).toContain('response_latency_ms_bucket{direction="outbound",status_code="200",le="50000"} 1');
  });
});

test("The metrics of HTTP/2 connections show what these count at the moment", () => {
  const registry = new Registry();
  const counts = new ProxyHttp2Counts();
  registerHttp2Metrics(registry, "inbound", counts);
  counts.malformed = 3;
  counts.tunnels = 2;
  counts.slowHeads = 1;
  counts.waitedInVain = 4;
  counts.queuedBytes = 5;
  counts.crowded = 6;
  counts.hoarders = 7;
  const lines = text(registry).split("\n");
  expect(lines).toContain('inbound_http2_refused_requests_total{reason="malformed"} 3');
  expect(lines).toContain('inbound_http2_refused_requests_total{reason="connect"} 2');
  expect(lines).toContain("inbound_http2_queued_bytes 5");
  expect(lines).toContain("inbound_http2_crowded_total 6");
  expect(lines).toContain("inbound_http2_hoarder_resets_total 7");
  expect(lines).toContain("inbound_http2_wait_timeouts_total 4");
  expect(lines).toContain("inbound_http2_slow_heads_total 1");
});

describe("TransportMetrics", () => {
  test("counts bytes in place and connections as they open and close", () => {
    const registry = new Registry();
    const cells = new TransportMetrics(registry).cells({ direction: "inbound", peer: "src" });
    cells.opened();
    cells.opened();
    cells.readBytes += 100;
    cells.writtenBytes += 7;
    cells.closed(new MeshError("connection-reset", "Reset"));
    const lines = text(registry).split("\n");
    expect(lines).toContain('tcp_open_total{direction="inbound",peer="src"} 2');
    expect(lines).toContain('tcp_open_connections{direction="inbound",peer="src"} 1');
    expect(lines).toContain('tcp_close_total{direction="inbound",errno="ECONNRESET",peer="src"} 1');
    expect(lines).toContain('tcp_read_bytes_total{direction="inbound",peer="src"} 100');
    expect(lines).toContain('tcp_write_bytes_total{direction="inbound",peer="src"} 7');
  });

  test("gives an orderly close an empty errno", () => {
    const registry = new Registry();
    const cells = new TransportMetrics(registry).cells({});
    cells.opened();
    cells.closed(null);
    expect(text(registry)).toContain('tcp_close_total{errno=""} 1');
  });
});

describe("labels", () => {
  test("tell meshed, plain and passed-through connections apart", () => {
    expect(serverTlsLabels({ kind: "meshed", clientId: "web.ns" })).toEqual({ tls: "true", client_id: "web.ns" });
    expect(serverTlsLabels({ kind: "none", reason: "no_tls_from_remote" })).toEqual({
      tls: "no_identity",
      no_tls_reason: "no_tls_from_remote",
    });
    expect(serverTlsLabels({ kind: "passthrough", serverName: "a.b" })).toEqual({ tls: "opaque", sni: "a.b" });
    expect(clientTlsLabels({ identity: "web.ns", serverName: "web.ns" }, true)).toEqual({
      tls: "true",
      server_id: "web.ns",
    });
    expect(clientTlsLabels(null, true)["no_tls_reason"]).toBe("not_provided_by_service_discovery");
    expect(clientTlsLabels(null, false)).toEqual({ tls: "disabled" });
  });

  test("carry the target and the destination's labels with a prefix", () => {
    expect(targetLabels({ ip: "fd00::1", port: 80 })["target_addr"]).toBe("[fd00::1]:80");
    expect(destinationLabels({ deployment: "web", "pod-template-hash": "x" })).toEqual({
      dst_deployment: "web",
      dst_pod_template_hash: "x",
    });
  });
});
