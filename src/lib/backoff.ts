import type { Random } from "./random.ts";

/** Exponential backoff: `min · 2^attempt` up to `max` ms, plus up to `jitter` (0–100, a ratio of the delay) at random. */
export interface BackoffOptions {
  readonly min: number;
  readonly max: number;
  readonly jitter: number;
}

/** The delays of one series of attempts. `reset` after a success. */
export class Backoff {
  private attempt = 0;
  private readonly options: BackoffOptions;
  private readonly random: Random;

  constructor(options: BackoffOptions, random: Random) {
    this.options = options;
    this.random = random;
  }

  /** The next delay in ms. */
  next(): number {
    const { min, max, jitter } = this.options;
    const base = Math.min(max, min * 2 ** Math.min(this.attempt, 30));
    this.attempt++;
    return base + base * jitter * this.random.next();
  }

  reset(): void {
    this.attempt = 0;
  }
}
