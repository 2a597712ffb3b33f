import { describe, expect, test } from "bun:test";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { affinityKey, hashOf, noKey } from "./affinity.ts";
import { P2cBalancer } from "./balancer.ts";
import { plainBalancing, type Balancing } from "./balancing.ts";
import type { BalancedEndpoint, EndpointInfo } from "./endpoint.ts";

const info = (ip: string, more: Partial<EndpointInfo> = {}): EndpointInfo => ({
  addr: { ip, port: 80 },
  tls: null,
  transportPort: null,
  authorityOverride: null,
  weight: 10_000,
  labels: {},
  ...more,
});

function balancer(balancing: Partial<Balancing> = {}) {
  const clock = new FakeClock();
  const subject = new P2cBalancer({
    balancing: { ...plainBalancing, ...balancing },
    clock,
    random: seededRandom(7),
    connectBackoff: { min: 100, max: 1000, jitter: 0 },
    queueCapacity: 10,
    failfastTimeout: 3000,
    transport: () => ({ readBytes: 0, writtenBytes: 0, opened() {}, closed() {} }),
  });
  return { clock, subject };
}

function shareOf(subject: P2cBalancer, ip: string, picks = 2000): number {
  let count = 0;
  for (let i = 0; i < picks; i++) if (subject.pick()?.addr.ip === ip) count++;
  return count / picks;
}

const at = (subject: P2cBalancer, index: number): BalancedEndpoint => subject.all()[index] as BalancedEndpoint;

const consecutive = { maxFailures: 1, successRate: null, backoff: { min: 1000, max: 60_000, jitter: 0 } };

function failAll(subject: P2cBalancer): number {
  for (const endpoint of subject.all()) {
    endpoint.started();
    endpoint.judged("failure");
    endpoint.ended(false);
  }
  return subject.all().filter((endpoint) => !endpoint.usable).length;
}

describe("weights", () => {
  test("divide requests in proportion when nothing else tells endpoints apart", () => {
    const { subject } = balancer();
    subject.update([info("10.0.0.1", { weight: 10_000 }), info("10.0.0.2", { weight: 30_000 })]);
    expect(shareOf(subject, "10.0.0.1")).toBeWithin(0.2, 0.3);
  });
});

describe("slow start", () => {
  test("gives a new endpoint a share that grows from a tenth to the whole", () => {
    const { clock, subject } = balancer({ slowStart: 10_000 });
    const old = [info("10.0.0.1"), info("10.0.0.2"), info("10.0.0.3")];
    subject.update(old);
    expect(shareOf(subject, "10.0.0.1")).toBeWithin(0.28, 0.39);
    subject.update([...old, info("10.0.0.4")]);
    expect(shareOf(subject, "10.0.0.4")).toBeWithin(0.01, 0.06);
    clock.advance(5000);
    expect(shareOf(subject, "10.0.0.4")).toBeWithin(0.08, 0.2);
    clock.advance(5000);
    expect(shareOf(subject, "10.0.0.4")).toBeWithin(0.2, 0.3);
  });

  test("holds for an endpoint whose failures are over", () => {
    const { clock, subject } = balancer({ slowStart: 10_000, accrual: consecutive });
    subject.update([info("10.0.0.1"), info("10.0.0.2"), info("10.0.0.3")]);
    const endpoint = at(subject, 0);
    endpoint.started();
    endpoint.judged("failure");
    endpoint.ended(false);
    clock.advance(1000);
    endpoint.started();
    endpoint.judged("success");
    endpoint.ended(false);
    expect(shareOf(subject, "10.0.0.1")).toBeLessThan(0.1);
  });
});

