/**
 * The outbound stack: accepted connections of the application and where each wanted to go, passed on to endpoints.
 *
 *   connection: look the destination up → detect the protocol →
 *     http-session: per request route → balancer → endpoint's pool      (HTTP/1 and HTTP/2)
 *     tcp-session:  balancer → endpoint, once                           (everything else)
 *   endpoint-connect: plaintext | mutual TLS | mutual TLS and a transport header
 */
import type { MeshError } from "#lib/errors.ts";
import type { Socket, SocketAddr } from "#lib/net/socket.ts";
import { createHttpContext } from "../http/context.ts";
import type { ProxyHttp2Counts } from "../http/h2/counts.ts";
import { OutboundConnection } from "./connection.ts";
import type { OutboundOptions, OutboundShared } from "./options.ts";
import type { NamedConnection } from "./ports.ts";
import { ReplayMemory } from "./replay-memory.ts";

/** Response headers between proxies that are not the application's business. */
const strippedResponse: ReadonlySet<string> = new Set(["l5d-proxy-connection", "l5d-orig-proto"]);

export interface OutboundStack {
  /** Takes a connection over. `dst`: its original destination, never an address of this proxy. */
  accept(socket: Socket, dst: SocketAddr): void;
  /** Takes a peer's connection over, to be passed on by name. `onOver`: last, exactly once. */
  acceptNamed(socket: Socket, named: NamedConnection, onOver: (error: MeshError | null) => void): void;
  /** Requests under way. */
  readonly inFlight: number;
  readonly http2: ProxyHttp2Counts;
  readonly replay: ReplayMemory;
}

export function createOutboundStack(options: OutboundOptions): OutboundStack {
  const shared: OutboundShared = {
    options,
    http: createHttpContext(options.clock, strippedResponse),
    watchers: options.watchers,
    inFlight: 0,
    mirrors: 0,
    replay: new ReplayMemory(),
  };
  return {
    accept(socket, dst) {
      new OutboundConnection(socket, dst, shared).start();
    },
    acceptNamed(socket, named, onOver) {
      new OutboundConnection(socket, { ip: named.name, port: named.port }, shared, named, onOver).start();
    },
    get inFlight() {
      return shared.inFlight;
    },
    http2: shared.http.http2.counts,
    replay: shared.replay,
  };
}
