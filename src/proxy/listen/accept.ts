/**
 * Accepting the connections that the pod's network redirects to us, and saying where each of them wanted to go.
 *
 * A connection is let through only when its destination makes sense. Coming back to ourselves would make a loop that
 * eats the machine, so it is refused here, before anything is allocated for it.
 */
import type { DrainSignal } from "#lib/drain.ts";
import type { Log } from "#lib/log.ts";
import { listen, type ConnectionLimit } from "#lib/net/listen.ts";
import { originalDst } from "#lib/net/original-dst.ts";
import { formatAddr } from "#lib/net/sockaddr.ts";
import type { TcpOptions } from "#lib/net/socket-options.ts";
import type { Listener, Socket, SocketAddr } from "#lib/net/socket.ts";

/** Where an accepted connection wanted to go. */
export type AcceptTarget =
  | { readonly kind: "redirected"; readonly dst: SocketAddr }
  /** To the listener itself: on the inbound port that is a peer with a transport header. */
  | { readonly kind: "direct" };

export type RefusalReason = "loop" | "address-not-allowed" | "not-redirected";

export interface AcceptOptions extends TcpOptions {
  /** Port 0 takes a free one. */
  readonly addr: SocketAddr;
  /** Shared by all listeners of the process. */
  readonly limit: ConnectionLimit;
  /** Whether several processes listen there. Default: no. */
  readonly shared?: boolean;
  readonly drain: DrainSignal;
  readonly log: Log;
  /** Whether connections to the listener itself are taken (inbound) or are a loop (outbound). */
  readonly direct: boolean;
  /** Ports of this proxy: a destination on one of them and on this machine is a loop. */
  readonly ownPorts: ReadonlySet<number>;
  /** Addresses that redirected connections may be for; empty: any. */
  readonly allowedIps: readonly string[];
  /** How the destination is found. Default: asks the kernel. Tests give their own. */
  readonly destination?: (socket: Socket) => SocketAddr | null;
}

export interface AcceptHandler {
  /** Set `socket.handler` here. */
  onAccept(socket: Socket, target: AcceptTarget): void;
  /** The connection is reset after this call; for counting. */
  onRefuse?(socket: Socket, reason: RefusalReason): void;
}

/** Listens until the drain starts. Throws when the address can't be had. */
export function acceptConnections(options: AcceptOptions, handler: AcceptHandler): Listener {
  const destination = options.destination ?? originalDst;
  const allowed = new Set(options.allowedIps);
  const listener = listen(
    { ...options.addr, limit: options.limit, shared: options.shared ?? false, ...tcpOptions(options) },
    (socket) => {
      const dst = destination(socket);
      const target: AcceptTarget =
        dst === null || sameAddr(dst, socket.local) ? { kind: "direct" } : { kind: "redirected", dst };
      const reason = refusal(target, socket);
      if (reason === null) {
        handler.onAccept(socket, target);
        return;
      }
      if (options.log.enabled("debug")) {
        const to = target.kind === "direct" ? socket.local : target.dst;
        options.log.debug("Connection refused", { reason, client: formatAddr(socket.remote), dst: formatAddr(to) });
      }
      handler.onRefuse?.(socket, reason);
      socket.terminate();
    },
  );

  function refusal(target: AcceptTarget, socket: Socket): RefusalReason | null {
    if (target.kind === "direct") return options.direct ? null : "not-redirected";
    const { dst } = target;
    if (options.ownPorts.has(dst.port) && (isLoopback(dst.ip) || dst.ip === socket.local.ip)) return "loop";
    if (allowed.size > 0 && !allowed.has(dst.ip)) return "address-not-allowed";
    return null;
  }

  const stop = options.drain.onDrain(() => listener.close());
  return {
    addr: listener.addr,
    close() {
      stop();
      listener.close();
    },
  };
}

function tcpOptions(options: TcpOptions): TcpOptions {
  return {
    ...(options.keepAlive === undefined ? {} : { keepAlive: options.keepAlive }),
    ...(options.userTimeout === undefined ? {} : { userTimeout: options.userTimeout }),
  };
}

function sameAddr(a: SocketAddr, b: SocketAddr): boolean {
  return a.port === b.port && a.ip === b.ip;
}

function isLoopback(ip: string): boolean {
  return ip.startsWith("127.") || ip === "::1";
}
