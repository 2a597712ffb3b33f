import { describe, expect, test } from "bun:test";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { Accrual, type AccrualOptions } from "./accrual.ts";
import { plainBalancing } from "./balancing.ts";
import { P2cBalancer } from "./balancer.ts";

const backoff = { min: 1000, max: 4000, jitter: 0 };
const consecutive: AccrualOptions = { maxFailures: 3, successRate: null, backoff };

describe("Accrual", () => {
  test("trips at so many failures in a row, not at as many with a success between", () => {
    const accrual = new Accrual(consecutive);
    expect([true, true, false, true, true, true].map((failed) => accrual.judge(failed, 0))).toEqual([
      false,
      false,
      false,
      false,
      false,
      true,
    ]);
  });

  test("trips below a share of successes, of enough requests, within the window", () => {
    const rate = { threshold: 0.8, window: 10_000, minRequests: 5 };
    const accrual = new Accrual({ maxFailures: 0, successRate: rate, backoff });
    const outcomes = [false, false, false, false, true, true];
    expect(outcomes.map((failed) => accrual.judge(failed, 0))).toEqual([false, false, false, false, false, true]);
    accrual.reset();
    expect([true, true, true, true].map((failed) => accrual.judge(failed, 20_000))).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect(accrual.judge(true, 31_000)).toBe(false);
  });
});

describe("an endpoint with failure accrual", () => {
  function endpoint(accrual: AccrualOptions = consecutive) {
    const clock = new FakeClock();
    const subject = new P2cBalancer({
      clock,
      random: seededRandom(1),
      connectBackoff: { min: 100, max: 1000, jitter: 0 },
      balancing: { ...plainBalancing, accrual },
      queueCapacity: 10,
      failfastTimeout: 3000,
      transport: () => ({ readBytes: 0, writtenBytes: 0, opened() {}, closed() {} }),
    });
    const info = { addr: { ip: "10.0.0.1", port: 80 }, tls: null, transportPort: null, authorityOverride: null };
    subject.update([{ ...info, weight: 10_000, labels: {} }]);
    const request = (failed: boolean | null): boolean => {
      const picked = subject.pick();
      if (picked === null) return false;
      picked.started();
      picked.connected();
      picked.responded(1, failed === true ? 503 : 200);
      if (failed !== null) picked.judged(failed ? "failure" : "success");
      picked.ended(false);
      return true;
    };
    return { clock, subject, request };
  }

  test("is out of use after the failures, and one probe decides, after pauses that double", () => {
    const { clock, subject, request } = endpoint();
    expect([true, true, true].map(request)).toEqual([true, true, true]);
    expect(request(false)).toBe(false);
    clock.advance(1000);
    const probe = subject.pick();
    probe?.started();
    expect(subject.pick()).toBeNull();
    probe?.judged("failure");
    probe?.ended(false);
    clock.advance(1999);
    expect(subject.pick()).toBeNull();
    clock.advance(1);
    expect([request(false), request(true), request(true), request(false)]).toEqual([true, true, true, true]);
  });

  test("is not put back by a connection that can be made, nor by a probe whose client leaves", () => {
    const { clock, subject, request } = endpoint();
    for (const failed of [true, true, true]) request(failed);
    subject.all()[0]?.connected();
    expect(subject.pick()).toBeNull();
    clock.advance(1000);
    expect(request(null)).toBe(true);
    expect(subject.all()[0]?.ready).toBe(false);
    expect(request(false)).toBe(true);
    expect(subject.all()[0]?.ready).toBe(true);
  });

  test("that asks for fewer requests fails only where the share of successes counts", () => {
    const rate = { threshold: 0.8, window: 10_000, minRequests: 5 };
    for (const successRate of [null, rate]) {
      const { subject } = endpoint({ maxFailures: 3, successRate, backoff });
      for (let i = 0; i < 3; i++) {
        const picked = subject.pick();
        picked?.started();
        picked?.judged("limited");
        picked?.ended(false);
      }
      expect(subject.pick() === null).toBe(successRate !== null);
    }
  });

  test("is probed again when the probe's client leaves, though an older request goes on for ever", () => {
    const { clock, subject, request } = endpoint();
    subject.pick()?.started();
    for (const failed of [true, true, true]) request(failed);
    clock.advance(1000);
    const probe = subject.pick();
    probe?.started();
    expect(subject.pick()).toBeNull();
    probe?.ended(false);
    expect(subject.pick()).not.toBeNull();
  });

  test("late answers of requests from before say nothing", () => {
    const { subject, request } = endpoint();
    const late = subject.pick();
    late?.started();
    for (const failed of [true, true, true]) request(failed);
    late?.judged("success");
    late?.ended(false);
    expect(subject.pick()).toBeNull();
  });
});
