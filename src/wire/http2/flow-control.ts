/** The largest flow-control window (RFC 9113 §6.9.1). */
export const maxWindow = 0x7fffffff;

/** The window of a stream and of a connection before any SETTINGS or WINDOW_UPDATE (RFC 9113 §6.9.2). */
export const defaultWindow = 65_535;

/** Whether `increment` may be added to a send window, which may be negative after a SETTINGS change. */
export function canGrow(window: number, increment: number): boolean {
  return window + increment <= maxWindow;
}

/**
 * What a receiver gives back. Consumed bytes are collected until as much is due as the peer has left, half the window when
 * nothing is unread, so that small messages cost one WINDOW_UPDATE in hundreds, and the sender never stands still while the
 * receiver keeps up, also when the unread bytes of others leave it little.
 */
export class ReceiveWindow {
  /** Bytes that the peer may still send. */
  available: number;
  private due = 0;

  /** @param available bytes of the window when nothing is unread. */
  constructor(available: number) {
    this.available = available;
  }

  /** Counts received bytes; false when the peer sent more than it was allowed to. */
  take(bytes: number): boolean {
    this.available -= bytes;
    return this.available >= 0;
  }

  /** The peer has less left than is due: say so, or it may stand still. */
  get wanting(): boolean {
    return this.due > this.available;
  }

  /** Counts consumed bytes. The result is the WINDOW_UPDATE increment to send now, or 0. */
  release(bytes: number): number {
    this.due += bytes;
    if (this.due <= this.available) return 0;
    const increment = this.due;
    this.due = 0;
    this.available += increment;
    return increment;
  }
}
