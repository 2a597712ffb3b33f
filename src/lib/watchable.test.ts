import { expect, test } from "bun:test";
import { until, Watchable } from "./watchable.ts";

test("a listener hears later changes only, until it stops", () => {
  const value = new Watchable(1);
  const heard: number[] = [];
  const stop = value.watch((next) => heard.push(next));
  value.set(2);
  stop();
  stop();
  value.set(3);
  expect(heard).toEqual([2]);
  expect(value.watchers).toBe(0);
});

test("the same function can listen twice and stop once", () => {
  const value = new Watchable(1);
  let calls = 0;
  const listener = (): void => {
    calls++;
  };
  value.watch(listener);
  value.watch(listener)();
  value.set(2);
  expect(calls).toBe(1);
});

test("a listener that ends another during a change does not disturb the round", () => {
  const value = new Watchable(0);
  const heard: string[] = [];
  value.watch(() => {
    heard.push("a");
    stopB();
  });
  const stopB = value.watch(() => heard.push("b"));
  value.set(1);
  value.set(2);
  expect(heard).toEqual(["a", "b", "a"]);
});

test("until() resolves at once or on the first accepted change", async () => {
  const value = new Watchable(1);
  expect(await until(value, (n) => n === 1)).toBe(1);
  const later = until(value, (n) => n > 2);
  value.set(2);
  value.set(3);
  expect(await later).toBe(3);
  expect(value.watchers).toBe(0);
});
