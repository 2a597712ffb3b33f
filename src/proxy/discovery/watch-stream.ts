/**
 * Keeps one server stream of the control plane open: opens it again after every end, with backoff, and hands on what it
 * says. It never gives up, except when the control plane says that asking is pointless. Values already handed on stay
 * valid while it is away: forgetting is the caller's decision alone.
 */
import { Backoff, type BackoffOptions } from "#lib/backoff.ts";
import type { Clock, Timer } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { Random } from "#lib/random.ts";

/** How a stream ended; `code` is the gRPC status. */
export interface StreamEnd {
  readonly code: number;
  readonly message: string;
}

/** Opens the stream once. `onEnd` comes once, unless cancelled. */
export type OpenStream<M> = (handlers: { onMessage(message: M): void; onEnd(end: StreamEnd): void }) => {
  cancel(): void;
};

export interface WatchHandlers<M> {
  /** `first`: the stream was opened anew, so this message starts from nothing. */
  onMessage(message: M, first: boolean): void;
  /** The control plane refuses: the thing does not exist or it does not serve it. `retried`: it is asked again later. */
  onRefused(end: StreamEnd, retried: boolean): void;
}

export interface WatchStreamOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly backoff: BackoffOptions;
  /** ms until the first message; then between messages; then the longest life, after which it is renewed. */
  readonly initialTimeout: number;
  readonly idleTimeout: number;
  readonly lifetime: number;
  /** For log lines, e.g. "profile of 10.0.0.1:80". */
  readonly what: string;
}

const invalidArgument = 3;
const notFound = 5;
const failedPrecondition = 9;
const unimplemented = 12;

export class WatchStream<M> {
  private readonly open: OpenStream<M>;
  private readonly handlers: WatchHandlers<M>;
  private readonly options: WatchStreamOptions;
  private readonly backoff: Backoff;
  private current: { cancel(): void } | null = null;
  private deadline: Timer | null = null;
  private renewal: Timer | null = null;
  private retry: Timer | null = null;
  private closed = false;
  /** The same trouble is told once, not on every attempt. */
  private troubled = false;

  constructor(open: OpenStream<M>, handlers: WatchHandlers<M>, options: WatchStreamOptions) {
    this.open = open;
    this.handlers = handlers;
    this.options = options;
    this.backoff = new Backoff(options.backoff, options.random);
    this.connect();
  }

  close(): void {
    this.closed = true;
    this.stop();
    this.retry?.cancel();
  }

  private stop(): void {
    this.deadline?.cancel();
    this.renewal?.cancel();
    const { current } = this;
    this.current = null;
    current?.cancel();
  }

  private connect(): void {
    const { clock, initialTimeout, idleTimeout, lifetime } = this.options;
    this.retry = null;
    let first = true;
    let live = true;
    const end = (reason: StreamEnd): void => {
      if (!live) return;
      live = false;
      this.stop();
      if (!this.closed) this.ended(reason, !first);
    };
    const arm = (delay: number, message: string): void => {
      this.deadline?.cancel();
      this.deadline = clock.after(delay, () => end({ code: 4, message }));
    };
    arm(initialTimeout, `No message came within ${initialTimeout} ms`);
    this.renewal = clock.after(lifetime, () => end({ code: 0, message: "The stream reached its longest life" }));
    const opened = this.open({
      onMessage: (message) => {
        if (!live) return;
        arm(idleTimeout, `No message came for ${idleTimeout} ms`);
        const wasFirst = first;
        first = false;
        if (wasFirst) {
          this.backoff.reset();
          if (this.troubled) this.options.log.info("Control plane answers again", { stream: this.options.what });
          this.troubled = false;
        }
        this.handlers.onMessage(message, wasFirst);
      },
      onEnd: end,
    });
    // The stream may have ended inside `open`, or its first message may have closed us.
    if (live && !this.closed) this.current = opened;
    else opened.cancel();
  }

  private ended(reason: StreamEnd, hadMessage: boolean): void {
    const { log, what, clock } = this.options;
    switch (reason.code) {
      case unimplemented:
      case invalidArgument:
        log.debug("Control plane does not serve this", { stream: what, reason: reason.message });
        this.closed = true;
        this.handlers.onRefused(reason, false);
        return;
      case notFound:
      case failedPrecondition:
        this.handlers.onRefused(reason, true);
        break;
      default: {
        // A stream that ran and ended is routine: rollouts, idle limits, the longest life.
        const fields = { stream: what, code: reason.code, reason: reason.message };
        if (hadMessage || this.troubled) log.debug("Control plane stream ended", fields);
        else log.warn("Control plane can't be asked, what was known stays", fields);
        if (!hadMessage) this.troubled = true;
      }
    }
    // After a good run the first attempt comes at once; a renewal must not leave a gap.
    const delay = hadMessage && reason.code === 0 ? 0 : this.backoff.next();
    this.retry = clock.after(delay, () => this.connect());
  }
}
