import { expect, test } from "bun:test";
import { FakeClock } from "./testing/fake-clock.ts";
import { giveBackMemory, roundTime, settleTime } from "./give-back-memory.ts";

test("Memory is given back once the start is over, then in rounds, until it is cancelled", () => {
  const clock = new FakeClock();
  let rounds = 0;
  const timer = giveBackMemory(clock, () => rounds++);
  clock.advance(settleTime - 1);
  expect(rounds).toBe(0);
  clock.advance(1);
  expect(rounds).toBe(1);
  clock.advance(roundTime);
  expect(rounds).toBe(2);
  timer.cancel();
  clock.advance(10 * roundTime);
  expect(rounds).toBe(2);
});
