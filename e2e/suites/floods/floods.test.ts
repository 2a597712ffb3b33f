/** Floods against both proxies, while others make requests. The figures are in the README. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { p99Bound } from "../bounds.ts";
import { attacks } from "./attacks.ts";
import { Floods, maxLeft, type Attackers, type Others } from "./floods.ts";

/** MiB of private memory that a proxy may take for an attack. */
const maxGrowth = 64;
/** After passing a limit an attacker is cut within, ms. */
const maxCut = 5000;

let floods: Floods;
let quiet: Others;
beforeAll(async () => {
  floods = await Floods.start();
  quiet = await floods.others(4);
  console.log(`quiet: p50 ${quiet.p50.toFixed(1)} ms, p99 ${quiet.p99.toFixed(1)} ms`);
});
afterAll(() => floods.pair.stop());

interface Bounds {
  readonly growth: number;
  /** Of the others' p99, ms. */
  readonly p99: number;
}

async function survives(
  name: string,
  attackers: readonly Attackers[],
  seconds: number,
  bounds: Bounds = { growth: maxGrowth, p99: p99Bound(quiet.p99) },
): Promise<void> {
  const { others, outcomes, growth, left } = await floods.flood(attackers, seconds);
  const cuts = outcomes.filter(({ cut }) => cut > 0).map(({ slowestCut }) => slowestCut);
  const cut = cuts.length === 0 ? "nobody was cut" : `cut within ${Math.max(...cuts).toFixed(0)} ms`;
  console.log(
    `${name}: others ${others.ok} of ${others.ok + others.failed}, p99 ${others.p99.toFixed(1)} ms (quiet ${quiet.p99.toFixed(1)}), ` +
      `memory +${growth.toFixed(1)} MiB, ${left.toFixed(1)} left, ${cut}`,
  );
  expect(others.failed, others.errors.join("\n")).toBe(0);
  expect(others.p99).toBeLessThanOrEqual(bounds.p99);
  expect(growth).toBeLessThanOrEqual(bounds.growth);
  expect(left).toBeLessThanOrEqual(maxLeft);
  for (const { kind, opened, cut, held, slowestCut } of outcomes) {
    const { limit } = attacks[kind]!;
    expect(opened).toBeGreaterThan(0);
    if (limit === null) continue;
    // Those that came back after having been cut have time left.
    if (limit === 0) expect(held).toBe(0);
    expect(cut).toBeGreaterThan(0);
    expect(slowestCut).toBeLessThanOrEqual(limit + maxCut);
  }
}

for (const [kind, { limit }] of Object.entries(attacks)) {
  if (limit === 0) test(`${kind}`, () => survives(kind, [{ kind, connections: 4 }], 3));
}

test("window updates that change nothing", () =>
  survives("window updates", [{ kind: "window updates", connections: 2 }], 3));

test("2,000 slow clients: heads, bodies and readers", async () => {
  const attackers = [
    { kind: "slow header", connections: 400 },
    { kind: "slow header of HTTP/1", connections: 400 },
    { kind: "slow body", connections: 90 },
    { kind: "slow body of HTTP/1", connections: 90 },
    // Each has 50 requests: all of them are just within what one connection between proxies keeps for free.
    { kind: "slow read", connections: 2 },
    { kind: "slow read of HTTP/1", connections: 4 },
  ];
  await survives("2,000 slow clients", attackers, 36);
});

/**
 * More unread than a connection between proxies may keep: others stand still until the readers that do not move are reset,
 * two seconds at most. Short of the aim, which is the bounds of all other floods.
 */
test("500 readers that stand still delay the others for two seconds, and harm none", () =>
  survives("500 slow readers", [{ kind: "slow read", connections: 10 }], 6, { growth: 128, p99: 4000 }));

test("responses with heads that are too large end alone, not the connections that they came by", async () => {
  const others = floods.others(3);
  const huge = await Promise.all([33, 100, 300].map((kib) => floods.heads(kib, 2)));
  const { ok, failed, errors } = await others;
  console.log(
    `heads of 33, 100 and 300 KiB: ${huge.map(({ statuses }) => JSON.stringify(statuses)).join(", ")}; others ${ok} of ${ok + failed}`,
  );
  // By HTTP/2 such a response is a reset, which clients call an error.
  for (const { statuses } of huge) expect(statuses["200"]).toBeUndefined();
  expect(failed, errors.join("\n")).toBe(0);
});
