import { afterEach, expect, test } from "bun:test";
import { connect as tlsConnect } from "node:tls";
import { Drain } from "#lib/drain.ts";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { requestFor } from "../admission/testing.ts";
import { measure, reviewOf, spoil, WebhookWorld } from "../testing/webhook-world.ts";
import { start } from "./app.ts";

const ends: Array<() => unknown> = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function running() {
  const world = new WebhookWorld("linkerd-sp-validator");
  ends.push(() => world.remove());
  const clock = new FakeClock();
  const drain = new Drain();
  const program = await start({
    args: ["--addr=127.0.0.1:0", "--metrics-addr=127.0.0.1:0", `--tls-directory=${world.directory}`],
    env: {},
    clock,
    random: seededRandom(1),
    log: memoryLog().log,
    registry: new Registry(),
    drain,
  });
  ends.push(() => program.stop());
  return { world, clock, drain, ...program };
}

const route = (index: number, pathRegex: string) => ({
  name: `r${index}`,
  condition: { all: [{ method: "GET" }, { pathRegex }] },
  responseClasses: [{ condition: { status: { min: 500, max: 599 } }, isFailure: true }],
  timeout: "300ms",
});
const profile = (pathRegex: string, routes = 1) =>
  requestFor({
    apiVersion: "linkerd.io/v1alpha2",
    kind: "ServiceProfile",
    metadata: { name: "web.web.svc.cluster.local" },
    spec: { routes: Array.from({ length: routes }, (_, index) => route(index, pathRegex)) },
  });

test("a mistake is refused with where and what it is, and both answers are counted", async () => {
  const { world, port, adminPort } = await running();
  expect(await world.review(port, profile("/a/.*"))).toMatchObject({ allowed: true });
  expect(await world.review(port, profile("/(?!a)"))).toMatchObject({
    allowed: false,
    status: {
      code: 422,
      message:
        'ServiceProfile "web.web.svc.cluster.local" is not valid: spec.routes[0].condition.all[1].pathRegex: "/(?!a)" is not a regular expression of RE2 syntax: invalid or unsupported Perl syntax: "(?!"',
    },
  });
  const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  expect(metrics).toContain('admission_reviews_total{answer="refused",group="linkerd.io",kind="ServiceProfile"} 1');
  for (const path of ["ping", "live", "ready"]) {
    expect((await fetch(`http://127.0.0.1:${adminPort}/${path}`)).status).toBe(200);
  }
});

test("new handshakes get a new certificate once its files are there; older TLS than 1.3 gets none", async () => {
  const { world, port, clock } = await running();
  const before = world.tls;
  const after = world.renew();
  await expect(world.post(port, "", after)).rejects.toThrow();
  clock.advance(10_000);
  expect((await world.post(port, "", after)).status).toBe(400);
  await expect(world.post(port, "", before)).rejects.toThrow();
  const refused = new Promise((resolve) => {
    tlsConnect({ port, host: "127.0.0.1", rejectUnauthorized: false, maxVersion: "TLSv1.2" }, () =>
      resolve("secure"),
    ).on("error", () => resolve("refused"));
  });
  expect(await refused).toBe("refused");
});

test("answers on for a while after it was told to stop, and says that it is not ready", async () => {
  const { world, port, adminPort, clock, drain } = await running();
  let drained = false;
  const ended = drain.start().then(() => (drained = true));
  expect(await world.review(port, profile("/a"))).toMatchObject({ allowed: true });
  expect((await fetch(`http://127.0.0.1:${adminPort}/ready`)).status).toBe(503);
  expect(drained).toBe(false);
  clock.advance(3000);
  await ended;
});

test("reviews with odd values are answered, whatever they hold", async () => {
  const { world, port } = await running();
  const random = seededRandom(7);
  const whole = JSON.parse(reviewOf(profile("/a"))) as unknown;
  for (let index = 0; index < 300; index++) {
    const body = JSON.stringify(spoil(whole, () => random.next()));
    const { status } = await world.post(port, body);
    if (status !== 200 && status !== 400) throw new Error(`status ${status} for ${body}`);
  }
  expect((await world.post(port, "x".repeat(9 * 1024 * 1024))).status).toBe(413);
  expect(await world.review(port, profile("/a"))).toMatchObject({ allowed: true });
});

test("an answer takes little of the 100 ms that it may", async () => {
  const { world, port } = await running();
  const { p99, cpu } = await measure(200, () => world.review(port, profile("/books/[0-9]+/authors/[a-z]*", 50)));
  console.log(
    `ServiceProfile of 50 routes, each over a connection of its own: p99 ${p99.toFixed(1)} ms, CPU ${cpu.toFixed(1)} ms`,
  );
  // Client and server together, far below the 100 ms that an answer may take.
  expect(cpu).toBeLessThan(20);
});
