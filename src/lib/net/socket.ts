/**
 * The seam between the runtime's sockets and everything above it.
 *
 * Codecs, HTTP drivers, gRPC and the proxy's stacks know only these types; `bun-socket.ts` is the one implementation
 * that touches the runtime (docs/adr/002-socket-seam.md). The shape follows what the runtime does best: bytes go out by
 * `write` at once or not at all, come in by callback, and there is no queue, stream or promise in between.
 */
import type { MeshError } from "../errors.ts";

/** An IP address and port of one end. IPv4-mapped IPv6 addresses are given in IPv4 form. */
export interface SocketAddr {
  /** Textual IP address without brackets or zone, for example "10.0.0.1" or "fd00::1". */
  readonly ip: string;
  /** 0–65535. */
  readonly port: number;
}

/** What a finished TLS handshake established. */
export interface TlsSession {
  /** The peer's identities: DNS and URI subject alternative names of its verified certificate; empty if it sent none. */
  readonly peerNames: readonly string[];
  /** The negotiated application protocol, or null. */
  readonly alpn: string | null;
  /** The server name that the client asked for, or null. On a client socket: the name that was asked for. */
  readonly serverName: string | null;
}

/** One stream connection. Every method may be called from inside any callback of the same socket. */
export interface Socket {
  /** Receives what happens. Replaced as layers change, for example from detection to HTTP. */
  handler: SocketHandler;
  /** Both ends, fixed when the socket opened, still readable after it closed. */
  readonly local: SocketAddr;
  readonly remote: SocketAddr;
  /** Null on a plaintext socket. */
  readonly tls: TlsSession | null;
  /** The file descriptor, or -1 when closed. For socket options only. */
  readonly fd: number;
  /** True from `close`, `terminate` or the peer's end of the connection on. */
  readonly closed: boolean;
  /**
   * Hands bytes to the kernel (or the TLS record layer) at once. Nothing is queued.
   * @returns how many bytes were taken: fewer than `length` when the way is full (`onDrain` follows), -1 when closed.
   */
  write(data: Uint8Array, offset: number, length: number): number;
  /** Stops `onData` and `onEnd`; the peer sees a full window. One more `onData` of bytes already read may follow. */
  pause(): void;
  resume(): void;
  /** Half-close: the peer sees the end of our bytes, we go on reading. Call it only when nothing is left to write. */
  shutdown(): void;
  /**
   * Closes both directions in order: what was written still goes out, what comes is thrown away. `onClose` follows when
   * the peer has ended too, at most 1 s later.
   */
  close(): void;
  /** Closes at once with a reset (RST); bytes not yet sent are lost. */
  terminate(): void;
}

/** What a socket tells its owner. Callbacks of one socket never overlap and never run inside `write`. */
export interface SocketHandler {
  /** Bytes came. The buffer is the receiver's to keep. */
  onData(socket: Socket, chunk: Buffer): void;
  /** There may be room again after a short write. Also called without one: make it idempotent. */
  onDrain(socket: Socket): void;
  /** The peer finished sending (FIN or close_notify). Writing is still possible. Not called after a reset. */
  onEnd(socket: Socket): void;
  /** The last callback, exactly once. `error` is null for an orderly close. */
  onClose(socket: Socket, error: MeshError | null): void;
}

/** Why and how a connection attempt ended, exactly one of the two. */
export interface ConnectHandler {
  /** Connected and, with TLS, handshaken and verified. Set `socket.handler` here; no callback runs before it returns. */
  onOpen(socket: Socket): void;
  onFail(error: MeshError): void;
}

/** A connection attempt under way. */
export interface PendingConnect {
  /** Gives the attempt up; neither callback runs afterwards. Harmless when it has ended. */
  cancel(): void;
}

/** A bound listening socket. */
export interface Listener {
  readonly addr: SocketAddr;
  /** Stops accepting; connections live on. */
  close(): void;
}
