/** The signal "finish what you have and take nothing new", handed down from `main` to listeners and servers. */
export interface DrainSignal {
  readonly draining: boolean;
  /** Called once when draining starts; at once if it has started. The result ends the subscription. */
  onDrain(run: () => void): () => void;
  /** Keeps the drain open until the returned function was called: one hold per connection or stream in flight. */
  hold(): () => void;
}

export class Drain implements DrainSignal {
  draining = false;
  private holds = 0;
  private readonly listeners = new Set<() => void>();
  private idle: (() => void) | null = null;

  onDrain(run: () => void): () => void {
    if (this.draining) {
      run();
      return () => {};
    }
    this.listeners.add(run);
    return () => {
      this.listeners.delete(run);
    };
  }

  hold(): () => void {
    this.holds++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.holds--;
      if (this.holds === 0) this.idle?.();
    };
  }

  /** What is still in flight. */
  get held(): number {
    return this.holds;
  }

  /** Starts draining; resolves when nothing is held any more. The caller sets the deadline. */
  start(): Promise<void> {
    if (!this.draining) {
      this.draining = true;
      for (const run of [...this.listeners]) run();
      this.listeners.clear();
    }
    if (this.holds === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.idle = resolve;
    });
  }
}
