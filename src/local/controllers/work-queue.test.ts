import { expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { StatusError } from "../api/status-error.ts";
import { keyOf, retryDelay, splitKey, WorkQueue, type Again } from "./work-queue.ts";

function setup(reconcile: (key: string) => Promise<Again>) {
  const clock = new FakeClock();
  const { log, lines } = memoryLog();
  return { clock, lines, queue: new WorkQueue({ name: "test", clock, log, reconcile }) };
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

test("A key that is added several times before its work is worked on once", async () => {
  const seen: string[] = [];
  const { queue } = setup(async (key) => void seen.push(key));
  for (const key of ["a/x", "a/x", "b/y"]) queue.add(key);
  await settle();
  expect(seen).toEqual(["a/x", "b/y"]);
});

test("A key that is added during its work is worked on again, never twice at a time", async () => {
  let running = 0;
  let most = 0;
  let runs = 0;
  const { queue } = setup(async (key) => {
    most = Math.max(most, ++running);
    if (++runs === 1) queue.add(key);
    await Promise.resolve();
    running--;
    return undefined;
  });
  queue.add("a/x");
  await settle();
  expect([runs, most]).toEqual([2, 1]);
});

test("A failed key comes again later and later; a conflict is not worth a log line", async () => {
  let failure: Error = new Error("broken");
  let runs = 0;
  const { queue, clock, lines } = setup(async () => {
    runs++;
    throw failure;
  });
  queue.add("a/x");
  await settle();
  clock.advance(retryDelay(1));
  await settle();
  expect(runs).toBe(2);
  clock.advance(retryDelay(1));
  await settle();
  expect(runs).toBe(2);
  expect(lines).toHaveLength(2);
  failure = new StatusError("Conflict", "was changed");
  clock.advance(retryDelay(2));
  await settle();
  expect([runs, lines.length]).toEqual([3, 2]);
});

test("A key is looked at again when its work asks for it", async () => {
  let runs = 0;
  const { queue, clock } = setup(async () => (++runs === 1 ? 500 : undefined));
  queue.add("a/x");
  await settle();
  clock.advance(500);
  await settle();
  expect([runs, clock.timers]).toEqual([2, 0]);
});

test("Keys are namespace and name", () => {
  expect(splitKey(keyOf({ metadata: { namespace: "shop", name: "web" } }))).toEqual({ namespace: "shop", name: "web" });
  expect(splitKey(keyOf({ metadata: { name: "node" } }))).toEqual({ namespace: "", name: "node" });
});
