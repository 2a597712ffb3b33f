/** A current value and a change signal: how stages of a program are joined without importing one another. */
export interface ReadonlyWatchable<T> {
  /** The value now. */
  get(): T;
  /** Calls `listener` on every later change (not for the current value). The result ends it; ending twice is harmless. */
  watch(listener: (value: T) => void): () => void;
}

/** A settable value. Listeners run synchronously in the order in which they came; a listener added during a change sees the next one. */
export class Watchable<T> implements ReadonlyWatchable<T> {
  private value: T;
  private readonly listeners = new Set<(value: T) => void>();

  constructor(value: T) {
    this.value = value;
  }

  get(): T {
    return this.value;
  }

  /** Sets and tells, also when the value is the same object: whoever sets decides whether it is a change. */
  set(value: T): void {
    this.value = value;
    for (const listener of [...this.listeners]) listener(value);
  }

  watch(listener: (value: T) => void): () => void {
    const entry = (value: T): void => listener(value);
    this.listeners.add(entry);
    return () => {
      this.listeners.delete(entry);
    };
  }

  /** How many listeners there are; indexes drop values that nobody watches. */
  get watchers(): number {
    return this.listeners.size;
  }
}

/** The first value for which `accept` is true, now or later. */
export function until<T>(watchable: ReadonlyWatchable<T>, accept: (value: T) => boolean): Promise<T> {
  return new Promise((resolve) => {
    const now = watchable.get();
    if (accept(now)) {
      resolve(now);
      return;
    }
    const stop = watchable.watch((value) => {
      if (!accept(value)) return;
      stop();
      resolve(value);
    });
  });
}
