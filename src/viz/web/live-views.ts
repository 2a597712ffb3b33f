/**
 * Views as event streams. A view that several pages watch is made once per beat and sent to those that have not seen it;
 * a page that does not keep up misses views, never delays others, and costs at most one view of memory.
 */
import type { Clock, Timer } from "#lib/clock.ts";

export interface LiveViewsOptions {
  readonly clock: Clock;
  /** The view as JSON text; called at most once per beat and key. Must not throw. */
  readonly render: (key: string) => string;
  /** ms between two looks at a view. Default 1000. */
  readonly beat?: number;
  /** Streams at the same time. Default 64. */
  readonly limit?: number;
}

interface Subscriber {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  sent: string;
  /** Beats since anything was sent. */
  quiet: number;
}

/** Beats after which a comment is sent, so that no proxy in between takes the stream for dead. */
const quietBeats = 10;

export class LiveViews {
  private readonly clock: Clock;
  private readonly render: (key: string) => string;
  private readonly beat: number;
  private readonly limit: number;
  private readonly views = new Map<string, Set<Subscriber>>();
  private readonly encoder = new TextEncoder();
  private timer: Timer | null = null;
  private count = 0;

  constructor(options: LiveViewsOptions) {
    this.clock = options.clock;
    this.render = options.render;
    this.beat = options.beat ?? 1000;
    this.limit = options.limit ?? 64;
  }

  /** Streams that are open. */
  get open(): number {
    return this.count;
  }

  /** A stream of the view `key`; null when too many are open. */
  subscribe(key: string): ReadableStream<Uint8Array> | null {
    if (this.count >= this.limit) return null;
    this.count++;
    let subscriber: Subscriber | null = null;
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          subscriber = { controller, sent: "", quiet: 0 };
          const known = this.views.get(key);
          if (known === undefined) this.views.set(key, new Set([subscriber]));
          else known.add(subscriber);
          controller.enqueue(this.encoder.encode("retry: 1000\n\n"));
          this.send(subscriber, this.render(key));
          this.timer ??= this.clock.after(this.beat, () => this.tick());
        },
        cancel: () => {
          if (subscriber !== null) this.remove(key, subscriber);
        },
      },
      new CountQueuingStrategy({ highWaterMark: 3 }),
    );
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = null;
    for (const [key, subscribers] of this.views) {
      for (const subscriber of subscribers) {
        this.remove(key, subscriber);
        subscriber.controller.close();
      }
    }
  }

  private tick(): void {
    this.timer = this.views.size === 0 ? null : this.clock.after(this.beat, () => this.tick());
    for (const [key, subscribers] of this.views) {
      const text = this.render(key);
      for (const subscriber of subscribers) this.send(subscriber, text);
    }
  }

  private send(subscriber: Subscriber, text: string): void {
    // Its queue is full: it takes the view of a later beat.
    if ((subscriber.controller.desiredSize ?? 0) <= 0) return;
    if (subscriber.sent !== text) {
      subscriber.sent = text;
      subscriber.quiet = 0;
      subscriber.controller.enqueue(this.encoder.encode(`data: ${text}\n\n`));
    } else if (++subscriber.quiet >= quietBeats) {
      subscriber.quiet = 0;
      subscriber.controller.enqueue(this.encoder.encode(": still here\n\n"));
    }
  }

  private remove(key: string, subscriber: Subscriber): void {
    const subscribers = this.views.get(key);
    if (subscribers === undefined || !subscribers.delete(subscriber)) return;
    this.count--;
    if (subscribers.size === 0) this.views.delete(key);
    if (this.views.size === 0) {
      this.timer?.cancel();
      this.timer = null;
    }
  }
}
