/**
 * The rhythm of whoever keeps Kubernetes as the index says it should be: everything is compared anew soon after a change and
 * every so often. Of several replicas only the one that holds the lease does it.
 */
import type { Clock, Timer } from "#lib/clock.ts";
import type { ReadonlyWatchable } from "#lib/watchable.ts";
import type { ClusterIndex } from "./index/cluster-index.ts";

export interface LeaderLooksOptions {
  readonly index: ClusterIndex;
  readonly leader: ReadonlyWatchable<boolean>;
  readonly clock: Clock;
  /** Between looks when nothing changed, ms. */
  readonly every: number;
  /** Whether a change of this topic asks for a look. */
  readonly touched: (topic: string) => boolean;
  /** Compares everything; asks `mayWrite` before each write. One at a time: a slow server gets no second one on top. */
  readonly look: () => Promise<void>;
  /** What `look` threw; the next one tries again. */
  readonly onFailed: (thrown: unknown) => void;
  /** The lease has come to this replica; another one may have written meanwhile. */
  readonly onLead: () => void;
}

/** ms from a change to a look. */
const settle = 500;

export class LeaderLooks {
  private readonly options: LeaderLooksOptions;
  private readonly unwatch: () => void;
  private timer: Timer | null = null;
  private due = Number.POSITIVE_INFINITY;
  private busy = false;
  private stopped = false;

  constructor(options: LeaderLooksOptions) {
    this.options = options;
    const { index, leader, touched, onLead } = options;
    index.derivations.onTouch = (topic) => {
      if (touched(topic)) this.plan(settle);
    };
    this.unwatch = leader.watch((leads) => {
      if (!leads) return;
      onLead();
      this.plan(settle);
    });
    this.plan(settle);
  }

  get mayWrite(): boolean {
    return !this.stopped && this.options.leader.get();
  }

  stop(): void {
    this.stopped = true;
    this.options.index.derivations.onTouch = () => {};
    this.unwatch();
    this.timer?.cancel();
  }

  private plan(delay: number): void {
    const { clock } = this.options;
    if (this.stopped || clock.now() + delay >= this.due) return;
    this.timer?.cancel();
    this.due = clock.now() + delay;
    this.timer = clock.after(delay, () => void this.onDue());
  }

  private async onDue(): Promise<void> {
    this.timer = null;
    this.due = Number.POSITIVE_INFINITY;
    if (this.mayWrite && !this.busy) {
      this.busy = true;
      try {
        await this.options.look();
      } catch (thrown) {
        this.options.onFailed(thrown);
      }
      this.busy = false;
    }
    this.plan(this.options.every);
  }
}
