import { expect, test } from "bun:test";
import { Drain } from "./drain.ts";

test("start() tells listeners once and resolves when the last hold is released", async () => {
  const drain = new Drain();
  const release = drain.hold();
  let told = 0;
  drain.onDrain(() => told++);
  let done = false;
  const end = drain.start().then(() => {
    done = true;
  });
  await Promise.resolve();
  expect([told, done, drain.held]).toEqual([1, false, 1]);
  release();
  release();
  await end;
  expect(done).toBe(true);
});

test("onDrain() after the start runs at once", () => {
  const drain = new Drain();
  void drain.start();
  let told = 0;
  drain.onDrain(() => told++);
  expect(told).toBe(1);
});
