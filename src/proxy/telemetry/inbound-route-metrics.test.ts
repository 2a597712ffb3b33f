import { describe, expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { text } from "#lib/metrics/text.ts";
import { InboundRouteMetrics } from "./inbound-route-metrics.ts";

const parent = { group: "policy.linkerd.io", kind: "server", namespace: "ns", name: "web", port: "8080", section: "" };
const route = {
  group: "gateway.networking.k8s.io",
  kind: "HTTPRoute",
  namespace: "ns",
  name: "r",
  port: "",
  section: "",
};
const labels =
  'parent_group="policy.linkerd.io",parent_kind="server",parent_name="web",parent_namespace="ns",parent_port="8080",' +
  'parent_section_name="",route_group="gateway.networking.k8s.io",route_kind="HTTPRoute",route_name="r",route_namespace="ns"';

/** Lines of a family, without the labels that all have. */
function lines(registry: Registry, family: string): string[] {
  return text(registry)
    .split("\n")
    .filter((line) => line.startsWith(family))
    .map((line) => line.replace(labels, "…"));
}

describe("The inbound families of routes", () => {
  test("print nothing for a route without requests", () => {
    const registry = new Registry();
    new InboundRouteMetrics(registry).cells(parent, route, false);
    expect(text(registry)).toBe("");
  });

  test("count requests, statuses, times and the parts of bodies by Server and route", () => {
    const registry = new Registry();
    const cells = new InboundRouteMetrics(registry).cells(parent, route, false);
    cells.started();
    cells.requestFrame(100);
    cells.requestFrame(20_000);
    cells.responseFrame(1024);
    cells.ended(200, -1, 60, 30, null);
    cells.started();
    cells.ended(0, -1, 5, null, "CANCEL");
    expect(lines(registry, "inbound_http_requests_total")).toEqual(["inbound_http_requests_total{…} 2"]);
    expect(text(registry)).toContain('error="",http_status="200",');
    expect(text(registry)).toContain('error="CANCEL",http_status="",');
    expect(lines(registry, "inbound_http_request_duration_seconds")).toEqual([
      'inbound_http_request_duration_seconds_bucket{…,le="0.05"} 1',
      'inbound_http_request_duration_seconds_bucket{…,le="0.5"} 2',
      'inbound_http_request_duration_seconds_bucket{…,le="1"} 2',
      'inbound_http_request_duration_seconds_bucket{…,le="10"} 2',
      'inbound_http_request_duration_seconds_bucket{…,le="+Inf"} 2',
      "inbound_http_request_duration_seconds_sum{…} 0.065",
      "inbound_http_request_duration_seconds_count{…} 2",
    ]);
    expect(lines(registry, "inbound_http_response_duration_seconds_bucket").slice(0, 2)).toEqual([
      'inbound_http_response_duration_seconds_bucket{…,le="0.025"} 0',
      'inbound_http_response_duration_seconds_bucket{…,le="0.05"} 1',
    ]);
    expect(lines(registry, "inbound_http_request_frame_size_bucket")).toEqual([
      'inbound_http_request_frame_size_bucket{…,le="128"} 1',
      'inbound_http_request_frame_size_bucket{…,le="1024"} 1',
      'inbound_http_request_frame_size_bucket{…,le="10240"} 1',
      'inbound_http_request_frame_size_bucket{…,le="+Inf"} 2',
    ]);
    expect(lines(registry, "inbound_http_response_frame_size_bucket")[1]).toContain('le="1024"} 1');
  });

  test("name the status of gRPC, and count it apart from HTTP", () => {
    const registry = new Registry();
    const cells = new InboundRouteMetrics(registry).cells(parent, route, true);
    cells.started();
    cells.ended(200, 14, 5, 1, null);
    expect(text(registry)).toContain('inbound_grpc_statuses_total{error="",grpc_status="UNAVAILABLE",');
    expect(text(registry)).not.toContain("inbound_http_");
  });

  test("go when nobody uses the route any more", async () => {
    const clock = new FakeClock();
    const registry = new Registry({ clock, retain: 1000 });
    const metrics = new InboundRouteMetrics(registry);
    for (let at = 0; at < 50; at++) metrics.cells(parent, { ...route, name: `r${at}` }, false).started();
    expect(lines(registry, "inbound_http_requests_total").length).toBe(50);
    clock.advance(1001);
    for (let turn = 0; turn < 5; turn++) {
      text(registry);
      await new Promise((resolve) => setImmediate(resolve));
      Bun.gc(true);
    }
    expect(lines(registry, "inbound_http_requests_total").length).toBeLessThan(25);
  });
});
