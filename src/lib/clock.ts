/** Time as an argument, so that tests never sleep. All times are milliseconds. */

/** A pending timer; `cancel` after it fired does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Monotonic milliseconds with fraction, from an arbitrary start. For durations. */
  now(): number;
  /** Milliseconds since 1970-01-01 UTC. For certificates, logs and Kubernetes times. */
  wall(): number;
  /** Calls `run` once, `delay` ms from now (negative counts as 0). The timer does not keep the process alive. */
  after(delay: number, run: () => void): Timer;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(delay, run) {
    const handle = setTimeout(run, Math.max(0, delay));
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves `delay` ms from now; rejects with nothing: cancelling is the caller's own matter. */
export function sleep(clock: Clock, delay: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delay, resolve);
  });
}
