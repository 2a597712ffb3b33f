import { expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { type Category, type Check, type CheckScope, Facts, SkipCheck } from "./check.ts";
import { runChecks, succeeded } from "./run.ts";

const scope = { facts: new Facts() } as CheckScope;
const pass: Check = { id: "p", description: "passes", run: async () => {} };
const fail = (over: Partial<Check> = {}): Check => ({
  id: "f",
  description: "fails",
  run: async () => {
    throw new Error("broken");
  },
  ...over,
});
const one = (...checks: Check[]): Category[] => [
  { id: "c", checks },
  { id: "d", checks: [pass] },
];

test("a failure is an error with its hint and does not stop the others", async () => {
  const results = await runChecks(one(fail(), pass), scope, { clock: new FakeClock(), wait: 0 });
  expect(results.map((result) => result.checks.map((check) => check.outcome))).toEqual([
    ["error", "success"],
    ["success"],
  ]);
  expect(results[0]?.checks[0]).toMatchObject({ error: "broken", hint: "https://linkerd.io/2/checks/#f" });
  expect(succeeded(results)).toBe(false);
});

test("a fatal failure ends the run, a warning leaves it successful", async () => {
  const fatal = await runChecks(one(fail({ fatal: true }), pass), scope, { clock: new FakeClock(), wait: 0 });
  expect(fatal).toHaveLength(1);
  expect(fatal[0]?.checks).toHaveLength(1);
  expect(succeeded(await runChecks(one(fail({ warning: true })), scope, { clock: new FakeClock(), wait: 0 }))).toBe(
    true,
  );
});

test("a retried check is tried until it passes", async () => {
  const clock = new FakeClock();
  let tries = 0;
  const flaky: Check = {
    id: "r",
    description: "gets ready",
    retry: true,
    run: async () => {
      tries++;
      if (tries < 3) throw new Error("not yet");
    },
  };
  const retried: string[] = [];
  const run = runChecks(one(flaky), scope, {
    clock,
    wait: 10_000,
    onRetry: (_, error) => {
      retried.push(error);
      queueMicrotask(() => clock.advance(1000));
    },
  });
  expect(succeeded(await run)).toBe(true);
  expect(retried).toEqual(["not yet", "not yet"]);
});

test("retries end with the deadline", async () => {
  const clock = new FakeClock();
  const results = await runChecks(one(fail({ retry: true })), scope, {
    clock,
    wait: 2500,
    onRetry: () => queueMicrotask(() => clock.advance(1000)),
  });
  expect(results[0]?.checks[0]?.outcome).toBe("error");
  expect(clock.now()).toBe(2000);
});

test("a check that does not apply leaves no line, nor does its category when it has no others", async () => {
  const skip: Check = {
    id: "s",
    description: "skips",
    run: async () => {
      throw new SkipCheck();
    },
  };
  const begun: string[] = [];
  const results = await runChecks(one(skip), scope, {
    clock: new FakeClock(),
    wait: 0,
    onCategory: (id) => begun.push(id),
  });
  expect(results.map(({ category }) => category)).toEqual(["d"]);
  expect(begun).toEqual(["d"]);
});

test("Facts are read once until they are forgotten; a failed read is not kept", async () => {
  const facts = new Facts();
  let reads = 0;
  const read = async (): Promise<number> => {
    reads++;
    if (reads === 1) throw new Error("not yet");
    return reads;
  };
  expect(facts.once("x", read)).rejects.toThrow("not yet");
  await facts.once("x", read).catch(() => {});
  expect(await facts.once("x", read)).toBe(2);
  expect(await facts.once("x", read)).toBe(2);
  facts.forget();
  expect(await facts.once("x", read)).toBe(3);
});
