import type { ConnectHandler, PendingConnect, SocketAddr } from "#lib/net/socket.ts";
import type { HttpContext } from "../http/exchange.ts";
import { Http2Pool } from "../http/h2/pool.ts";
import { HttpPool, type PoolOptions } from "../http/pool.ts";
import type { TransportCells } from "../http/ports.ts";
import type { InboundOptions } from "./options.ts";

/** Kept connections to one target. */
export class AppPool {
  readonly http1: HttpPool;
  private made: Http2Pool | null = null;
  private readonly options: PoolOptions;
  private readonly http: HttpContext;

  constructor(options: PoolOptions, http: HttpContext) {
    this.options = options;
    this.http = http;
    this.http1 = new HttpPool(options, http);
  }

  /** Speaks HTTP/2 without being asked (prior knowledge, RFC 9113 §3.3). */
  get http2(): Http2Pool {
    // Applications differ in how many pings they stand.
    this.made ??= new Http2Pool({ ...this.options, pings: false }, this.http);
    return this.made;
  }

  get empty(): boolean {
    return this.http1.empty && (this.made?.empty ?? true);
  }
}

interface Entry {
  readonly pool: AppPool;
  users: number;
}

/** Starts one connection attempt to the application. */
export function connectApp(options: InboundOptions, target: SocketAddr, handler: ConnectHandler): PendingConnect {
  const addr = options.appAddress(target);
  return options.connect(
    {
      ip: addr.ip,
      port: addr.port,
      timeout: options.connectTimeout,
      clock: options.clock,
      ...(options.connectKeepAlive > 0 ? { keepAlive: options.connectKeepAlive } : {}),
      ...(options.connectUserTimeout > 0 ? { userTimeout: options.connectUserTimeout } : {}),
    },
    handler,
  );
}

/** Kept connections to the application, by target. A pool lives while a client connection uses it or it keeps a connection. */
export class AppPools {
  private readonly entries = new Map<string, Entry>();
  private readonly options: InboundOptions;
  private readonly http: HttpContext;

  constructor(options: InboundOptions, http: HttpContext) {
    this.options = options;
    this.http = http;
  }

  /** `cells`: of the connections, when the pool is new. */
  acquire(target: SocketAddr, cells: TransportCells): AppPool {
    const key = `${target.ip} ${target.port}`;
    let entry = this.entries.get(key);
    if (entry === undefined) {
      entry = { pool: this.create(key, target, cells), users: 0 };
      this.entries.set(key, entry);
    }
    entry.users++;
    return entry.pool;
  }

  release(target: SocketAddr): void {
    const key = `${target.ip} ${target.port}`;
    const entry = this.entries.get(key);
    if (entry === undefined) return;
    entry.users--;
    this.dropIfUnused(key);
  }

  get size(): number {
    return this.entries.size;
  }

  private create(key: string, target: SocketAddr, cells: TransportCells): AppPool {
    const { options } = this;
    return new AppPool(
      {
        dial: (handler) => connectApp(options, target, handler),
        prologue: null,
        cells,
        idleTimeout: options.poolIdleTimeout,
        maxIdle: options.maxIdlePerPort,
        onConnected() {},
        onConnectFailed() {},
        onEmpty: () => this.dropIfUnused(key),
      },
      this.http,
    );
  }

  private dropIfUnused(key: string): void {
    const entry = this.entries.get(key);
    if (entry !== undefined && entry.users === 0 && entry.pool.empty) this.entries.delete(key);
  }
}
