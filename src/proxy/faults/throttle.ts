/**
 * Passes the body of a response on no faster than so many bytes per second. Stands between the client's side of an exchange and a pool;
 * only for requests that are to be slow.
 */
import type { Clock, Timer } from "#lib/clock.ts";
import type { MeshError } from "#lib/errors.ts";
import type { Socket } from "#lib/net/socket.ts";
import type { BodyKind, FlatHeaders, RequestHead, ResponseHead } from "#wire/http1/head.ts";
import type { HeaderBlock } from "#wire/http2/header-block.ts";
import type { Downstream, Upstream, UpstreamPool } from "../http/exchange.ts";
import type { TransportCells } from "../http/ports.ts";

export interface ThrottleContext {
  readonly clock: Clock;
  /** After what timers do: lets out-buffers go out. */
  readonly flush: () => void;
}

/** How often a part goes out, ms. */
const tick = 50;

/** The same pool, whose responses are slow. `rate`: bytes per second, more than 0. */
export function throttled(pool: UpstreamPool, rate: number, context: ThrottleContext): UpstreamPool {
  let waiting: Throttled | null = null;
  return {
    acquire(downstream) {
      waiting = new Throttled(downstream, rate, context);
      pool.acquire(waiting);
    },
    cancel() {
      if (waiting !== null) pool.cancel(waiting);
    },
  };
}

/** Shows each side of the exchange to the other. What has come and may not go on yet is kept here, and the server is not read meanwhile. */
class Throttled implements Downstream {
  private readonly client: Downstream;
  private readonly rate: number;
  private readonly context: ThrottleContext;
  private server: Upstream | null = null;
  private kept: Buffer[] = [];
  /** Bytes that may go now; grows with time up to what one tick allows. */
  private allowance: number;
  private since: number;
  private timer: Timer | null = null;
  /** The response's end came, and waits for what is kept. */
  private ending: { readonly trailers: FlatHeaders; readonly block: HeaderBlock | null } | null = null;
  private over = false;

  constructor(client: Downstream, rate: number, context: ThrottleContext) {
    this.client = client;
    this.rate = rate;
    this.context = context;
    this.allowance = this.most;
    this.since = context.clock.now();
  }

  private get most(): number {
    return Math.max(1, (this.rate * tick) / 1000);
  }

  // --- as the server's downstream

  get request(): RequestHead {
    return this.client.request;
  }
  get extra(): FlatHeaders {
    return this.client.extra;
  }
  get extraFields(): string {
    return this.client.extraFields;
  }
  get authority(): string | null {
    return this.client.authority;
  }
  get blocked(): boolean {
    return this.kept.length > 0 || this.client.blocked;
  }

  onUpstream(upstream: Upstream): void {
    this.server = upstream;
    this.client.onUpstream(new ThrottledUpstream(this, upstream));
  }
  onUnsent(error: MeshError): void {
    this.client.onUnsent(error);
  }
  onInformational(head: ResponseHead): void {
    this.client.onInformational(head);
  }
  onResponse(head: ResponseHead, body: BodyKind): void {
    this.client.onResponse(head, body);
  }

  onResponseBody(chunk: Buffer, start: number, end: number): void {
    if (this.over || start === end) return;
    // The reader may use its buffer again.
    this.kept.push(Buffer.from(chunk.subarray(start, end)));
    this.pass();
  }

  onResponseEnd(trailers: FlatHeaders): void {
    this.ending = { trailers, block: this.server?.trailerBlock ?? null };
    this.server = null;
    this.pass();
  }

  onSwitched(head: ResponseHead, socket: Socket, cells: TransportCells, initial: Buffer): void {
    this.stop();
    this.client.onSwitched(head, socket, cells, initial);
  }

  onBroken(error: MeshError, unanswered: boolean, reused: boolean): void {
    if (this.over) return;
    this.stop();
    this.server = null;
    this.client.onBroken(error, unanswered, reused);
  }

  onUpstreamBlocked(): void {
    this.client.onUpstreamBlocked();
  }

  get ended(): boolean {
    return this.ending !== null;
  }

  /** As the response's end had it. */
  get trailerBlock(): HeaderBlock | null {
    return this.ending?.block ?? null;
  }

  /** The client is gone. */
  abort(): void {
    this.stop();
    this.server = null;
  }

  /** Passes on what may go now. */
  pass(): void {
    const { client, kept, context } = this;
    const now = context.clock.now();
    this.allowance = Math.min(this.most, this.allowance + ((now - this.since) * this.rate) / 1000);
    this.since = now;
    while (!this.over && kept.length > 0 && this.allowance >= 1 && !client.blocked) {
      const [first] = kept;
      if (first === undefined) break;
      const size = Math.min(first.length, Math.floor(this.allowance));
      this.allowance -= size;
      if (size === first.length) kept.shift();
      else kept[0] = first.subarray(size);
      client.onResponseBody(first, 0, size);
    }
    if (this.over) return;
    if (kept.length > 0) {
      this.server?.pauseResponse();
      // A client that is blocked calls `resumeResponse`.
      if (!client.blocked && this.timer === null) this.timer = context.clock.after(tick, () => this.onTick());
      return;
    }
    if (this.ending === null) {
      if (!client.blocked) this.server?.resumeResponse();
      return;
    }
    this.stop();
    client.onResponseEnd(this.ending.trailers);
  }

  private onTick(): void {
    this.timer = null;
    this.pass();
    this.context.flush();
  }

  private stop(): void {
    this.over = true;
    this.kept = [];
    this.timer?.cancel();
    this.timer = null;
  }
}

/** The client's way to the server. */
class ThrottledUpstream implements Upstream {
  private readonly owner: Throttled;
  private readonly server: Upstream;

  constructor(owner: Throttled, server: Upstream) {
    this.owner = owner;
    this.server = server;
  }

  get blocked(): boolean {
    return this.server.blocked;
  }
  get trailerBlock(): HeaderBlock | null {
    return this.owner.trailerBlock;
  }
  sendBody(chunk: Buffer, start: number, end: number): void {
    this.server.sendBody(chunk, start, end);
  }
  endRequest(trailers: FlatHeaders): void {
    this.server.endRequest(trailers);
  }
  resumeResponse(): void {
    this.owner.pass();
  }
  pauseResponse(): void {
    if (!this.owner.ended) this.server.pauseResponse();
  }
  abort(): void {
    const { ended } = this.owner;
    this.owner.abort();
    // The server has let go of an exchange whose response is complete.
    if (!ended) this.server.abort();
  }
}
