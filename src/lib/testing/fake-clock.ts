import type { Clock, Timer } from "../clock.ts";

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that moves only when told. Timers fire in time order, then in the order in which they were set. */
export class FakeClock implements Clock {
  private time = 0;
  private readonly start: number;
  private order = 0;
  private readonly pending = new Set<Pending>();

  /** `wallStart`: what `wall()` answers at time 0, ms since 1970. */
  constructor(wallStart = Date.UTC(2026, 0, 1)) {
    this.start = wallStart;
  }

  now(): number {
    return this.time;
  }

  wall(): number {
    return this.start + this.time;
  }

  after(delay: number, run: () => void): Timer {
    const entry: Pending = { at: this.time + Math.max(0, delay), order: this.order++, run };
    this.pending.add(entry);
    return { cancel: () => this.pending.delete(entry) };
  }

  /** Moves time on by `ms`, firing every timer that falls due, also those set by timers on the way. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = [...this.pending]
        .filter((entry) => entry.at <= end)
        .toSorted((a, b) => a.at - b.at || a.order - b.order)[0];
      if (next === undefined) break;
      this.pending.delete(next);
      this.time = next.at;
      next.run();
    }
    this.time = end;
  }

  /** How many timers are armed; a test ends with 0 when its subject cleans up. */
  get timers(): number {
    return this.pending.size;
  }
}
