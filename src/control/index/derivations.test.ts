import { describe, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { Derivations } from "./derivations.ts";

function setup(): { derivations: Derivations; data: Map<string, number>; set: (topic: string, value: number) => void } {
  const data = new Map<string, number>();
  const derivations = new Derivations(() => {}, memoryLog().log);
  return {
    derivations,
    data,
    set: (topic, value) => {
      data.set(topic, value);
      derivations.touch(topic);
    },
  };
}
const same = (a: number, b: number): boolean => a === b;

describe("Derivations", () => {
  test("computes anew only what read a touched topic, and tells only of differences", () => {
    const { derivations, data, set } = setup();
    let runs = 0;
    const lease = derivations.acquire(
      "sum",
      (track) => {
        runs++;
        track("a");
        return Math.min(data.get("a") ?? 0, 10);
      },
      same,
    );
    const seen: number[] = [];
    lease.value.watch((value) => seen.push(value));
    set("b", 1);
    derivations.flush();
    expect(runs).toBe(1);
    for (const value of [5, 12, 15]) {
      set("a", value);
      derivations.flush();
    }
    expect(runs).toBe(4);
    expect(seen).toEqual([5, 10]);
  });

  test("follows topics that only the last computation read", () => {
    const { derivations, data, set } = setup();
    const lease = derivations.acquire(
      "follow",
      (track) => {
        track("choice");
        const chosen = data.get("choice") === 1 ? "x" : "y";
        track(chosen);
        return data.get(chosen) ?? 0;
      },
      same,
    );
    set("choice", 1);
    set("x", 7);
    derivations.flush();
    expect(lease.value.get()).toBe(7);
    set("y", 9);
    derivations.flush();
    expect(lease.value.get()).toBe(7);
  });

  test("many users share one computation, and nothing is kept after the last", () => {
    const { derivations } = setup();
    let runs = 0;
    const compute = (): number => ++runs;
    const first = derivations.acquire("k", compute, same);
    const second = derivations.acquire("k", compute, same);
    expect(runs).toBe(1);
    first.release();
    first.release();
    expect(derivations.size).toBe(1);
    second.release();
    expect(derivations.size).toBe(0);
  });

  test("who comes while a value waits to be computed sees the present", () => {
    const { derivations, data, set } = setup();
    const compute = (track: (topic: string) => void): number => {
      track("a");
      return data.get("a") ?? 0;
    };
    derivations.acquire("k", compute, same);
    set("a", 3);
    expect(derivations.acquire("k", compute, same).value.get()).toBe(3);
  });

  test("a computation that throws keeps the last value and is counted", () => {
    const { derivations, data, set } = setup();
    const lease = derivations.acquire(
      "k",
      (track) => {
        track("a");
        if (data.get("a") === 1) throw new Error("broken");
        return data.get("a") ?? 0;
      },
      same,
    );
    set("a", 1);
    derivations.flush();
    expect([lease.value.get(), derivations.failures]).toEqual([0, 1]);
    set("a", 2);
    derivations.flush();
    expect(lease.value.get()).toBe(2);
  });
});
