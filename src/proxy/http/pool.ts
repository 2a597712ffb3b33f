import type { Clock, Timer } from "#lib/clock.ts";
import type { MeshError } from "#lib/errors.ts";
import type { ConnectHandler, PendingConnect, Socket } from "#lib/net/socket.ts";
import { ClientConnection, type ClientConnectionOwner } from "./client-connection.ts";
import type { Downstream, HttpContext, UpstreamPool } from "./exchange.ts";
import type { TransportCells } from "./ports.ts";

export interface PoolOptions {
  /** Starts one connection attempt; the handler may be called before it returns. */
  readonly dial: (handler: ConnectHandler) => PendingConnect;
  /** Bytes that open every connection, or null. */
  readonly prologue: Buffer | null;
  readonly cells: TransportCells;
  /** ms that an idle connection is kept; Linkerd: 3 000. */
  readonly idleTimeout: number;
  /** Idle connections that are kept; Linkerd: 10 000. */
  readonly maxIdle: number;
  onConnected(): void;
  onConnectFailed(error: MeshError): void;
  /** No connection, attempt or waiter is left. */
  onEmpty(): void;
}

/**
 * How long a request whose connection attempt failed may wait for a connection in use to become idle, ms. Connections
 * that live prove that the server does; new ones can still fail, for example while certificates can't be renewed.
 */
const patience = 1000;
/**
 * Attempts under way at a time: as many as there are connections, from so many to so many. More would only take the time that
 * handshakes need from each other, until all of them are too late; who waits is served by whichever connection comes free.
 */
const leastDialing = 8;
const maxDialing = 64;

/**
 * Connections to one server. A request takes the idle connection that was used last; when there is none it waits for
 * whichever comes first, a new connection or one that becomes idle. There are never more attempts than waiters, nor than 64. An
 * attempt that fails counts against the server only if no other connection to it is left; waiters without an attempt
 * share its fate.
 */
export class HttpPool implements UpstreamPool, ClientConnectionOwner {
  private readonly options: PoolOptions;
  private readonly context: HttpContext;
  private readonly clock: Clock;
  /** Least recently used first. */
  private readonly idle: ClientConnection[] = [];
  private readonly all = new Set<ClientConnection>();
  private readonly waiting: Downstream[] = [];
  /** Their own attempt failed: they wait for a connection in use, until `giveUp`. */
  private readonly stranded: Downstream[] = [];
  private giveUp: Timer | null = null;
  private lastFailure: MeshError | null = null;
  private dialing = 0;
  private sweep: Timer | null = null;
  private retired = false;

  constructor(options: PoolOptions, context: HttpContext) {
    this.options = options;
    this.context = context;
    this.clock = context.clock;
  }

  /** Connections, in use or not. */
  get size(): number {
    return this.all.size;
  }

  get empty(): boolean {
    return this.all.size === 0 && this.dialing === 0 && this.waiting.length === 0 && this.stranded.length === 0;
  }

  acquire(downstream: Downstream): void {
    for (let connection = this.idle.pop(); connection !== undefined; connection = this.idle.pop()) {
      if (connection.usable) {
        connection.begin(downstream);
        return;
      }
    }
    this.waiting.push(downstream);
    this.dialForWaiters();
  }

  cancel(downstream: Downstream): void {
    for (const list of [this.waiting, this.stranded]) {
      const index = list.indexOf(downstream);
      if (index >= 0) list.splice(index, 1);
    }
    if (this.stranded.length === 0) this.settled();
  }

  /** The server is gone: idle connections end now, those in use after their exchange. */
  retire(): void {
    this.retired = true;
    this.sweep?.cancel();
    this.sweep = null;
    for (const connection of [...this.all]) connection.retire();
  }

  onIdle(connection: ClientConnection): void {
    const next = this.stranded.shift() ?? this.waiting.shift();
    if (next !== undefined) {
      if (this.stranded.length === 0) this.settled();
      connection.begin(next);
      return;
    }
    if (this.retired || this.idle.length >= this.options.maxIdle) {
      connection.retire();
      return;
    }
    connection.idleSince = this.clock.now();
    this.idle.push(connection);
    this.sweep ??= this.clock.after(this.options.idleTimeout, () => this.expire());
  }

  onGone(connection: ClientConnection, error: MeshError | null): void {
    if (!this.all.delete(connection)) return;
    const index = this.idle.lastIndexOf(connection);
    if (index >= 0) this.idle.splice(index, 1);
    this.options.cells.closed(error);
    if (this.all.size === 0) this.abandonStranded();
    if (this.empty) this.options.onEmpty();
  }

  onHandedOver(connection: ClientConnection): void {
    this.all.delete(connection);
    if (this.all.size === 0) this.abandonStranded();
    if (this.empty) this.options.onEmpty();
  }

  /** An attempt may succeed or fail before its call returns. */
  private dialForWaiters(): void {
    const most = Math.min(maxDialing, Math.max(leastDialing, this.all.size));
    while (this.waiting.length > this.dialing && this.dialing < most) {
      this.dialing++;
      this.options.dial({
        onOpen: (socket) => this.opened(socket),
        onFail: (error) => this.failed(error),
      });
    }
  }

  private opened(socket: Socket): void {
    this.dialing--;
    this.options.cells.opened();
    this.options.onConnected();
    const connection = new ClientConnection(socket, this.context, this, this.options.cells, this.options.prologue);
    this.all.add(connection);
    this.onIdle(connection);
    this.dialForWaiters();
    this.context.flusher.run();
  }

  private failed(error: MeshError): void {
    this.dialing--;
    if (this.all.size > 0 && !this.retired) {
      const left = this.unattended();
      if (left.length === 0) return;
      this.lastFailure = error;
      this.stranded.push(...left);
      this.giveUp ??= this.clock.after(patience, () => {
        this.abandonStranded();
        this.context.flusher.run();
      });
      return;
    }
    this.options.onConnectFailed(error);
    for (const waiter of this.unattended()) waiter.onUnsent(error);
    if (this.empty) this.options.onEmpty();
    this.context.flusher.run();
  }

  /** After an attempt failed: the one that has waited longest, and those beyond the attempts that are left. */
  private unattended(): Downstream[] {
    return this.waiting.splice(0, Math.max(1, this.waiting.length - this.dialing));
  }

  /** Nobody is stranded any more. */
  private settled(): void {
    this.giveUp?.cancel();
    this.giveUp = null;
    this.lastFailure = null;
  }

  /** No connection came free in time, or none is left: the failed attempts count after all. */
  private abandonStranded(): void {
    const error = this.lastFailure;
    const left = this.stranded.splice(0);
    this.settled();
    if (error === null || left.length === 0) return;
    this.options.onConnectFailed(error);
    for (const downstream of left) downstream.onUnsent(error);
  }

  private expire(): void {
    this.sweep = null;
    const now = this.clock.now();
    for (let connection = this.idle[0]; connection !== undefined; connection = this.idle[0]) {
      const left = connection.idleSince + this.options.idleTimeout - now;
      if (left > 0) {
        this.sweep = this.clock.after(left, () => this.expire());
        return;
      }
      this.idle.shift();
      connection.retire();
    }
  }
}