describe("the limit to what failures take out of use", () => {
  test("keeps so many endpoints in use, and counts those that it spared", () => {
    const { subject } = balancer({ accrual: consecutive, ejection: { minReady: 2, maxShare: 0 } });
    subject.update(["1", "2", "3", "4"].map((n) => info(`10.0.0.${n}`)));
    expect(failAll(subject)).toBe(2);
    expect(subject.ejections).toEqual({ ejected: 2, spared: 2 });
  });

  test("takes no more than a share of them", () => {
    const { subject } = balancer({ accrual: consecutive, ejection: { minReady: 0, maxShare: 0.5 } });
    subject.update(["1", "2", "3", "4", "5"].map((n) => info(`10.0.0.${n}`)));
    expect(failAll(subject)).toBe(2);
  });

  test("lets one of two go, and never the only one", () => {
    const { subject } = balancer({ accrual: consecutive, ejection: { minReady: 0, maxShare: 0.1 } });
    subject.update([info("10.0.0.1"), info("10.0.0.2")]);
    expect(failAll(subject)).toBe(1);
    subject.update([info("10.0.0.3")]);
    expect(failAll(subject)).toBe(0);
  });

  test("is not there by default, as in Linkerd", () => {
    const { subject } = balancer({ accrual: consecutive });
    subject.update([info("10.0.0.1"), info("10.0.0.2")]);
    expect(failAll(subject)).toBe(2);
  });
});

describe("a pause that a server asks for", () => {
  const asked = (honorRetryAfter: boolean) => {
    const { clock, subject } = balancer({ accrual: { ...consecutive, honorRetryAfter } });
    subject.update([info("10.0.0.1")]);
    const endpoint = at(subject, 0);
    expect(endpoint.wantsHints).toBe(honorRetryAfter);
    endpoint.started();
    endpoint.hinted(true, 5000);
    endpoint.judged("failure");
    endpoint.ended(false);
    clock.advance(4999);
    return { clock, endpoint };
  };

  test("is how long the endpoint stays out of use when that is wanted", () => {
    const { clock, endpoint } = asked(true);
    expect(endpoint.usable).toBe(false);
    clock.advance(1);
    expect(endpoint.usable).toBe(true);
  });

  test("makes no difference otherwise", () => {
    expect(asked(false).endpoint.usable).toBe(true);
  });
});

describe("zones", () => {
  const near = (ip: string) => info(ip, { labels: { zone_locality: "local" } });
  const far = (ip: string) => info(ip, { labels: { zone_locality: "remote" } });
  const shareOfFar = (subject: P2cBalancer) => 1 - shareOfNear(subject);
  const shareOfNear = (subject: P2cBalancer, picks = 2000) => {
    let count = 0;
    for (let i = 0; i < picks; i++) if (subject.pick()?.addr.ip.startsWith("10.0.") === true) count++;
    return count / picks;
  };

  test("keep requests in the client's zone while enough of its endpoints are in use, then let them spill over", () => {
    const { subject } = balancer({ zone: 0.8, accrual: consecutive });
    subject.update([...["1", "2", "3", "4"].map((n) => near(`10.0.0.${n}`)), far("10.9.0.1"), far("10.9.0.2")]);
    expect(shareOfFar(subject)).toBe(0);
    for (const index of [0, 1]) {
      at(subject, index).started();
      at(subject, index).judged("failure");
      at(subject, index).ended(false);
    }
    // Two of four are left, and 3.2 are wanted.
    expect(shareOfFar(subject)).toBeWithin(0.32, 0.43);
    for (const index of [2, 3]) {
      at(subject, index).started();
      at(subject, index).judged("failure");
      at(subject, index).ended(false);
    }
    expect(shareOfFar(subject)).toBe(1);
  });

  test("make no difference where all are elsewhere, or nobody asked for it", () => {
    const elsewhere = balancer({ zone: 0.7 }).subject;
    elsewhere.update([far("10.9.0.1"), far("10.9.0.2")]);
    expect(shareOfFar(elsewhere)).toBe(1);
    const { subject } = balancer();
    subject.update([near("10.0.0.1"), far("10.9.0.1")]);
    expect(shareOf(subject, "10.9.0.1")).toBeWithin(0.45, 0.55);
  });
});

