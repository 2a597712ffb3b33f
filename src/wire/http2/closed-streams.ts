/** How a stream ended, for judging frames that come late. */
export const closedBy = { end: 0, localReset: 1, remoteReset: 2 } as const;
export type ClosedBy = (typeof closedBy)[keyof typeof closedBy];

const remembered = 128;

/**
 * The last 128 streams that ended. What a peer may still send for a stream depends on how it ended, and a connection's
 * whole history would be unbounded. Of what is forgotten nobody knows whether it was we who reset it, so that its frames
 * have to be ignored (RFC 9113 §5.1): hundreds of requests may be cancelled at once while their answers are under way.
 */
export class ClosedStreams {
  private ids: Uint32Array | null = null;
  private how: Uint8Array | null = null;
  private next = 0;
  private forgottenUpTo = 0;

  add(id: number, how: ClosedBy): void {
    this.ids ??= new Uint32Array(remembered);
    this.how ??= new Uint8Array(remembered);
    this.forgottenUpTo = Math.max(this.forgottenUpTo, this.ids[this.next] ?? 0);
    this.ids[this.next] = id;
    this.how[this.next] = how;
    this.next = (this.next + 1) % remembered;
  }

  /** How the stream ended; null when it is not among the remembered ones. */
  find(id: number): ClosedBy | null {
    const at = this.ids?.indexOf(id) ?? -1;
    return at < 0 ? null : (this.how![at]! as ClosedBy);
  }
  /** Whether a stream that {@link find} does not know may have been one; a later one never was. */
  forgot(id: number): boolean {
    return id <= this.forgottenUpTo;
  }
}
