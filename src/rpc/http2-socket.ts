import type { Clock, Timer } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Socket, SocketHandler } from "#lib/net/socket.ts";
import { type ConnectionHandler, Http2Connection } from "#wire/http2/connection.ts";
import type { Http2Counts } from "#wire/http2/counts.ts";
import { http2Code } from "#wire/http2/errors.ts";
import type { HeaderBlock } from "#wire/http2/header-block.ts";
import type { Http2Limits } from "#wire/http2/limits.ts";
import type { BufferPool } from "#wire/http2/out-buffer.ts";
import type { Http2Stream, StreamHandler } from "#wire/http2/stream.ts";

/** What an owner hears of its connection; streams are heard of through their own handlers. */
export interface Http2SocketHandler {
  /** Server: a request came. */
  onRequest(stream: Http2Stream, block: HeaderBlock, fin: boolean): StreamHandler;
  /** The peer's settings came, or a stream ended: another request may be possible now. */
  onRoom(): void;
  /** The peer takes no new requests on this connection. */
  onGoaway(reason: string): void;
  /** A timer has reset streams that kept the connection crowded (`Http2Connection.relieve`), outside of all other callbacks. */
  onRelieved?(): void;
  /** The connection is gone; last callback. Null for an orderly end. */
  onClosed(error: MeshError | null): void;
}

export interface Http2SocketOptions {
  readonly role: "client" | "server";
  readonly clock: Clock;
  readonly pool: BufferPool;
  readonly limits: Http2Limits;
  /** Default: nobody reads them. */
  readonly counts?: Http2Counts;
  /** Pings when nothing came for `interval` ms; the connection fails when nothing comes for `timeout` ms more. Null: never. */
  readonly keepalive: { readonly interval: number; readonly timeout: number } | null;
  /**
   * When output that other sockets' callbacks caused goes out. Default: after the callback that caused it, in a microtask.
   * Where many sockets share a connection, `setImmediate` joins what all of them cause in one turn of the event loop.
   */
  readonly defer?: (run: () => void) => void;
}

/** A timer that is so late, ms, was kept from running: what the peer sent meanwhile may wait behind it. It is read in `patience` ms. */
const late = 100;
const patience = 50;

/**
 * How long a header block may take from its first byte to its last, ms, and any frame but DATA: as a head of HTTP/1 may.
 * Who sends it drop by drop must not hold a connection.
 */
const headTimeout = 30_000;

/**
 * Between two looks at a crowded connection, ms: a stream that has not moved in between, and that others stand still for, is
 * reset. So others stand still for no more than twice as long.
 */
const reliefInterval = 1000;

/** The first ping that we send has this number. */
const firstPing = 1;

/** Joins an {@link Http2Connection} to a socket: bytes both ways, one flush a turn, keepalive, close. */
export class Http2Socket implements SocketHandler, ConnectionHandler {
  readonly connection: Http2Connection;
  readonly socket: Socket;
  private readonly handler: Http2SocketHandler;
  private readonly options: Http2SocketOptions;
  private readonly flush = (): void => this.connection.flush();
  private readonly defer: (run: () => void) => void;
  private heard: number;
  private pinged = false;
  /** When the timer should run, and whether its lateness was taken as an excuse since the peer was heard last. */
  private due = 0;
  private excused = false;
  private pings = firstPing;
  private timer: Timer | null = null;
  /** What the peer has begun and not completed, since when, and a timer that may be about something earlier. */
  private head: object | null = null;
  private headSince = 0;
  private headTimer: Timer | null = null;
  private relief: Timer | null = null;
  private over = false;
  private error: MeshError | null = null;

  constructor(socket: Socket, options: Http2SocketOptions, handler: Http2SocketHandler) {
    const { role, clock, pool, limits } = options;
    this.socket = socket;
    this.options = options;
    this.defer = options.defer ?? queueMicrotask;
    this.handler = handler;
    this.heard = clock.now();
    this.connection = new Http2Connection({
      role,
      handler: this,
      sink: socket,
      now: this.heard,
      pool,
      limits,
      ...(options.counts === undefined ? {} : { counts: options.counts }),
    });
    socket.handler = this;
    if (role === "client") this.connection.flush();
    this.watch(options.keepalive?.interval);
  }