describe("requests that belong together", () => {
  const ips = Array.from({ length: 10 }, (_, n) => `10.0.0.${n + 1}`);
  const keys = Array.from({ length: 2000 }, (_, n) => hashOf(`user-${n}`));
  const places = (subject: P2cBalancer) => keys.map((key) => subject.pick(key)?.addr.ip ?? "none");

  test("go to one endpoint, evenly over all keys, whatever its load is", () => {
    const { subject } = balancer({ affinity: { kind: "header", name: "x-user" } });
    subject.update(ips.map((ip) => info(ip)));
    const before = places(subject);
    for (const endpoint of subject.all()) for (let i = 0; i < 10; i++) endpoint.started();
    expect(places(subject)).toEqual(before);
    for (const ip of ips) expect(before.filter((place) => place === ip).length).toBeWithin(150, 250);
  });

  test("move only when their endpoint goes, or to one that comes", () => {
    const { subject } = balancer({ affinity: { kind: "header", name: "x-user" } });
    subject.update(ips.map((ip) => info(ip)));
    const before = places(subject);
    subject.update(ips.slice(1).map((ip) => info(ip)));
    const after = places(subject);
    expect(after.filter((place, n) => place !== before[n] && before[n] !== "10.0.0.1")).toEqual([]);
    subject.update(ips.map((ip) => info(ip)));
    expect(places(subject)).toEqual(before);
  });

  test("are divided by weight", () => {
    const { subject } = balancer({ affinity: { kind: "header", name: "x-user" } });
    subject.update([info("10.0.0.1", { weight: 10_000 }), info("10.0.0.2", { weight: 30_000 })]);
    expect(places(subject).filter((place) => place === "10.0.0.1").length).toBeWithin(420, 580);
  });

  test("are known by a header, a cookie or the client's address", () => {
    const head = parseRequestHead(
      "GET / HTTP/1.1\r\nhost: web\r\nX-User: ann\r\nCookie: a=1; session=s1\r\nCookie: session=s2\r\n",
    );
    expect(affinityKey({ kind: "header", name: "x-user" }, head, "10.1.1.1")).toBe(hashOf("ann"));
    expect(affinityKey({ kind: "cookie", name: "session" }, head, "10.1.1.1")).toBe(hashOf("s1"));
    expect(affinityKey({ kind: "source" }, head, "10.1.1.1")).toBe(hashOf("10.1.1.1"));
    expect(affinityKey({ kind: "header", name: "x-none" }, head, "10.1.1.1")).toBe(noKey);
    expect(affinityKey({ kind: "cookie", name: "none" }, head, "10.1.1.1")).toBe(noKey);
  });
});

describe("an endpoint that asks for fewer requests", () => {
  const bias = { penalty: 5000, maxRetryAfter: 30_000, decay: 1000 };

  test("gets none while the penalty lasts, and as many as others when it is forgotten", () => {
    const { clock, subject } = balancer({ bias });
    subject.update([info("10.0.0.1"), info("10.0.0.2")]);
    at(subject, 0).hinted(true, 0);
    at(subject, 0).responded(1, 429);
    at(subject, 1).responded(30, 200);
    expect(shareOf(subject, "10.0.0.1")).toBe(0);
    clock.advance(10_000);
    expect(shareOf(subject, "10.0.0.1")).toBeGreaterThan(0.4);
  });

  test("is believed up to a limit when it says for how long", () => {
    const { clock, subject } = balancer({ bias });
    subject.update([info("10.0.0.1"), info("10.0.0.2")]);
    at(subject, 0).hinted(true, 20_000);
    expect(at(subject, 0).cost(clock.now())).toBe(20_000);
    at(subject, 1).hinted(true, 3_600_000);
    expect(at(subject, 1).cost(clock.now())).toBe(30_000);
  });
});
