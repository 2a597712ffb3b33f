import { expect, test } from "bun:test";
import { Registry } from "#lib/metrics/registry.ts";
import { text } from "#lib/metrics/text.ts";
import type { ResourceRef } from "./labels.ts";
import { RouteMetrics } from "./route-metrics.ts";

const service = (name: string): ResourceRef => ({
  group: "core",
  kind: "Service",
  namespace: "ns",
  name,
  port: "80",
  section: "",
});
const route: ResourceRef = {
  group: "gateway.networking.k8s.io",
  kind: "HTTPRoute",
  namespace: "ns",
  name: "r",
  port: "",
  section: "",
};
const refs = { parent: service("web"), route, backend: service("web-v2") };
const parent =
  'parent_group="core",parent_kind="Service",parent_name="web",parent_namespace="ns",parent_port="80",parent_section_name=""';
const from = 'route_group="gateway.networking.k8s.io",route_kind="HTTPRoute",route_name="r",route_namespace="ns"';
const backend =
  'backend_group="core",backend_kind="Service",backend_name="web-v2",backend_namespace="ns",backend_port="80",backend_section_name=""';

function lines(registry: Registry, ...families: string[]): string[] {
  return text(registry)
    .split("\n")
    .filter((line) => families.some((family) => line.startsWith(`${family}{`)));
}

test("requests are counted by route and by backend, with their status or what went wrong", () => {
  const registry = new Registry();
  const cells = new RouteMetrics(registry).cells(refs, false);
  expect(text(registry)).toBe("");
  cells.ended(200, -1, 60, null);
  cells.ended(200, 13, 60, null);
  cells.ended(504, -1, 3000, "FAIL_FAST");
  const statuses = "outbound_http_route_request_statuses_total";
  expect(lines(registry, statuses)).toEqual([
    `${statuses}{error="",http_status="200",${parent},${from}} 2`,
    `${statuses}{error="FAIL_FAST",http_status="",${parent},${from}} 1`,
  ]);
  expect(lines(registry, "outbound_http_route_backend_response_statuses_total")[0]).toEndWith(
    `{${backend},error="",http_status="200",${parent},${from}} 2`,
  );
  expect(lines(registry, "outbound_http_route_backend_requests_total")).toEqual([
    `outbound_http_route_backend_requests_total{${backend},${parent},${from}} 3`,
  ]);
  expect(
    lines(registry, "outbound_http_route_request_duration_seconds_bucket").map((line) => line.split(" ")[1]),
  ).toEqual(["0", "2", "2", "3", "3"]);
  expect(lines(registry, "outbound_http_route_backend_response_duration_seconds_count")[0]).toEndWith(" 3");
});

test("those of a route for gRPC have gRPC's status", () => {
  const registry = new Registry();
  const cells = new RouteMetrics(registry).cells(refs, true);
  cells.ended(200, 0, 1, null);
  cells.ended(200, 14, 1, null);
  cells.ended(200, -1, 1, null);
  cells.ended(0, -1, 1, "CANCEL");
  const statuses = lines(registry, "outbound_grpc_route_request_statuses_total");
  expect(statuses.map((line) => /error="(\w*)",grpc_status="(\w*)"/.exec(line)?.slice(1).join())).toEqual([
    ",OK",
    ",UNAVAILABLE",
    ",UNKNOWN",
    "CANCEL,UNKNOWN",
  ]);
});

test("requests are told apart by the name they ask for, where that is wanted, up to a bound", () => {
  const registry = new Registry();
  const cells = new RouteMetrics(registry, true).cells(refs, false);
  cells.of("a.test:80").ended(200, -1, 1, null);
  cells.of("a.test:80").ended(200, -1, 1, null);
  for (let at = 0; at < 200; at++) cells.of(`h${at}.test`).ended(200, -1, 1, null);
  const lines = text(registry)
    .split("\n")
    .filter((line) => line.startsWith("outbound_http_route_backend_requests_total{"));
  expect(lines.find((line) => line.includes('hostname="a.test"'))).toEndWith(" 2");
  expect(lines.length).toBe(101);
  expect(lines.find((line) => line.includes('hostname=""'))).toEndWith(" 101");
  const without = new RouteMetrics(new Registry()).cells(refs, false);
  expect(without.of("a.test")).toBe(without);
});
