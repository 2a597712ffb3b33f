/**
 * Opening connections. The descriptor is made and connected by the C library and then handed to the runtime, because
 * the runtime's own connect has no timeout, can't be cancelled and reports "refused" for every kind of failure.
 */
import { systemClock } from "../clock.ts";
import type { Clock, Timer } from "../clock.ts";
import { MeshError } from "../errors.ts";
import { BunSocket, nativeAddresses, nativeFd, nativeHandlers, raise } from "./bun-socket.ts";
import type { NativeOwner, NativeSocket } from "./bun-socket.ts";
import {
  closeDescriptor,
  connectSocket,
  errnoInProgress,
  getOption,
  hasSentData,
  setOption,
  socketOptions,
  tcpSocket,
} from "./libc.ts";
import { errnoError, netError } from "./net-error.ts";
import { familyOf, formatAddr } from "./sockaddr.ts";
import type { ConnectHandler, PendingConnect } from "./socket.ts";
import { applyOptions } from "./socket-options.ts";
import type { TcpOptions } from "./socket-options.ts";
import { clientTlsOptions, verifyServer } from "./tls.ts";
import type { ClientTls, NativeTls } from "./tls.ts";

export interface ConnectOptions extends TcpOptions {
  readonly ip: string;
  readonly port: number;
  /** Deadline for connecting and, with TLS, the handshake together, ms. */
  readonly timeout: number;
  readonly tls?: ClientTls;
  /** SO_MARK, for routing rules that let the proxy's own traffic pass. Needs CAP_NET_ADMIN. */
  readonly mark?: number;
  readonly clock?: Clock;
}

class Attempt implements NativeOwner, PendingConnect {
  private readonly options: ConnectOptions;
  private readonly handler: ConnectHandler;
  private readonly clock: Clock;
  private deadline: Timer;
  private native: NativeSocket | null = null;
  private done = false;
  private cancelled = false;

  constructor(options: ConnectOptions, handler: ConnectHandler) {
    this.options = options;
    this.handler = handler;
    this.clock = options.clock ?? systemClock;
    const due = this.clock.now() + options.timeout;
    this.deadline = this.clock.after(options.timeout, () => this.onDeadline(this.clock.now() - due));
  }

  /**
   * A timer that is late means that this process did not run, and timers come before sockets: the connection may be there.
   * The time that was lost is given back, once and not beyond the timeout.
   */
  private onDeadline(late: number): void {
    if (late < 1) this.timedOut();
    else this.deadline = this.clock.after(Math.min(late, this.options.timeout), () => this.timedOut());
  }

  private timedOut(): void {
    this.fail(new MeshError("timeout", `${this.action()}: not connected within ${this.options.timeout} ms`));
  }

  start(tls: NativeTls | null): void {
    const { options } = this;
    const fd = tcpSocket(options.ip);
    if (fd < 0) {
      this.fail(errnoError(fd, this.action()));
      return;
    }
    applyOptions(fd, options);
    const marked = options.mark === undefined ? 0 : setOption(fd, socketOptions.mark, options.mark);
    const errno = marked === 0 ? connectSocket(fd, options) : marked;
    if (errno !== 0 && errno !== errnoInProgress) {
      closeDescriptor(fd);
      this.fail(errnoError(errno, this.action()));
      return;
    }
    const native = {
      fd,
      allowHalfOpen: true,
      socket: nativeHandlers,
      data: this as NativeOwner,
      ...(tls === null ? {} : { tls }),
    };
    // Everything is told by the handlers; a rejection only repeats it.
    Bun.connect<NativeOwner>(native as unknown as Bun.TCPSocketConnectOptions<NativeOwner>).catch((error: unknown) => {
      this.fail(netError(error, this.action()));
    });
  }

  cancel(): void {
    this.cancelled = true;
    if (this.finish()) this.native?.terminate();
  }

  /** The descriptor was adopted; it is rarely connected by now. */
  nativeOpen(native: NativeSocket): void {
    this.native = native;
    if (this.done) {
      native.terminate();
      return;
    }
    // The only chance to learn the errno of an attempt that has failed already: the runtime takes it later.
    const errno = getOption(nativeFd(native), socketOptions.error);
    if (errno > 0) this.fail(errnoError(errno, this.action()));
  }

  nativeDrain(native: NativeSocket): void {
    if (this.options.tls === undefined) this.connected(native);
  }

  nativeData(native: NativeSocket, chunk: Buffer): void {
    if (this.options.tls === undefined && this.connected(native)) native.data.nativeData(native, chunk);
  }

  nativeHandshake(native: NativeSocket, ok: boolean, error: Error | null): void {
    const { tls } = this.options;
    if (this.done || tls === undefined) return;
    const addresses = nativeAddresses(native);
    if (addresses === null) {
      this.fail(this.lost(native, error));
      return;
    }
    const session = verifyServer(native, tls, ok, error, this.action());
    if (session instanceof MeshError) {
      this.fail(session);
      return;
    }
    if (!this.finish()) return;
    const socket = new BunSocket(native, addresses, session, this.clock);
    native.data = socket;
    this.handler.onOpen(socket);
  }

  nativeEnd(): void {}

  nativeClose(_native: NativeSocket, error: Error | undefined): void {
    this.native = null;
    this.fail(error === undefined ? errnoError(refused, this.action()) : netError(error, this.action()));
  }

  nativeError(native: NativeSocket, error: Error): void {
    if (this.done) {
      raise(error);
      native.terminate();
      return;
    }
    this.fail(netError(error, this.action()));
  }

  private connected(native: NativeSocket): boolean {
    // The runtime also reports "drain" for a failed attempt; then there is no peer, and "close" follows.
    const addresses = nativeAddresses(native);
    if (addresses === null || !this.finish()) return false;
    const socket = new BunSocket(native, addresses, null, this.clock);
    native.data = socket;
    this.handler.onOpen(socket);
    return true;
  }

  /** A TLS connection that ended before its handshake did: never connected, or reset in between. */
  private lost(native: NativeSocket, error: Error | null): MeshError {
    if (!hasSentData(nativeFd(native))) return errnoError(refused, this.action());
    if (error !== null) return netError(error, this.action());
    return new MeshError("tls-handshake", `${this.action()}: the peer left during the handshake`);
  }

  private fail(error: MeshError): void {
    if (!this.finish()) return;
    this.native?.terminate();
    // A failure may be known before `connect` returns, when the caller can't expect it yet.
    queueMicrotask(() => {
      if (!this.cancelled) this.handler.onFail(error);
    });
  }

  /** Whether this call ended the attempt. */
  private finish(): boolean {
    if (this.done) return false;
    this.done = true;
    this.deadline.cancel();
    return true;
  }

  private action(): string {
    return `Connecting to "${formatAddr(this.options)}"`;
  }
}

/** ECONNREFUSED */
const refused = 111;

/** Starts a connection; neither callback runs before this returns. Throws "invalid-argument" for what can never work. */
export function connect(options: ConnectOptions, handler: ConnectHandler): PendingConnect {
  familyOf(options.ip);
  const tls = options.tls === undefined ? null : clientTlsOptions(options.tls);
  const attempt = new Attempt(options, handler);
  attempt.start(tls);
  return attempt;
}
