/**
 * The runtime's sockets as {@link Socket}.
 *
 * Every native socket of the process shares one handlers object; what differs is its `data`, the owner. A connection
 * passes from owner to owner (accepting → handshake → {@link BunSocket}), so no callback has to ask for a state.
 */
import { systemClock } from "../clock.ts";
import type { Clock, Timer } from "../clock.ts";
import type { MeshError } from "../errors.ts";
import { errnoError, netError } from "./net-error.ts";
import { unmapIp } from "./sockaddr.ts";
import type { Socket, SocketAddr, SocketHandler, TlsSession } from "./socket.ts";

/** Who receives what a native socket reports. */
export interface NativeOwner {
  nativeOpen(native: NativeSocket): void;
  nativeHandshake(native: NativeSocket, ok: boolean, error: Error | null): void;
  nativeData(native: NativeSocket, chunk: Buffer): void;
  nativeDrain(native: NativeSocket): void;
  nativeEnd(native: NativeSocket): void;
  nativeClose(native: NativeSocket, error: Error | undefined): void;
  /** A TLS record error, or something that a callback threw. The runtime leaves the connection open. */
  nativeError(native: NativeSocket, error: Error): void;
}

export type NativeSocket = Bun.Socket<NativeOwner>;

/** The descriptor, which the runtime's types leave out; -1 once closed. */
export function nativeFd(native: NativeSocket): number {
  return (native as unknown as { readonly fd: number }).fd;
}

/** What makes garbage, told after it was dealt with: for a program that paces the collector. */
export interface SocketActivity {
  /** A connection was opened, or its handshake ended. */
  onOpened(): void;
  onRead(bytes: number): void;
  /** One of many requests that a connection carries at a time began, or ended. */
  onStreamOpened(): void;
  onStreamEnded(): void;
}

/**
 * Set before the first socket, by main.ts. The only variable of a module: there is one heap and one collector in a process,
 * so there is nothing that two owners could want differently.
 */
export const activity: { observer: SocketActivity | null } = { observer: null };

export const nativeHandlers: Bun.SocketHandler<NativeOwner> = {
  open(native) {
    native.data.nativeOpen(native);
    activity.observer?.onOpened();
  },
  handshake(native, ok, error) {
    native.data.nativeHandshake(native, ok, error);
    activity.observer?.onOpened();
  },
  data(native, chunk) {
    const { length } = chunk;
    native.data.nativeData(native, chunk);
    activity.observer?.onRead(length);
  },
  drain: (native) => native.data.nativeDrain(native),
  end: (native) => native.data.nativeEnd(native),
  close: (native, error) => native.data.nativeClose(native, error),
  error: (native, error) => native.data.nativeError(native, error),
  connectError: (native, error) => native.data.nativeClose(native, error),
};

/** Owner of a native socket that has been replaced by its TLS layer; it still reports ciphertext, which nobody may see. */
export const detachedOwner: NativeOwner = {
  nativeOpen() {},
  nativeHandshake() {},
  nativeData() {},
  nativeDrain() {},
  nativeEnd() {},
  nativeClose() {},
  nativeError(_native, error) {
    raise(error);
  },
};

/** Until the owner of a new socket sets its own. */
const ignore: SocketHandler = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} };

/** ECONNRESET */
const connectionReset = 104;

/** How long `close` waits for the peer to end too, ms. */
const lingerTime = 1000;

/** An error with nobody left to tell: a bug, which belongs to the process's uncaught-exception handler. */
export function raise(error: Error): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Both ends of an open native socket, or null when it broke already. */
export function nativeAddresses(native: NativeSocket): { local: SocketAddr; remote: SocketAddr } | null {
  const ip: string | undefined = native.remoteAddress;
  if (ip === undefined) return null;
  return {
    local: { ip: unmapIp(native.localAddress), port: native.localPort },
    remote: { ip: unmapIp(ip), port: native.remotePort },
  };
}

export class BunSocket implements Socket, NativeOwner {
  handler: SocketHandler = ignore;
  readonly local: SocketAddr;
  readonly remote: SocketAddr;
  readonly tls: TlsSession | null;
  closed = false;
  /** Called once with the socket's end, before the handler: for those who count connections. */
  onFinish: (() => void) | null = null;
  private readonly native: NativeSocket;
  private readonly clock: Clock;
  /** The peer's half has ended and was reported. */
  private inDone = false;
  /** Our half has ended. */
  private outDone = false;
  /** We closed; the rest is nobody's business. */
  private own = false;
  /** A native call is on the stack that may report the close from within. */
  private calling = false;
  private finished = false;
  private failure: MeshError | null = null;
  private linger: Timer | null = null;

