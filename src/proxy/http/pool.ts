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
 * Connections to one server. A request takes the idle connection that was used last; when there is none it waits for
 * whichever comes first, a new connection or one that becomes idle. There are never more attempts than waiters.
 */
export class HttpPool implements UpstreamPool, ClientConnectionOwner {
  private readonly options: PoolOptions;
  private readonly context: HttpContext;
  private readonly clock: Clock;
  /** Least recently used first. */
  private readonly idle: ClientConnection[] = [];
  private readonly all = new Set<ClientConnection>();
  private readonly waiting: Downstream[] = [];
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
    return this.all.size === 0 && this.dialing === 0 && this.waiting.length === 0;
  }

  acquire(downstream: Downstream): void {
    for (let connection = this.idle.pop(); connection !== undefined; connection = this.idle.pop()) {
      if (connection.usable) {
        connection.begin(downstream);
        return;
      }
    }
    this.waiting.push(downstream);
    this.dial();
  }

  cancel(downstream: Downstream): void {
    const index = this.waiting.indexOf(downstream);
    if (index >= 0) this.waiting.splice(index, 1);
  }

  /** The server is gone: idle connections end now, those in use after their exchange. */
  retire(): void {
    this.retired = true;
    this.sweep?.cancel();
    this.sweep = null;
    for (const connection of [...this.all]) connection.retire();
  }

  onIdle(connection: ClientConnection): void {
    const next = this.waiting.shift();
    if (next !== undefined) {
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
    if (this.empty) this.options.onEmpty();
  }

  onHandedOver(connection: ClientConnection): void {
    this.all.delete(connection);
    if (this.empty) this.options.onEmpty();
  }

  private dial(): void {
    this.dialing++;
    this.options.dial({
      onOpen: (socket) => this.opened(socket),
      onFail: (error) => this.failed(error),
    });
  }

  private opened(socket: Socket): void {
    this.dialing--;
    this.options.cells.opened();
    this.options.onConnected();
    const connection = new ClientConnection(socket, this.context, this, this.options.cells, this.options.prologue);
    this.all.add(connection);
    this.onIdle(connection);
    this.context.flusher.run();
  }

  private failed(error: MeshError): void {
    this.dialing--;
    this.options.onConnectFailed(error);
    this.waiting.shift()?.onUnsent(error);
    if (this.empty) this.options.onEmpty();
    this.context.flusher.run();
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
