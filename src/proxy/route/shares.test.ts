import { expect, test } from "bun:test";
import { seededRandom } from "#lib/random.ts";
import { Shares } from "./shares.ts";

function drawn(weights: number[], draws: number, seed = 1): number[] {
  const shares = new Shares(weights, seededRandom(seed));
  const counts = weights.map(() => 0);
  for (let i = 0; i < draws; i++) counts[shares.next()]! += 1;
  return counts;
}

test("of many draws each gets its share, exact to one draw", () => {
  for (const weights of [[1], [1, 1], [5, 95], [90, 9, 1], [1, 0, 3], [333, 333, 334]]) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [at, count] of drawn(weights, 10_000).entries())
      expect(Math.abs(count - (10_000 * (weights[at] ?? 0)) / total)).toBeLessThan(1.01);
  }
});

test("a weight of 0 is never drawn, and a share comes evenly, not in a row", () => {
  expect(drawn([0, 1], 100)).toEqual([0, 100]);
  for (let draws = 20; draws <= 200; draws += 20) {
    const [few = 0] = drawn([5, 95], draws);
    expect(Math.abs(few - draws / 20)).toBeLessThan(1.01);
  }
});

test("many proxies together don't all begin with the same one", () => {
  let first = 0;
  for (let seed = 1; seed <= 400; seed++) first += drawn([50, 50], 1, seed)[0] ?? 0;
  expect(Math.abs(first - 200)).toBeLessThan(60);
});
