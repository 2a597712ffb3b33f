import { expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { defaultBudget, RetryBudget } from "./retry-budget.ts";

test("a backend that always fails at 1,000 requests a second gets a fifth more and ten a second, over any minute", () => {
  const clock = new FakeClock();
  const budget = new RetryBudget(defaultBudget, clock);
  let retries = 0;
  for (let ms = 0; ms < 60_000; ms++) {
    budget.deposit();
    for (let tries = 0; tries < 3; tries++) if (budget.withdraw()) retries++;
    clock.advance(1);
  }
  expect(retries).toBeGreaterThan(11_000);
  expect(retries).toBeLessThanOrEqual(60_000 * 0.2 + 60 * 10 + 100);
});

test("few requests may be retried all; what is spent comes back with time", () => {
  const clock = new FakeClock();
  const budget = new RetryBudget({ ratio: 0, perSecond: 1, window: 10_000 }, clock);
  let granted = 0;
  for (let i = 0; i < 50; i++) if (budget.withdraw()) granted++;
  expect(granted).toBe(10);
  clock.advance(60_000);
  expect(budget.withdraw()).toBe(true);
});
