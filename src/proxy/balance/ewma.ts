/**
 * Peak-sensitive moving average of latency: jumps up with a slow answer at once, comes down over the decay time.
 * Between answers it decays towards the floor, so that an endpoint that was slow once is tried again.
 * Hot file: two of these are read per request; plain fields, one `Math.exp` each.
 */

/** Until something was measured, ms. */
export const defaultRtt = 30;
/** How fast the past is forgotten, ms. */
export const decayTime = 10_000;
/** No endpoint counts as faster, ms: differences below are noise. */
export const floorRtt = 1;

export class PeakEwma {
  private estimate: number;
  private updatedAt: number;
  private readonly decay: number;

  /** `now`: clock time, ms. */
  constructor(now: number, initial: number = defaultRtt, decay: number = decayTime) {
    this.estimate = initial;
    this.updatedAt = now;
    this.decay = decay;
  }

  /** Takes one measurement, ms. */
  add(rtt: number, now: number): void {
    const past = this.measured(now);
    if (rtt >= past) {
      this.estimate = rtt;
    } else {
      // What has decayed away in the meantime is replaced by the new measurement.
      const weight = Math.exp((this.updatedAt - now) / this.decay);
      this.estimate = Math.max(rtt + (this.estimate - rtt) * weight, floorRtt);
    }
    this.updatedAt = now;
  }

  /** The estimate at a time, ms. */
  at(now: number): number {
    const decayed = this.estimate * Math.exp((this.updatedAt - now) / this.decay);
    return decayed > floorRtt ? decayed : floorRtt;
  }

  /** The same for those whose `at` says more; `at` itself has it written out. */
  protected measured(now: number): number {
    const decayed = this.estimate * Math.exp((this.updatedAt - now) / this.decay);
    return decayed > floorRtt ? decayed : floorRtt;
  }
}

/** The same with penalties, which have a decay of their own and that no measurement takes back. */
export class BiasedEwma extends PeakEwma {
  private penalty = 0;
  private penalizedAt = 0;
  private readonly forget: number;

  constructor(now: number, initial: number, decay: number, forget: number) {
    super(now, initial, decay);
    this.forget = forget;
  }

  /** Counts as so slow, ms, from now on; a longer penalty stays. */
  penalize(penalty: number, now: number): void {
    this.penalty = Math.max(penalty, this.left(now));
    this.penalizedAt = now;
  }

  override at(now: number): number {
    const measured = this.measured(now);
    if (this.penalty === 0) return measured;
    const left = this.left(now);
    if (left > measured) return left;
    this.penalty = 0;
    return measured;
  }

  private left(now: number): number {
    return this.penalty * Math.exp((this.penalizedAt - now) / this.forget);
  }
}
