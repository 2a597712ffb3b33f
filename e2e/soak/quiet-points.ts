import { expect } from "bun:test";
import type { Random } from "#lib/random.ts";

/** Changes that come together before it is quiet. */
const batch = 50;
/** How long a client may know what is not so any more, ms. */
const staleLimit = 10_000;

export interface History {
  readonly changes: number;
  readonly random: Random;
  /** One random change, whose outcome `stale` then expects. */
  readonly change: () => void;
  /** How many clients do not know exactly what is so now. */
  readonly stale: () => number;
}

/** Waits until nobody is stale, or `staleLimit` is over. @returns how long that took, ms. */
export async function quiet(stale: () => number): Promise<number> {
  const started = performance.now();
  while (stale() > 0 && performance.now() - started < staleLimit) await Bun.sleep(1);
  return performance.now() - started;
}

/** Makes all changes; whenever it is quiet nobody may be stale. @returns how long that took after the last change of each batch. */
export async function runHistory({ changes, random, change, stale }: History): Promise<{ p50: number; p99: number }> {
  const times: number[] = [];
  for (let done = 0; done < changes; done += batch) {
    for (let count = 0; count < batch; count++) {
      change();
      // Some come in a row, some a moment later.
      if (random.next() < 0.1) await Bun.sleep(Math.floor(random.next() * 5));
    }
    times.push(await quiet(stale));
    expect(stale()).toBe(0);
  }
  times.sort((a, b) => a - b);
  const at = (part: number): number => times[Math.floor(times.length * part)] ?? 0;
  const found = { p50: at(0.5), p99: at(0.99) };
  console.log(`all right after the last change: p50 ${found.p50.toFixed(0)} ms, p99 ${found.p99.toFixed(0)} ms`);
  return found;
}