  constructor(
    native: NativeSocket,
    addresses: { readonly local: SocketAddr; readonly remote: SocketAddr },
    tls: TlsSession | null,
    clock: Clock = systemClock,
  ) {
    this.native = native;
    this.local = addresses.local;
    this.remote = addresses.remote;
    this.tls = tls;
    this.clock = clock;
  }

  /** The certificate that the peer sent, DER; null without one, or when the socket is closed. Not cheap: for rare uses. */
  peerCertificate(): Uint8Array | null {
    return this.closed ? null : (this.native.getPeerX509Certificate()?.raw ?? null);
  }

  get fd(): number {
    return this.closed ? -1 : nativeFd(this.native);
  }

  write(data: Uint8Array, offset: number, length: number): number {
    if (this.closed) return -1;
    const taken = this.native.write(data, offset, length);
    if (taken < 0 && !this.outDone) this.broken();
    return taken;
  }

  pause(): void {
    if (!this.closed) this.native.pause();
  }

  resume(): void {
    if (!this.closed) this.native.resume();
  }

  shutdown(): void {
    if (this.closed || this.outDone) return;
    this.outDone = true;
    this.native.shutdown();
  }

  close(): void {
    if (this.closed) return;
    this.own = true;
    this.closed = true;
    this.calling = true;
    if (this.inDone && this.tls === null) this.native.end();
    else {
      // Not `end`: with unread input the kernel would answer with a reset that overtakes our last bytes, and on TLS it
      // would lose the native socket without closing it. So we half-close and throw away what still comes.
      if (!this.outDone) this.native.shutdown();
      this.outDone = true;
      this.native.resume();
    }
    this.calling = false;
    // `close`, not `terminate`: what the kernel has taken still goes out to a slow reader.
    if (!this.finished) this.linger = this.clock.after(lingerTime, () => this.native.close());
  }

  terminate(): void {
    if (this.finished) return;
    this.own = true;
    this.closed = true;
    this.calling = true;
    this.native.terminate();
    this.calling = false;
  }

  /** Takes the native socket away to put TLS on it; this object is dead afterwards and reports nothing more. */
  detach(): NativeSocket {
    this.closed = true;
    this.finished = true;
    this.handler = ignore;
    this.native.data = detachedOwner;
    return this.native;
  }

  nativeOpen(): void {}
  nativeHandshake(): void {}

  nativeData(_native: NativeSocket, chunk: Buffer): void {
    if (!this.closed) this.handler.onData(this, chunk);
  }

  nativeDrain(): void {
    if (!this.closed) this.handler.onDrain(this);
  }

  nativeEnd(): void {
    if (this.closed || this.inDone || this.failure !== null) return;
    this.inDone = true;
    this.handler.onEnd(this);
  }

  nativeClose(_native: NativeSocket, error: Error | undefined): void {
    if (this.finished) return;
    this.finished = true;
    this.closed = true;
    this.linger?.cancel();
    if (error !== undefined && this.failure === null) this.failure = netError(error, this.action());
    // Inside one of our own calls, which may be inside a callback: callbacks never overlap, so it waits.
    if (this.calling) queueMicrotask(() => this.tellClose());
    else this.tellClose();
  }

  nativeError(native: NativeSocket, error: Error): void {
    if (this.finished) {
      raise(error);
      return;
    }
    this.failure ??= netError(error, this.action());
    native.terminate();
  }

  private tellClose(): void {
    const failure = this.own ? null : this.failure;
    this.onFinish?.();
    // After our shutdown the runtime folds the peer's end into the close.
    if (failure === null && !this.own && !this.inDone) {
      this.inDone = true;
      this.handler.onEnd(this);
    }
    this.handler.onClose(this, failure);
    // A closed socket that is still referenced should not keep a connection's state alive.
    this.handler = ignore;
  }

  /** A write that meets a reset swallows it: the runtime then reports an orderly end, and on a paused socket nothing. */
  private broken(): void {
    if (this.failure !== null) return;
    this.failure = errnoError(connectionReset, this.action());
    this.native.resume();
  }

  private action(): string {
    return `Connection with "${this.remote.ip}:${this.remote.port}"`;
  }
}
