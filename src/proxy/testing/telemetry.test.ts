/** What a pair of proxies counts of traffic that goes through it. */
import { expect, test } from "bun:test";
import type { SocketAddr } from "#lib/net/socket.ts";
import { eventually, makeBed } from "./bed.ts";
import type { TestProxy } from "./harness.ts";

const service: SocketAddr = { ip: "10.96.0.10", port: 80 };
const name = "web.ns.svc.cluster.local";

const bed = makeBed();

const valueOf = (line: string | undefined): number => Number(line?.split(" ").at(-1));

test("Requests are counted by route on both sides, with the parts of their bodies", async () => {
  const target = bed.app(async (request) => new Response(`${await request.text()}!`));
  const inbound = bed.started({ inboundDst: target });
  bed.control.setService(service, name, [{ ip: "127.0.0.1", port: inbound.proxy.inbound.port }]);
  const outbound = bed.started({ outboundDst: service });
  const response = await fetch(outbound.outboundUrl, { method: "POST", body: "x".repeat(500) });
  expect((await response.text()).length).toBe(501);

  const route = ['parent_name="all-unauthenticated"', `parent_port="${target.port}"`, 'route_name="default"'];
  expect(valueOf(inbound.series("inbound_http_requests_total", ...route)[0])).toBe(1);
  expect(valueOf(inbound.series("inbound_http_statuses_total", 'http_status="200"', 'error=""')[0])).toBe(1);
  for (const family of ["request_duration_seconds", "response_duration_seconds"])
    expect(valueOf(inbound.series(`inbound_http_${family}_count`, ...route)[0])).toBe(1);
  const parts = (proxy: TestProxy, family: string): number => valueOf(proxy.series(`${family}_sum`)[0]);
  expect(parts(inbound, "inbound_http_request_frame_size")).toBe(500);
  expect(parts(inbound, "inbound_http_response_frame_size")).toBe(501);
  expect(parts(outbound, "outbound_http_route_request_frame_size")).toBe(500);
  expect(parts(outbound, "outbound_http_route_backend_response_frame_size")).toBe(501);
  const cost = outbound.series("outbound_tcp_transfer_cost_bytes_total", 'op="send"', 'zone_locality="unknown"');
  expect(valueOf(cost[0])).toBeGreaterThan(500);
  expect(valueOf(outbound.series("control_dns_resolutions_total", 'result="success"')[0])).toBeGreaterThan(0);
  expect(outbound.metrics()).toContain("# TYPE proxy_event_loop_lag_seconds histogram\n");
});

test("Connections that are passed on as bytes are counted by their route", async () => {
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket, data) => void socket.end(data) },
  });
  bed.after(() => server.stop(true));
  bed.control.setService(service, name, [{ ip: "127.0.0.1", port: server.port }], { opaque: true });
  const outbound = bed.started({ outboundDst: service });
  const { port } = new URL(outbound.outboundUrl);
  await new Promise<void>((resolve, reject) => {
    Bun.connect({
      hostname: "127.0.0.1",
      port: Number(port),
      socket: {
        open: (socket) => void socket.write("hello"),
        data() {},
        end: (socket) => void socket.end(),
        close: () => resolve(),
        error: (_socket, error) => reject(error),
      },
    }).catch(reject);
  });
  const labels = ['parent_name="web"', 'route_name="opaque"'];
  const closes = (): string[] => outbound.series("outbound_tcp_route_close_total", 'error=""', ...labels);
  await eventually(() => closes().length > 0);
  expect(valueOf(outbound.series("outbound_tcp_route_open_total", ...labels)[0])).toBe(1);
  expect(valueOf(closes()[0])).toBe(1);
});
