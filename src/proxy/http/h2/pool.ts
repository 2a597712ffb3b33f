import type { Timer } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Socket } from "#lib/net/socket.ts";
import type { Downstream, HttpContext, UpstreamPool } from "../exchange.ts";
import type { PoolOptions } from "../pool.ts";
import { ClientSession, type ClientSessionOwner } from "./client-session.ts";

/** A connection without requests is kept for so long, ms: it costs a server more to make than to have. */
const idleTimeout = 60_000;
/** How long requests wait for room on connections in use when no further one can be made, ms. */
const patience = 1000;
/** How long a request waits for room on connections at most, ms, as it would for an endpoint: a server may allow no streams. */
const maxWait = 3000;
/** Connections to one server; a request beyond their streams waits. */
const maxConnections = 100;

export interface Http2PoolOptions extends Omit<PoolOptions, "idleTimeout" | "maxIdle"> {
  /** Whether silent connections are pinged. */
  readonly pings: boolean;
}

/**
 * HTTP/2 connections to one server. A request takes the first connection with room; when there is none it waits, and one
 * more connection is made. All that wait share what comes first.
 */
export class Http2Pool implements UpstreamPool, ClientSessionOwner {
  private readonly options: Http2PoolOptions;
  private readonly context: HttpContext;
  /** Take new requests. */
  private readonly sessions: ClientSession[] = [];
  /** All, those that only finish included. */
  private readonly all = new Set<ClientSession>();
  /** Since when, ms of the clock; the oldest first. */
  private readonly waiting = new Map<Downstream, number>();
  /** The one behind the last that was served: where thousands have gone, a walk from the start would pass all of their places. */
  private nextWaiting: Iterator<Downstream> | null = null;
  private dialing = false;
  private sweep: Timer | null = null;
  private giveUp: Timer | null = null;
  /** Runs only while requests wait. */
  private overdue: Timer | null = null;
  private retired = false;

  constructor(options: Http2PoolOptions, context: HttpContext) {
    this.options = options;
    this.context = context;
  }

  /** Connections, in use or not. */
  get size(): number {
    return this.all.size;
  }

  get empty(): boolean {
    return this.all.size === 0 && !this.dialing && this.waiting.size === 0;
  }

  acquire(downstream: Downstream): void {
    for (const session of this.sessions) if (session.begin(downstream)) return;
    const { clock } = this.context;
    this.waiting.set(downstream, clock.now());
    this.overdue ??= clock.after(maxWait, () => this.refuseOverdue());
    this.dial();
  }

  cancel(downstream: Downstream): void {
    this.waiting.delete(downstream);
    this.stopWaiting();
  }

  retire(): void {
    this.retired = true;
    this.sweep?.cancel();
    this.sweep = null;
    this.sessions.length = 0;
    for (const session of [...this.all]) session.retire();
  }

  onRoom(session: ClientSession): void {
    if (this.waiting.size > 0) this.serveWaiting(session);
    if (session.active > 0 || this.retired) return;
    session.idleSince = this.context.clock.now();
    this.sweep ??= this.context.clock.after(idleTimeout, () => this.expire());
  }

  private serveWaiting(session: ClientSession): void {
    while (session.canOpen) {
      const next = (this.nextWaiting ??= this.waiting.keys()).next();
      if (next.done === true) {
        // It would not see who comes later.
        this.nextWaiting = null;
        break;
      }
      this.waiting.delete(next.value);
      session.begin(next.value);
    }
    this.stopWaiting();
    if (this.waiting.size > 0 && !this.retired) this.dial();
  }

  onLeaving(session: ClientSession): void {
    const at = this.sessions.indexOf(session);
    if (at >= 0) this.sessions.splice(at, 1);
  }

  onGone(session: ClientSession, error: MeshError | null): void {
    this.onLeaving(session);
    if (!this.all.delete(session)) return;
    this.options.cells.closed(error);
    if (this.waiting.size > 0) this.dial();
    if (this.empty) this.options.onEmpty();
  }

  private dial(): void {
    if (this.dialing || this.all.size >= maxConnections) return;
    // The next connection of a server that takes nothing would be no better, and one that has just begun may have room for thousands.
    for (const session of this.sessions) if (session.takesNone || !session.settled) return;
    this.dialing = true;
    this.options.dial({
      onOpen: (socket) => this.opened(socket),
      onFail: (error) => this.failed(error),
    });
  }

  private opened(socket: Socket): void {
    const { cells, prologue, pings } = this.options;
    this.dialing = false;
    cells.opened();
    this.options.onConnected();
    const session = new ClientSession(socket, this.context, this, cells, prologue, pings);
    this.all.add(session);
    if (!this.retired) this.sessions.push(session);
    this.onRoom(session);
    if (this.retired) session.retire();
  }

  private failed(error: MeshError): void {
    this.dialing = false;
    // Connections that live prove that the server does: one of them may have room soon.
    if (this.sessions.length > 0) this.giveUp ??= this.context.clock.after(patience, () => this.refuse(error));
    else this.refuse(error);
  }

  private refuse(error: MeshError): void {
    this.giveUp?.cancel();
    this.giveUp = null;
    const left = [...this.waiting.keys()];
    this.waiting.clear();
    this.stopWaiting();
    if (left.length > 0 || this.all.size === 0) this.options.onConnectFailed(error);
    for (const downstream of left) downstream.onUnsent(error);
    if (this.empty) this.options.onEmpty();
    this.context.flusher.run();
  }

  private stopWaiting(): void {
    if (this.waiting.size > 0) return;
    this.overdue?.cancel();
    this.overdue = null;
  }

  /** Fails requests that have waited for long enough. */
  private refuseOverdue(): void {
    const { clock, http2, flusher } = this.context;
    const now = clock.now();
    let next = maxWait;
    const left: Downstream[] = [];
    // A first connection has a limit of its own.
    if (this.all.size > 0 || !this.dialing) {
      for (const [downstream, since] of this.waiting) {
        next = since + maxWait - now;
        if (next > 0) break;
        left.push(downstream);
        this.waiting.delete(downstream);
      }
    }
    this.overdue = this.waiting.size > 0 ? clock.after(next, () => this.refuseOverdue()) : null;
    const why = this.sessions.some((session) => session.takesNone) ? "the server allows none" : "all are in use";
    const error = new MeshError("timeout", `Waiting for an HTTP/2 stream took over ${maxWait} ms: ${why}`);
    http2.counts.waitedInVain += left.length;
    for (const downstream of left) downstream.onUnsent(error);
    if (this.empty) this.options.onEmpty();
    flusher.run();
  }

  private expire(): void {
    this.sweep = null;
    const now = this.context.clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const session of [...this.sessions]) {
      if (session.active > 0) continue;
      const left = session.idleSince + idleTimeout - now;
      if (left > 0) next = Math.min(next, left);
      else {
        this.onLeaving(session);
        session.retire();
      }
    }
    if (next < Number.POSITIVE_INFINITY) this.sweep = this.context.clock.after(next, () => this.expire());
  }
}
