/**
 * The inbound stack: connections from outside, passed on to the application in the same pod.
 *
 *   connection:    mesh TLS? who is it → which port → what does it speak → may it
 *   http-session:  per request authorize → application's pool             (HTTP/1 and HTTP/2)
 *   tcp-session:   bytes, until the policy forbids it                     (everything else)
 */
import type { Socket, SocketAddr } from "#lib/net/socket.ts";
import { createHttpContext } from "../http/context.ts";
import type { ProxyHttp2Counts } from "../http/h2/counts.ts";
import { AppPools } from "./app-pools.ts";
import { InboundServerConnection } from "./connection.ts";
import type { InboundOptions, InboundShared } from "./options.ts";

/** Response headers that only a proxy may say. */
const strippedResponse: ReadonlySet<string> = new Set(["l5d-proxy-connection", "l5d-proxy-error", "l5d-orig-proto"]);

export interface InboundStack {
  /** Takes a connection over. `dst`: its original destination, or null when it is to the proxy's own port. */
  accept(socket: Socket, dst: SocketAddr | null): void;
  /** Requests under way. */
  readonly inFlight: number;
  readonly http2: ProxyHttp2Counts;
}

export function createInboundStack(options: InboundOptions): InboundStack {
  const http = createHttpContext(options.clock, strippedResponse);
  const shared: InboundShared = {
    options,
    http,
    pools: new AppPools(options, http),
    watchers: options.watchers,
    inFlight: 0,
  };
  return {
    accept(socket, dst) {
      new InboundServerConnection(socket, dst, shared).start();
    },
    get inFlight() {
      return shared.inFlight;
    },
    http2: shared.http.http2.counts,
  };
}
