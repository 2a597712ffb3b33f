import { expect, test } from "bun:test";
import { Backoff } from "./backoff.ts";

test("Backoff doubles up to its maximum, adds jitter and starts over after reset()", () => {
  const backoff = new Backoff({ min: 100, max: 500, jitter: 0.5 }, { next: () => 1 });
  expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([150, 300, 600, 750]);
  backoff.reset();
  expect(backoff.next()).toBe(150);
});
