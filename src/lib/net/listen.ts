import { systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { BunSocket, nativeAddresses, nativeFd, nativeHandlers, raise } from "./bun-socket.ts";
import type { NativeOwner, NativeSocket } from "./bun-socket.ts";
import { listenSocket, localAddress } from "./libc.ts";
import { netError } from "./net-error.ts";
import { formatAddr, unmapIp } from "./sockaddr.ts";
import type { Listener, Socket } from "./socket.ts";
import { applyOptions } from "./socket-options.ts";
import type { TcpOptions } from "./socket-options.ts";

/** A budget of connections that several listeners may share, so that the process never runs out of descriptors. */
export class ConnectionLimit {
  /** Open connections now. */
  open = 0;
  /** Connections refused because the limit was reached, since the start. */
  refused = 0;
  readonly max: number;

  constructor(max: number) {
    this.max = max;
  }
}

/** Where to listen: an address ("::" takes IPv4 too; port 0 takes a free one), or a socket that listens already. */
export type ListenTarget = { readonly ip: string; readonly port: number } | { readonly fd: number };

export type ListenOptions = ListenTarget &
  TcpOptions & {
    /** Connections beyond it are reset at once. Default: 10,000 for this listener alone. */
    readonly limit?: ConnectionLimit;
    /** Whether other processes of this user may listen there as well and share what comes (SO_REUSEPORT). Default: no. */
    readonly shared?: boolean;
    readonly clock?: Clock;
  };

const defaultMaxConnections = 10_000;

/**
 * Connections that may wait to be accepted; the kernel caps it at net.core.somaxconn. The runtime's 512 are too few for
 * a burst: beyond them SYNs are dropped and tried again a second later.
 */
const backlog = 4096;

class Acceptor implements NativeOwner {
  private readonly options: ListenOptions;
  private readonly limit: ConnectionLimit;
  private readonly clock: Clock;
  private readonly onAccept: (socket: Socket) => void;
  /** One function for all connections. */
  private readonly release = (): void => {
    this.limit.open--;
  };

  constructor(options: ListenOptions, onAccept: (socket: Socket) => void) {
    this.options = options;
    this.limit = options.limit ?? new ConnectionLimit(defaultMaxConnections);
    this.clock = options.clock ?? systemClock;
    this.onAccept = onAccept;
  }

  nativeOpen(native: NativeSocket): void {
    const addresses = nativeAddresses(native);
    if (addresses === null || this.limit.open >= this.limit.max) {
      if (addresses !== null) this.limit.refused++;
      native.terminate();
      return;
    }
    const socket = new BunSocket(native, addresses, null, this.clock);
    native.data = socket;
    this.limit.open++;
    socket.onFinish = this.release;
    applyOptions(nativeFd(native), this.options);
    this.onAccept(socket);
  }

  // Only sockets that were refused in `nativeOpen` still have this owner.
  nativeHandshake(): void {}
  nativeData(): void {}
  nativeDrain(): void {}
  nativeEnd(): void {}
  nativeClose(): void {}
  nativeError(_native: NativeSocket, error: Error): void {
    raise(error);
  }
}

/** Listens at once; throws "address-in-use", "environment" (no right, no such address) and the like. */
export function listen(options: ListenOptions, onAccept: (socket: Socket) => void): Listener {
  const action = "fd" in options ? `Listening on descriptor ${options.fd}` : `Listening on "${formatAddr(options)}"`;
  const shared = { allowHalfOpen: true, socket: nativeHandlers, data: new Acceptor(options, onAccept) };
  try {
    if ("fd" in options) {
      const addr = localAddress(options.fd) ?? { ip: "0.0.0.0", port: 0 };
      // The types of the runtime don't know the option, its own node:net uses it.
      const adopted: object = { ...shared, fd: options.fd };
      const native = Bun.listen<NativeOwner>(adopted as Bun.TCPSocketListenOptions<NativeOwner>);
      return { addr, close: () => native.stop() };
    }
    // The types of the runtime don't know the last option.
    const made: object = { ...shared, hostname: options.ip, port: options.port, reusePort: options.shared ?? false };
    const native = Bun.listen<NativeOwner>(made as Bun.TCPSocketListenOptions<NativeOwner>);
    listenSocket((native as unknown as { readonly fd: number }).fd, backlog);
    return { addr: { ip: unmapIp(options.ip), port: native.port }, close: () => native.stop() };
  } catch (error) {
    throw netError(error, action);
  }
}