  /** Closes at once; streams in flight are reset. */
  terminate(error: MeshError): void {
    this.error ??= error;
    this.connection.fail(error);
  }

  // ---- Keepalive: one timer per connection that is moved, not one per byte.

  private watch(delay: number | undefined): void {
    if (delay === undefined) return;
    const { clock } = this.options;
    this.due = clock.now() + delay;
    this.timer = clock.after(delay, () => this.check());
  }

  private check(): void {
    const { keepalive, clock } = this.options;
    if (keepalive === null || this.over) return;
    const now = clock.now();
    const silence = now - this.heard;
    if (this.pinged && silence >= keepalive.timeout) {
      if (now - this.due > late && !this.excused) {
        this.excused = true;
        this.watch(patience);
        return;
      }
      this.terminate(new MeshError("timeout", `The peer answered no ping for ${keepalive.timeout} ms`));
      return;
    }
    if (!this.pinged && silence >= keepalive.interval) {
      this.pinged = true;
      // From here on the answer has `timeout`; anything that comes counts as one.
      this.heard = clock.now();
      this.connection.ping(this.pings++);
      this.watch(keepalive.timeout);
      return;
    }
    this.watch(this.pinged ? keepalive.timeout - silence : keepalive.interval - silence);
  }

  // ---- Heads: chunks often end in the middle of a frame, so that the timer is not moved for each.

  private watchHead(head: object | null): void {
    this.head = head;
    if (head === null || this.over) return;
    this.headSince = this.heard;
    this.headTimer ??= this.options.clock.after(headTimeout, () => this.checkHead());
  }

  private checkHead(): void {
    this.headTimer = null;
    if (this.head === null || this.over) return;
    const { clock, counts } = this.options;
    const left = this.headSince + headTimeout - clock.now();
    if (left > 0) {
      this.headTimer = clock.after(left, () => this.checkHead());
      return;
    }
    if (counts !== undefined) counts.slowHeads++;
    const details = { http2Code: http2Code.enhanceYourCalm };
    this.terminate(new MeshError("timeout", `An HTTP/2 head is not complete after ${headTimeout} ms`, { details }));
  }

  // ---- Socket

  onData(_socket: Socket, chunk: Buffer): void {
    this.heard = this.options.clock.now();
    this.pinged = this.excused = false;
    this.connection.receive(chunk, this.heard);
    const head = this.connection.incomplete;
    if (head !== this.head) this.watchHead(head);
  }

  onDrain(): void {
    this.connection.drained();
    if (this.over && this.connection.out.length === 0) this.socket.close();
  }

  onEnd(): void {
    this.connection.receiveEnd();
    this.finish();
  }

  onClose(_socket: Socket, error: MeshError | null): void {
    this.error ??= error;
    this.connection.close(error ?? new MeshError("connection-reset", "The connection was closed"));
    this.ended();
  }

  // ---- Connection

  onRequest(stream: Http2Stream, block: HeaderBlock, fin: boolean): StreamHandler {
    return this.handler.onRequest(stream, block, fin);
  }

  onOutput(): void {
    this.defer(this.flush);
  }

  onSettings(): void {
    this.handler.onRoom();
  }

  onStreamClosed(): void {
    this.handler.onRoom();
  }

  onCrowded(): void {
    if (!this.over) this.relief ??= this.options.clock.after(reliefInterval, () => this.relieve());
  }

  private relieve(): void {
    this.relief = null;
    if (this.connection.relieve()) this.onCrowded();
    this.handler.onRelieved?.();
  }

  onPong(): void {}

  onGoaway(_code: number, debug: string): void {
    this.handler.onGoaway(debug);
  }

  onFinished(): void {
    this.finish();
  }

  onFailed(error: MeshError): void {
    this.error ??= error;
    this.finish();
  }

  /** Sends what waits, then closes; a peer that reads nothing doesn't get to hold the connection. */
  private finish(): void {
    this.connection.flush();
    this.ended();
    if (this.connection.out.length === 0) this.socket.close();
    else this.options.clock.after(1000, () => this.socket.terminate());
  }

  private ended(): void {
    if (this.over) return;
    this.over = true;
    this.timer?.cancel();
    this.headTimer?.cancel();
    this.relief?.cancel();
    this.handler.onClosed(this.error);
  }
}
