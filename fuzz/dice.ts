/** Repeatable choices: an execution is named by a seed and its number, and depends on nothing else. */
import { seededRandom, type Random } from "#lib/random.ts";

export class Dice {
  private readonly random: Random;

  constructor(seed: number, execution: number) {
    this.random = seededRandom((Math.imul(seed, 0x9e3779b1) ^ Math.imul(execution + 1, 0x85ebca6b)) >>> 0);
  }

  /** 0 up to and without `limit`. */
  below(limit: number): number {
    return Math.floor(this.random.next() * limit);
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  bytes(length: number): Buffer {
    const out = Buffer.alloc(length);
    for (let at = 0; at < length; at++) out[at] = this.below(256);
    return out;
  }
}
