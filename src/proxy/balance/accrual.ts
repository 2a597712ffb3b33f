/** Judges an endpoint by what becomes of its requests: by failures in a row, and by the share of successes. */
import type { BackoffOptions } from "#lib/backoff.ts";

export interface AccrualOptions {
  /** Failures in a row that take it out of use; 0: they don't. */
  readonly maxFailures: number;
  /** Null: the share does not count. */
  readonly successRate: {
    /** 0–1; below it the endpoint is taken out. */
    readonly threshold: number;
    /** ms that outcomes count for. */
    readonly window: number;
    /** With fewer outcomes the share says nothing. */
    readonly minRequests: number;
  } | null;
  /** Between one try and the next while it is out of use. */
  readonly backoff: BackoffOptions;
  /** Whether the pause is at least as long as the server's Retry-After. Default: no. */
  readonly honorRetryAfter?: boolean;
}

/** Parts of the window; Linkerd's number. */
const slots = 10;

export class Accrual {
  private readonly options: AccrualOptions;
  private inRow = 0;
  private readonly successes = new Float64Array(slots);
  private readonly failures = new Float64Array(slots);
  private turn = 0;

  constructor(options: AccrualOptions) {
    this.options = options;
  }

  /** Whether a server that asks for fewer requests counts as one that fails: only where shares do, as Linkerd has it. */
  get countsLimited(): boolean {
    return this.options.successRate !== null;
  }

  get honorsRetryAfter(): boolean {
    return this.options.honorRetryAfter === true;
  }

  /** Counts an outcome. True: enough, it must be taken out of use. */
  judge(failed: boolean, now: number): boolean {
    const { maxFailures, successRate } = this.options;
    this.inRow = failed ? this.inRow + 1 : 0;
    if (maxFailures > 0 && this.inRow >= maxFailures) return true;
    if (successRate === null) return false;
    this.advance(Math.floor((now * slots) / successRate.window));
    const counts = failed ? this.failures : this.successes;
    counts[this.turn % slots]! += 1;
    if (!failed) return false;
    const good = sum(this.successes);
    const all = good + sum(this.failures);
    return all >= successRate.minRequests && good < successRate.threshold * all;
  }

  /** It is in use again: the past does not count. */
  reset(): void {
    this.inRow = 0;
    this.successes.fill(0);
    this.failures.fill(0);
  }

  private advance(turn: number): void {
    for (let at = Math.max(this.turn + 1, turn - slots + 1); at <= turn; at++) {
      this.successes[at % slots] = 0;
      this.failures[at % slots] = 0;
    }
    this.turn = turn;
  }
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
