import { describe, expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import type { TransportCells } from "../http/ports.ts";
import type { Endpoint } from "../outbound/ports.ts";
import { P2cBalancer } from "./balancer.ts";
import type { EndpointInfo } from "./endpoint.ts";
import { PeakEwma } from "./ewma.ts";

const noCells: TransportCells = { readBytes: 0, writtenBytes: 0, opened() {}, closed() {} };
const refused = new MeshError("connection-refused", "Refused");

const info = (ip: string, weight = 10_000): EndpointInfo => ({
  addr: { ip, port: 80 },
  tls: null,
  transportPort: null,
  authorityOverride: null,
  weight,
  labels: {},
});

function balancer(options: { capacity?: number } = {}) {
  const clock = new FakeClock();
  const subject = new P2cBalancer({
    clock,
    random: seededRandom(1),
    connectBackoff: { min: 100, max: 1000, jitter: 0 },
    queueCapacity: options.capacity ?? 10,
    failfastTimeout: 3000,
    transport: () => noCells,
  });
  return { clock, subject };
}

class Waiter {
  endpoint: Endpoint | null = null;
  refusal: string | null = null;
  onEndpoint(endpoint: Endpoint): void {
    this.endpoint = endpoint;
    endpoint.started();
  }
  onRefused(cause: string): void {
    this.refusal = cause;
  }
}

function shares(subject: P2cBalancer, picks: number): Record<string, number> {
  const out: Record<string, number> = {};
  for (let i = 0; i < picks; i++) {
    const ip = subject.pick()?.addr.ip ?? "none";
    out[ip] = (out[ip] ?? 0) + 1;
  }
  return out;
}

describe("P2cBalancer", () => {
  test("prefers the endpoint that answers faster", () => {
    const { subject } = balancer();
    subject.update([info("10.0.0.1"), info("10.0.0.2")]);
    for (const endpoint of subject.all()) endpoint.responded(endpoint.addr.ip === "10.0.0.1" ? 5 : 500, 200);
    expect(shares(subject, 100)).toEqual({ "10.0.0.1": 100 });
  });

  test("prefers the endpoint with less in flight", () => {
    const { subject } = balancer();
    subject.update([info("10.0.0.1"), info("10.0.0.2")]);
    subject.all()[0]?.started();
    expect(shares(subject, 50)).toEqual({ "10.0.0.2": 50 });
  });

  test("spreads over equal endpoints and never picks one twice out of two", () => {
    const { subject } = balancer();
    subject.update(["1", "2", "3", "4"].map((n) => info(`10.0.0.${n}`)));
    const picked: Endpoint[] = [];
    for (let i = 0; i < 400; i++) {
      const endpoint = subject.pick();
      endpoint?.started();
      if (endpoint) picked.push(endpoint);
    }
    for (const endpoint of subject.all()) expect(endpoint.inFlight).toBeWithin(80, 120);
    for (const endpoint of picked) endpoint.ended(false);
    expect(subject.all().map((endpoint) => endpoint.inFlight)).toEqual([0, 0, 0, 0]);
  });

  test("lets a lighter endpoint carry less", () => {
    const { subject } = balancer();
    subject.update([info("10.0.0.1", 1000), info("10.0.0.2", 10_000)]);
    for (let i = 0; i < 110; i++) subject.pick()?.started();
    expect(subject.all()[0]?.inFlight).toBeWithin(5, 16);
  });

  test("keeps load and connections of endpoints that stay, and retires those that go", () => {
    const { subject } = balancer();
    subject.update([info("10.0.0.1"), info("10.0.0.2")]);
    const [kept, dropped] = subject.all();
    let retired = 0;
    if (dropped !== undefined) dropped.connections = { retire: () => retired++ };
    subject.update([info("10.0.0.1"), info("10.0.0.3")]);
    expect(subject.all()[0]).toBe(kept as never);
    expect(retired).toBe(1);
    dropped?.connectFailed(refused);
    expect(shares(subject, 50)["10.0.0.2"]).toBeUndefined();
  });

  test("takes an endpoint out for a backoff when connecting fails, then lets exactly one request probe it", () => {
    const { subject, clock } = balancer();
    subject.update([info("10.0.0.1")]);
    const endpoint = subject.pick();
    endpoint?.started();
    endpoint?.connectFailed(refused);
    endpoint?.ended(true);
    expect(subject.pick()).toBeNull();
    clock.advance(99);
    expect(subject.pick()).toBeNull();
    clock.advance(1);
    const probe = subject.pick();
    probe?.started();
    expect(probe).toBe(endpoint);
    expect(subject.pick()).toBeNull();
    probe?.connectFailed(refused);
    probe?.ended(true);
    clock.advance(199);
    expect(subject.pick()).toBeNull();
    clock.advance(1);
    subject.pick()?.started();
    endpoint?.connected();
    expect(subject.pick()).toBe(endpoint);
    expect(clock.timers).toBe(0);
  });

  test("takes a probe's answer as proof, also when no new connection was needed for it", () => {
    const { subject, clock } = balancer();
    subject.update([info("10.0.0.1")]);
    subject.pick()?.connectFailed(refused);
    clock.advance(100);
    const probe = subject.pick();
    probe?.started();
    expect(subject.pick()).toBeNull();
    probe?.responded(3, 200);
    expect([subject.pick(), subject.counts.ready]).toEqual([probe, 1]);
    probe?.ended(false);
    expect([subject.pick(), subject.counts.ready]).toEqual([probe, 1]);
  });

  test("lets the next request probe when the probing one went away without an outcome", () => {
    const { subject, clock } = balancer();
    subject.update([info("10.0.0.1")]);
    subject.pick()?.connectFailed(refused);
    clock.advance(100);
    const probe = subject.pick();
    probe?.started();
    probe?.ended(true);
    expect(subject.pick()).toBe(probe);
  });

  test("queues requests until the first endpoint comes", () => {
    const { subject, clock } = balancer();
    const [a, b, gone] = [new Waiter(), new Waiter(), new Waiter()];
    for (const waiter of [a, b, gone]) expect(subject.wait(waiter)).toBe("queued");
    subject.giveUp(gone);
    clock.advance(2999);
    subject.update([info("10.0.0.1")]);
    expect([a.endpoint?.addr.ip, b.endpoint?.addr.ip, gone.endpoint]).toEqual(["10.0.0.1", "10.0.0.1", null]);
    expect(clock.timers).toBe(0);
  });

  test("shuts the gate after the failfast time and opens it when an endpoint connects", () => {
    const { subject, clock } = balancer();
    subject.update([info("10.0.0.1")]);
    const endpoint = subject.pick();
    endpoint?.connectFailed(refused);
    const waiter = new Waiter();
    // The waiter becomes the probe of the first backoff and fails; the next one waits until failfast.
    subject.wait(waiter);
    clock.advance(100);
    waiter.endpoint?.connectFailed(refused);
    waiter.endpoint?.ended(true);
    subject.update([]);
    const second = new Waiter();
    expect(subject.wait(second)).toBe("queued");
    clock.advance(3000);
    expect(second.refusal).toBe("failfast");
    expect(subject.wait(new Waiter())).toBe("failfast");
    subject.update([info("10.0.0.2")]);
    expect(subject.pick()?.addr.ip).toBe("10.0.0.2");
    expect(subject.counts.gateShut).toBe(false);
  });

  test("sheds load beyond the queue's capacity", () => {
    const { subject } = balancer({ capacity: 1 });
    expect(subject.wait(new Waiter())).toBe("queued");
    expect(subject.wait(new Waiter())).toBe("load-shed");
  });

  test("refuses whoever waits when it closes", () => {
    const { subject, clock } = balancer();
    const waiter = new Waiter();
    subject.wait(waiter);
    subject.close();
    expect(waiter.refusal).toBe("failfast");
    expect(clock.timers).toBe(0);
  });
});

describe("PeakEwma", () => {
  test("jumps to a peak at once and comes down over the decay time", () => {
    const ewma = new PeakEwma(0, 30, 10_000);
    ewma.add(200, 0);
    expect(ewma.at(0)).toBe(200);
    ewma.add(10, 10_000);
    expect(ewma.at(10_000)).toBeCloseTo(10 + 190 / Math.E, 5);
  });

  test("never goes below the floor of 1 ms", () => {
    const ewma = new PeakEwma(0, 30, 10_000);
    ewma.add(0.01, 1e6);
    expect(ewma.at(1e6)).toBe(1);
    expect(ewma.at(1e9)).toBe(1);
  });
});
