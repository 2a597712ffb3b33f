import { describe, expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import type { ClientTls } from "../inbound/ports.ts";
import { RateLimiter, type ClientLimit, type RateLimit } from "./rate-limit.ts";
import { builtIn } from "./server-policy.ts";

const plain: ClientTls = { kind: "none", reason: "no_tls_from_remote" };
const meshed = (clientId: string): ClientTls => ({ kind: "meshed", clientId });

function limiter(limit: Partial<RateLimit>) {
  const clock = new FakeClock();
  const subject = new RateLimiter(
    { origin: builtIn("limit"), total: null, identity: null, overrides: [], ...limit },
    clock,
  );
  return { clock, subject };
}

/** Lets `count` requests come and says how many get through. */
function admitted(client: ClientLimit, count: number): number {
  let passed = 0;
  for (let i = 0; i < count; i++) if (client.refuses() === null) passed++;
  return passed;
}

describe("RateLimiter", () => {
  test("takes a second's requests at once, then goes on at the pace of the limit", () => {
    const { clock, subject } = limiter({ total: 10 });
    const client = subject.of(plain);
    expect(admitted(client, 30)).toBe(10);
    expect(client.refuses()).toBe("total");
    clock.advance(100);
    expect(admitted(client, 30)).toBe(1);
    clock.advance(5000);
    expect(admitted(client, 30)).toBe(10);
  });

  test("gives each identity its own limit, and all clients without one a common one", () => {
    const { subject } = limiter({ identity: 3 });
    expect(admitted(subject.of(meshed("a")), 9)).toBe(3);
    expect(admitted(subject.of(meshed("b")), 9)).toBe(3);
    expect(admitted(subject.of(meshed("a")), 9)).toBe(0);
    expect(admitted(subject.of(plain), 2) + admitted(subject.of({ kind: "anonymous" }), 9)).toBe(3);
    expect(subject.of(meshed("a")).refuses()).toBe("identity");
  });

  test("prefers an override, which its identities share", () => {
    const { subject } = limiter({ identity: 1, overrides: [{ limit: 5, identities: new Set(["a", "b"]) }] });
    expect(admitted(subject.of(meshed("a")), 4) + admitted(subject.of(meshed("b")), 4)).toBe(5);
    expect(subject.of(meshed("b")).refuses()).toBe("override");
    expect(admitted(subject.of(meshed("c")), 4)).toBe(1);
  });

  test("a client over its own limit takes nothing from what all have together", () => {
    const { subject } = limiter({ total: 10, identity: 2 });
    expect(admitted(subject.of(meshed("greedy")), 100)).toBe(2);
    let others = 0;
    for (const id of ["a", "b", "c", "d", "e"]) others += admitted(subject.of(meshed(id)), 2);
    expect(others).toBe(8);
  });

  test("a limit of 0 lets nothing in", () => {
    expect(admitted(limiter({ total: 0 }).subject.of(plain), 3)).toBe(0);
  });

  test("remembers no more identities than its bound; more of them at once share one limit", () => {
    const { clock, subject } = limiter({ identity: 1 });
    let passed = 0;
    for (let i = 0; i < 4096; i++) passed += admitted(subject.of(meshed(`id-${i}`)), 2);
    expect(passed).toBe(4096);
    expect(subject.of(meshed("x")).refuses()).toBeNull();
    expect(subject.of(meshed("y")).refuses()).toBe("identity");
    clock.advance(1000);
    expect(subject.of(meshed("x")).refuses()).toBeNull();
    expect(subject.of(meshed("y")).refuses()).toBeNull();
  });
});
