import { afterAll, describe, expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import { testIssuer, TestIssuer } from "#lib/jwt/testing/issuer.ts";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { text } from "#lib/metrics/text.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { judge } from "../admission/testing.ts";
import { untracked } from "../index/derivations.ts";
import { policyObject } from "../testing/policy-objects.ts";
import { TestCluster } from "../testing/test-cluster.ts";
import { fetchKeySet } from "./fetch-key-set.ts";
import { keepFor, maxKeySets, startKeySetFetcher } from "./key-set-fetcher.ts";

const { keySet } = new TestIssuer();
const uri = "https://issuer.test/jwks";
const users = (name: string, jwksUri: string) =>
  policyObject("JWTAuthentication", name, JSON.stringify({ issuer: testIssuer, audiences: ["api"], jwksUri }));
/** Lets what was awaited go on. */
const tick = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

const away = new MeshError("unavailable", "The issuer answered with status 503");

function fetcher(first: string | MeshError = keySet, cluster = new TestCluster().policies(users("users", uri))) {
  const clock = new FakeClock();
  const registry = new Registry();
  const { log, lines } = memoryLog();
  const fetched: string[] = [];
  const answers = { now: first };
  const subject = startKeySetFetcher({
    index: cluster.index,
    clock,
    random: seededRandom(1),
    log,
    registry,
    fetchText: async (of) => {
      fetched.push(of);
      if (typeof answers.now !== "string") throw answers.now;
      return answers.now;
    },
  });
  const known = () => cluster.index.policy.keySets.get(uri, untracked);
  return { cluster, clock, registry, lines, fetched, answers, subject, known };
}

describe("The key sets that JWTAuthentications name", () => {
  test("are fetched at once, and again every five minutes", async () => {
    const { subject, known, fetched, clock, answers } = fetcher();
    await subject.settled;
    expect(known()).toBe(keySet);
    clock.advance(299_000);
    expect(fetched).toHaveLength(1);
    answers.now = new TestIssuer().keySet;
    clock.advance(40_000);
    await tick();
    expect([fetched.length, known()]).toEqual([2, answers.now]);
    subject.stop();
  });

  test("are tried again soon when that fails, and the reason is told", async () => {
    const { subject, known, fetched, clock, answers, lines } = fetcher(away);
    await subject.settled;
    expect(known()).toBe("");
    expect(lines.join("\n")).toContain("The issuer answered with status 503");
    expect(lines.join("\n")).toContain("its tokens are refused");
    answers.now = keySet;
    clock.advance(6_000);
    await tick();
    expect([known(), fetched.length]).toEqual([keySet, 2]);
    subject.stop();
  });

  test("count for an hour while the issuer is away, then its tokens are refused until it is back", async () => {
    const { subject, known, clock, answers, lines, registry } = fetcher();
    await subject.settled;
    answers.now = away;
    for (let passed = 0; passed < keepFor - 60_000; passed += 30_000) {
      clock.advance(30_000);
      await tick();
    }
    expect(known()).toBe(keySet);
    expect(lines.join("\n")).toContain("status 503");
    clock.advance(90_000);
    await tick();
    expect(known()).toBe("");
    expect(text(registry)).toContain('jwt_key_sets{state="missing"} 1');
    expect(text(registry)).toContain('jwt_key_set_fetches_total{outcome="failure"}');
    answers.now = keySet;
    clock.advance(400_000);
    await tick();
    expect(known()).toBe(keySet);
    subject.stop();
  });

  test("that are none are not taken, nor those that give a secret away", async () => {
    for (const answer of ["<html>", '{"keys":[{"kty":"oct","k":"eA"}]}']) {
      const { subject, known, lines } = fetcher(answer);
      await subject.settled;
      expect(known()).toBe("");
      expect(lines.join("\n")).toContain("The key set ");
      subject.stop();
    }
  });

  test("are forgotten with the last resource that names them", async () => {
    const { subject, known, cluster, clock, fetched } = fetcher();
    await subject.settled;
    cluster.index.policy.jwts.delete("web", "users");
    cluster.settle();
    expect(known()).toBe("");
    clock.advance(1_000_000);
    expect(fetched).toHaveLength(1);
    subject.stop();
  });

  test("are so many at most, and a start waits for them so long at most", async () => {
    const many = Array.from({ length: maxKeySets + 5 }, (_, at) => users(`u${at}`, `https://i${at}.test/`));
    const { subject, fetched } = fetcher(keySet, new TestCluster().policies(...many));
    await subject.settled;
    expect(fetched).toHaveLength(maxKeySets);
    subject.stop();
    const clock = new FakeClock();
    const silent = startKeySetFetcher({
      index: new TestCluster().policies(users("users", uri)).index,
      clock,
      random: seededRandom(1),
      log: memoryLog().log,
      registry: new Registry(),
      fetchText: () => new Promise(() => {}),
    });
    clock.advance(5_000);
    await silent.settled;
    silent.stop();
  });
});

test.each([
  ["http://issuer.test/", "is not an address that begins with https://"],
  ["jwks", "is not an address that begins with https://"],
  ["https://a:b@issuer.test/", "has a user, a password or a fragment"],
])("the address %s is refused", async (jwksUri, problem) => {
  const spec = JSON.stringify({ issuer: testIssuer, audiences: ["api"], jwksUri });
  const { problems } = await judge("policy.linkerd-ts.dev/v1alpha1", "JWTAuthentication", spec);
  expect(problems.join()).toContain(problem);
  const both = JSON.stringify({ issuer: testIssuer, audiences: ["api"], jwksUri: uri, jwks: keySet });
  expect((await judge("policy.linkerd-ts.dev/v1alpha1", "JWTAuthentication", both)).problems).toEqual([
    "spec: needs either jwks or jwksUri",
  ]);
});

describe("fetchKeySet()", () => {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch({ url }) {
      const { pathname } = new URL(url);
      if (pathname === "/moved") return Response.redirect("/good");
      if (pathname === "/big") return new Response("x".repeat(100_000));
      if (pathname === "/late") return new Promise<Response>(() => {});
      return pathname === "/good" ? new Response(keySet) : new Response("secret", { status: 404 });
    },
  });
  afterAll(() => void server.stop(true));
  const at = (path: string): string => `http://127.0.0.1:${server.port}${path}`;

  test("takes one answer of bounded length, and follows nothing", async () => {
    expect(await fetchKeySet(at("/good"))).toBe(keySet);
    await expect(fetchKeySet(at("/moved"))).rejects.toThrow("status 302");
    await expect(fetchKeySet(at("/none"))).rejects.toThrow("The issuer answered with status 404");
    await expect(fetchKeySet(at("/big"))).rejects.toThrow("longer than 65536 bytes");
    await expect(fetchKeySet(at("/late"), 50)).rejects.toThrow("did not answer within 50 ms");
    await expect(fetchKeySet("http://127.0.0.1:1/")).rejects.toThrow("The issuer can't be reached");
  });
});
