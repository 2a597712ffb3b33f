import { redirectedFrom } from "./libc.ts";
import type { Socket, SocketAddr } from "./socket.ts";

/**
 * Where a connection wanted to go before netfilter redirected it to us, or null when it was not redirected.
 * About 0.5 µs. Depends on the connection-tracking entry, so ask right after accepting.
 */
export function originalDst(socket: Socket): SocketAddr | null {
  // An IPv4 peer of a dual-stack listener is in the IPv4 table; its address was unmapped at open.
  return redirectedFrom(socket.fd, socket.remote.ip.includes(":") ? 6 : 4);
}
