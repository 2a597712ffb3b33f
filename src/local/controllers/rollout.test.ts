import { expect, test } from "bun:test";
import { rollout, type RolloutInput, type SetView } from "./rollout.ts";

const set = (name: string, wanted: number, available = wanted): SetView => ({ name, wanted, available, pods: wanted });
const input = (given: Partial<RolloutInput>): RolloutInput => ({
  replicas: 4,
  strategy: "RollingUpdate",
  maxSurge: "25%",
  maxUnavailable: "25%",
  next: set("new", 0),
  old: [set("old", 4)],
  oldPodsLeft: 4,
  ...given,
});
const sizes = (given: Partial<RolloutInput>): Record<string, number> => Object.fromEntries(rollout(input(given)));

test("A rollout begins with the surge, and takes away what may be unavailable", () => {
  expect(sizes({})).toEqual({ new: 1, old: 3 });
});

test("Old pods go only as new ones become available", () => {
  expect(sizes({ next: set("new", 2, 0), old: [set("old", 3)] })).toEqual({});
  expect(sizes({ next: set("new", 2, 1), old: [set("old", 3)] })).toEqual({ old: 2 });
});

test("A whole rollout never falls below the minimum nor rises above the maximum", () => {
  for (const [replicas, maxSurge, maxUnavailable] of [
    [4, "25%", "25%"],
    [1, 1, 0],
    [3, 0, 1],
    [10, "30%", 0],
    [1, 0, 0],
  ] as const) {
    let next = set("new", 0);
    let old = set("old", replicas);
    let steps = 0;
    while ((next.wanted !== replicas || old.wanted !== 0) && steps++ < 50) {
      const change = rollout(input({ replicas, maxSurge, maxUnavailable, next, old: [old] }));
      // New pods are unready for a step.
      next = { ...set("new", change.get("new") ?? next.wanted, next.available) };
      old = set("old", change.get("old") ?? old.wanted);
      const surge = typeof maxSurge === "number" ? maxSurge : Math.ceil((Number.parseInt(maxSurge) * replicas) / 100);
      const missing =
        typeof maxUnavailable === "number"
          ? maxUnavailable
          : Math.floor((Number.parseInt(maxUnavailable) * replicas) / 100);
      expect(next.wanted + old.wanted).toBeLessThanOrEqual(replicas + surge);
      expect(Math.min(next.available, next.wanted) + old.available).toBeGreaterThanOrEqual(
        replicas - Math.max(missing, surge === 0 ? 1 : 0),
      );
      next = { ...next, available: next.wanted };
    }
    expect([next.wanted, old.wanted]).toEqual([replicas, 0]);
  }
});

test("Broken old pods go first, whatever the new ones do", () => {
  expect(sizes({ next: set("new", 1, 0), old: [set("a", 2, 0), set("b", 2, 2)] })).toEqual({ a: 1 });
});

test("Without old pods the new set has all replicas at once", () => {
  expect(sizes({ next: set("new", 4), old: [], replicas: 7 })).toEqual({ new: 7 });
  expect(sizes({ next: set("new", 4), old: [set("old", 0)], replicas: 2 })).toEqual({ new: 2 });
});

test("Recreate waits until the last old pod is gone", () => {
  const strategy = "Recreate" as const;
  expect(sizes({ strategy })).toEqual({ old: 0 });
  expect(sizes({ strategy, old: [set("old", 0)], oldPodsLeft: 2 })).toEqual({});
  expect(sizes({ strategy, old: [set("old", 0)], oldPodsLeft: 0 })).toEqual({ new: 4 });
});
