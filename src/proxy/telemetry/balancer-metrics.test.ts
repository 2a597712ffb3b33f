import { expect, test } from "bun:test";
import { Registry } from "#lib/metrics/registry.ts";
import { text } from "#lib/metrics/text.ts";
import { MeshError } from "#lib/errors.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { P2cBalancer } from "../balance/balancer.ts";
import { BalancerUse } from "../balance/balancer-use.ts";
import type { EndpointInfo } from "../balance/endpoint.ts";
import type { PickWaiter } from "../outbound/ports.ts";
import { BalancerMetrics } from "./balancer-metrics.ts";

const info = (ip: string): EndpointInfo => ({
  addr: { ip, port: 80 },
  tls: null,
  transportPort: null,
  authorityOverride: null,
  weight: 10_000,
  labels: {},
});
const waiter = (): PickWaiter => ({ onEndpoint: (endpoint) => endpoint.started(), onRefused() {} });

function setUp() {
  const clock = new FakeClock();
  const registry = new Registry({ clock });
  const balancer = new P2cBalancer({
    clock,
    random: seededRandom(1),
    connectBackoff: { min: 100, max: 1000, jitter: 0 },
    queueCapacity: 2,
    failfastTimeout: 3000,
    transport: () => ({ readBytes: 0, writtenBytes: 0, opened() {}, closed() {} }),
  });
  const series = new BalancerMetrics(registry, "outbound_http").series({ backend_name: "web" });
  const use = new BalancerUse(balancer, (waited) => series.waited(waited));
  const read = (): Record<string, string> => {
    series.update(use);
    const lines = text(registry).split("\n");
    return Object.fromEntries(
      lines
        .filter((line) => line.startsWith("outbound_http_balancer_"))
        .map((line) => line.slice("outbound_http_balancer_".length).replace('backend_name="web"', ""))
        .map((line) => [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)]),
    );
  };
  return { clock, registry, balancer, series, use, read };
}

test("endpoints are counted by state, and discovery updates by what they did", () => {
  const { balancer, use, read } = setUp();
  balancer.update([info("10.0.0.1"), info("10.0.0.2")]);
  balancer.update([info("10.0.0.2"), info("10.0.0.3")]);
  balancer.update([info("10.0.0.2"), info("10.0.0.3")]);
  balancer.update([info("10.0.0.2")]);
  balancer.update([info("10.0.0.2"), info("10.0.0.3")]);
  balancer.all()[0]?.connectFailed(new MeshError("connection-refused", "Refused"));
  expect(use.pick()?.addr.ip).toBe("10.0.0.3");
  expect(read()).toMatchObject({
    'endpoints{,endpoint_state="ready"}': "1",
    'endpoints{,endpoint_state="pending"}': "1",
    "p2c_endpoints{}": "2",
    'p2c_updates_total{,op="Reset"}': "1",
    'p2c_updates_total{,op="Add"}': "2",
    'p2c_updates_total{,op="Remove"}': "2",
  });
});

test("requests are counted with the time that they waited, once each", () => {
  const { clock, balancer, use, read } = setUp();
  for (let count = 0; count < 2; count++) {
    expect(use.pick()).toBeNull();
    expect(use.wait(waiter())).toBe("queued");
  }
  expect(use.pick()).toBeNull();
  expect(use.wait(waiter())).toBe("load-shed");
  expect(read()).toMatchObject({ "queue_length{}": "2", "queue_requests_total{}": "2" });
  clock.advance(700);
  balancer.update([info("10.0.0.1")]);
  for (let count = 0; count < 5; count++) use.pick();
  for (let count = 0; count < 2; count++) {
    expect(read()).toMatchObject({
      "queue_length{}": "0",
      "queue_requests_total{}": "7",
      'queue_latency_seconds_bucket{,le="0.0005"}': "5",
      'queue_latency_seconds_bucket{,le="0.5"}': "5",
      'queue_latency_seconds_bucket{,le="1"}': "7",
      "queue_latency_seconds_count{}": "7",
      "queue_latency_seconds_sum{}": "1.4",
    });
  }
});

test("the failfast gate's changes and times are there once it has moved", () => {
  const { clock, balancer, use, read } = setUp();
  use.pick();
  use.wait(waiter());
  expect(read()).toMatchObject({ "queue_gate_timeout_seconds{}": "3", "queue_gate_shut_total{}": "0" });
  clock.advance(3000);
  const shut = clock.wall() / 1000;
  clock.advance(1000);
  balancer.update([info("10.0.0.1")]);
  expect(read()).toMatchObject({
    "queue_gate_shut_total{}": "1",
    "queue_gate_open_total{}": "1",
    "queue_gate_shut_time{}": String(shut),
    "queue_gate_open_time{}": String(shut + 1),
    'queue_latency_seconds_bucket{,le="3"}': "1",
  });
});

test("a balancer that is gone keeps its counts and nothing else", () => {
  const { balancer, series, use, registry } = setUp();
  balancer.update([info("10.0.0.1")]);
  use.pick();
  balancer.close();
  series.end(use);
  const names = text(registry).matchAll(/^outbound_http_balancer_(\w+)\{/gm);
  expect([...new Set([...names].map((match) => match[1]?.replace(/_(bucket|sum|count)$/, "")))]).toEqual([
    "p2c_updates_total",
    "queue_gate_open_total",
    "queue_gate_shut_total",
    "queue_latency_seconds",
    "queue_requests_total",
  ]);
});
