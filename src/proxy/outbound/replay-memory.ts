/** Bytes of request bodies that are kept to be sent again, of all requests of a proxy together. */
const maxKept = 16 * 1024 * 1024;

/**
 * How much of requests is kept to be sent again: one of them by its route's rule, up to 64 KiB, and all together no more than
 * 16 MiB. A request that finds no room is sent like any other, but only once.
 */
export class ReplayMemory {
  /** Bytes that are kept. */
  used = 0;
  /** Requests that found no room. */
  overflows = 0;
  private readonly limit: number;

  /** @param limit bytes */
  constructor(limit = maxKept) {
    this.limit = limit;
  }

  /** Takes room for `bytes` more of a request, if there is some. */
  take(bytes: number): boolean {
    if (this.used + bytes > this.limit) {
      this.overflows++;
      return false;
    }
    this.used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.used -= bytes;
  }
}
