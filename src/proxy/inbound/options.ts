import type { Clock } from "#lib/clock.ts";
import type { MeshError } from "#lib/errors.ts";
import type { DrainSignal } from "#lib/drain.ts";
import type { Log } from "#lib/log.ts";
import type { ConnectOptions } from "#lib/net/connect.ts";
import type { ConnectHandler, PendingConnect, Socket, SocketAddr } from "#lib/net/socket.ts";
import type { UpgradeHandler } from "#lib/net/tls.ts";
import type { Identity } from "#model/identity.ts";
import type { PortRange } from "#lib/port-list.ts";
import type { TransportHeader } from "#wire/transport-header/transport-header.ts";
import type { HttpContext } from "../http/exchange.ts";
import type { ErrorResponder } from "../http/ports.ts";
import type { RequestWatchers } from "../http/request-watch.ts";
import type { AppPools } from "./app-pools.ts";
import type { AccessLog, InboundPolicies } from "./ports.ts";

export type Connect = (options: ConnectOptions, handler: ConnectHandler) => PendingConnect;

/** Terminates the mesh's TLS with the credentials of the moment. */
export interface ServerCredentials {
  /** The server name that asks for us; null until there is a certificate. */
  readonly localName: Identity | null;
  /** The client must prove a mesh identity, unless `anonymous`. `onSecure`'s socket names it in `tls.peerNames`. */
  accept(
    socket: Socket,
    options: {
      readonly initial: Buffer;
      readonly alpn: readonly string[];
      readonly timeout: number;
      readonly anonymous: boolean;
    },
    handler: UpgradeHandler,
  ): void;
}

/** Passes connections of peers on by name instead of to the application: the outbound stack. */
export interface Gateway {
  /** Names that are served end in one of these. */
  readonly suffixes: readonly string[];
  /** Takes the connection over. `onOver`: last, exactly once. */
  accept(
    socket: Socket,
    connection: {
      readonly name: string;
      readonly port: number;
      readonly session: TransportHeader["session"];
      readonly initial: Buffer;
      readonly by: Identity;
      readonly for: Identity;
    },
    onOver: (error: MeshError | null) => void,
  ): void;
}

/** Everything that the inbound stack is made of. Times are ms. */
export interface InboundOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly drain: DrainSignal;
  readonly policies: InboundPolicies;
  readonly errors: ErrorResponder;
  readonly connect: Connect;
  /** Counts a peer's connection whose header was accepted. */
  readonly onTransportHeader: (header: TransportHeader, clientId: string) => void;
  /** Null: no line per request. */
  readonly accessLog: AccessLog | null;
  /** Who looks into live requests. */
  readonly watchers: RequestWatchers;
  /** Null: mutual TLS is disabled. */
  readonly credentials: ServerCredentials | null;
  /** Where the application listens for connections to a target; Linkerd: 127.0.0.1 and the target's port. */
  readonly appAddress: (target: SocketAddr) => SocketAddr;
  /** Null: this proxy is no gateway. */
  readonly gateway: Gateway | null;
  /** Ports of this proxy: a transport header that names one is refused. */
  readonly ownPorts: ReadonlySet<number>;
  /**
   * Ports that take TLS from clients without a certificate: the identity service's, which workloads ask for their first
   * one. Clients are not known there even when they have one.
   */
  readonly requireTlsPorts: readonly PortRange[];
  /** For the first bytes of connections whose port is not known yet; Linkerd: 10 000. */
  readonly detectTimeout: number;
  /** Linkerd: 300, from its chart 100. */
  readonly connectTimeout: number;
  /** Linkerd: 3 000. */
  readonly poolIdleTimeout: number;
  readonly maxIdlePerPort: number;
  /** Requests at a time; more are shed. Linkerd: 100 000. */
  readonly maxInFlight: number;
  /** Options of connections to the application; 0 leaves the kernel's. */
  readonly connectKeepAlive: number;
  readonly connectUserTimeout: number;
}

/** What the connections of the stack share. */
export interface InboundShared {
  readonly options: InboundOptions;
  readonly http: HttpContext;
  readonly pools: AppPools;
  readonly watchers: RequestWatchers;
  inFlight: number;
}
