/** What one connection may cost us. Every limit that is hit has an answer, named beside it. */
export interface Http2Limits {
  /** Streams that the peer may have open; more are answered with REFUSED_STREAM. Default 100. */
  readonly maxConcurrentStreams: number;
  /**
   * Bytes of one header list as RFC 9113 §6.5.2 counts them (32 extra per field). Over it: 431, or RST; over eight times as much,
   * and four times its encoded bytes, which only references to the table make: ENHANCE_YOUR_CALM. Default 32 KiB.
   */
  readonly maxHeaderListBytes: number;
  /** Fields of one header list. Over it: as above. Default 128. */
  readonly maxHeaderListCount: number;
  /** Encoded bytes of one header block over all its frames. Over it: ENHANCE_YOUR_CALM. Default 64 KiB. */
  readonly maxHeaderBlockBytes: number;
  /** CONTINUATION frames of one header block. Over it: ENHANCE_YOUR_CALM. Default 16. */
  readonly maxContinuations: number;
  /** Bytes of one stream's receive window, 1–2^31-1. What a peer sends beyond is FLOW_CONTROL_ERROR. Default 65,535. */
  readonly streamWindow: number;
  /** Bytes of the connection's receive window, 65,535–2^31-1. Default 1 MiB. */
  readonly connectionWindow: number;
  /**
   * Bytes, received and not consumed, for which the connection's window is given back all the same, so that a stream that
   * nobody reads stops itself alone. What comes beyond uses the window up, so that this and the window bound what is kept;
   * when half of the window is used up, streams that nobody reads are reset (`Http2Connection.relieve`). Default 0: the
   * window comes back only by what is consumed, and nothing is reset.
   */
  readonly freeBytes: number;
  /**
   * Bytes of all streams that wait for windows or the socket, beyond which the connection is crowded: sources are asked to
   * stop until half of it is left, and streams whose receiver does not read are reset (`Http2Connection.relieve`). Sources
   * add at most what they had read already. Default: no limit, for owners that bound what they send.
   */
  readonly queuedBytes: number;
  /** Bytes waiting for a blocked socket after which DATA stays in the streams' own queues. Default 256 KiB. */
  readonly outHighWater: number;
  /** Bytes waiting for a blocked socket after which the connection fails with ENHANCE_YOUR_CALM. Default 4 MiB. */
  readonly outMax: number;
  /**
   * Streams reset by the peer, or by us. Those that can't have been of any use count ten times: reset by the peer in the chunk
   * that opened them, or by us for the peer's mistakes. Over it: ENHANCE_YOUR_CALM.
   */
  readonly resets: Rate;
  readonly pings: Rate;
  readonly settings: Rate;
  /**
   * Frames that do nothing but cost: DATA without a byte and without END_STREAM, PRIORITY, unknown ones, and WINDOW_UPDATE beyond two for
   * each stream, four for each DATA frame that we sent, and one for each 256 bytes in them.
   */
  readonly idleFrames: Rate;
}

/** `burst` at once, then `perSecond` on average. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

const defaultLimits: Http2Limits = {
  maxConcurrentStreams: 100,
  maxHeaderListBytes: 32 * 1024,
  maxHeaderListCount: 128,
  maxHeaderBlockBytes: 64 * 1024,
  maxContinuations: 16,
  streamWindow: 65_535,
  connectionWindow: 1024 * 1024,
  freeBytes: 0,
  queuedBytes: Number.POSITIVE_INFINITY,
  outHighWater: 256 * 1024,
  outMax: 4 * 1024 * 1024,
  resets: { burst: 1000, perSecond: 200 },
  pings: { burst: 10_000, perSecond: 1000 },
  settings: { burst: 100, perSecond: 10 },
  idleFrames: { burst: 1000, perSecond: 200 },
};

/** The defaults with some of them changed. Make it once for all connections of a kind. */
export function http2Limits(changes: Partial<Http2Limits> = {}): Http2Limits {
  return { ...defaultLimits, ...changes };
}

/** A token bucket whose time is an argument. */
export class Budget {
  private tokens: number;
  private last: number;
  private readonly rate: Rate;

  constructor(rate: Rate, now: number) {
    this.rate = rate;
    this.tokens = rate.burst;
    this.last = now;
  }

  /** Takes `count` tokens at `now` (ms); false when there are fewer. */
  take(now: number, count = 1): boolean {
    const gained = ((now - this.last) * this.rate.perSecond) / 1000;
    this.last = now;
    this.tokens = Math.min(this.rate.burst, this.tokens + gained);
    if (this.tokens < count) return false;
    this.tokens -= count;
    return true;
  }
}
