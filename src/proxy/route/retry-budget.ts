import type { Clock } from "#lib/clock.ts";

export interface BudgetOptions {
  /** Retries per request. */
  readonly ratio: number;
  /** Retries per second whatever the requests are. */
  readonly perSecond: number;
  /** How long a request counts, ms. */
  readonly window: number;
}

/** What a route may do without saying so: Linkerd's default of ServiceProfiles. */
export const defaultBudget: BudgetOptions = { ratio: 0.2, perSecond: 10, window: 10_000 };

const slots = 10;

/** Keeps retries from multiplying load on a backend that fails: so many per request of the last seconds, and a few more. */
export class RetryBudget {
  readonly options: BudgetOptions;
  private readonly clock: Clock;
  private readonly requests = new Float64Array(slots);
  private readonly retries = new Float64Array(slots);
  private turn: number;

  constructor(options: BudgetOptions, clock: Clock) {
    this.options = options;
    this.clock = clock;
    this.turn = this.now();
  }

  /** Counts a request. */
  deposit(): void {
    this.advance();
    this.requests[this.turn % slots]! += 1;
  }

  /** Takes one retry, if there is one. */
  withdraw(): boolean {
    this.advance();
    const { ratio, perSecond, window } = this.options;
    if (sum(this.retries) + 1 > sum(this.requests) * ratio + (perSecond * window) / 1000) return false;
    this.retries[this.turn % slots]! += 1;
    return true;
  }

  private now(): number {
    return Math.floor((this.clock.now() * slots) / this.options.window);
  }

  private advance(): void {
    const now = this.now();
    for (let turn = Math.max(this.turn + 1, now - slots + 1); turn <= now; turn++) {
      this.requests[turn % slots] = 0;
      this.retries[turn % slots] = 0;
    }
    this.turn = now;
  }
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
