import { expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { Watchable } from "#lib/watchable.ts";
import type { ClusterIndex } from "./index/cluster-index.ts";
import { LeaderLooks } from "./leader-looks.ts";

function setUp(leads: boolean) {
  const clock = new FakeClock();
  const leader = new Watchable(leads);
  const derivations = { onTouch: (_topic: string): void => {} };
  const log: string[] = [];
  let next: () => Promise<void> = () => Promise.resolve();
  const looks = new LeaderLooks({
    index: { derivations } as unknown as ClusterIndex,
    leader,
    clock,
    every: 60_000,
    touched: (topic) => topic === "ours",
    look: () => {
      log.push("look");
      return next();
    },
    onFailed: (thrown) => log.push(String(thrown)),
    onLead: () => log.push("lead"),
  });
  const said = (): string[] => log.splice(0);
  const after = async (ms: number): Promise<string[]> => {
    clock.advance(ms);
    await Bun.sleep(0);
    return said();
  };
  const to = (look: () => Promise<void>): void => void (next = look);
  return { looks, leader, derivations, after, said, to };
}

test("it looks soon after the start, soon after a change that matters, and every so often", async () => {
  const { derivations, after } = setUp(true);
  expect(await after(500)).toEqual(["look"]);
  derivations.onTouch("theirs");
  expect(await after(59_000)).toEqual([]);
  derivations.onTouch("ours");
  derivations.onTouch("ours");
  expect(await after(500)).toEqual(["look"]);
  expect(await after(60_000)).toEqual(["look"]);
});

test("only the leader looks, from the moment that it is one", async () => {
  const { leader, looks, after } = setUp(false);
  expect(await after(120_000)).toEqual([]);
  expect(looks.mayWrite).toBe(false);
  leader.set(true);
  expect(looks.mayWrite).toBe(true);
  expect(await after(500)).toEqual(["lead", "look"]);
  leader.set(false);
  expect(await after(120_000)).toEqual([]);
});

test("a look that takes long is the only one, and one that fails is told and followed by others", async () => {
  const { after, to } = setUp(true);
  const long = Promise.withResolvers<void>();
  to(() => long.promise);
  expect(await after(500)).toEqual(["look"]);
  expect(await after(180_000)).toEqual([]);
  long.reject(new Error("gone"));
  await Bun.sleep(0);
  to(() => Promise.resolve());
  expect(await after(60_000)).toEqual(["Error: gone", "look"]);
});

test("nothing follows its end", async () => {
  const { looks, derivations, after } = setUp(true);
  looks.stop();
  derivations.onTouch("ours");
  expect(looks.mayWrite).toBe(false);
  expect(await after(120_000)).toEqual([]);
});
