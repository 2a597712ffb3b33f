import type { Clock } from "#lib/clock.ts";
import type { DrainSignal } from "#lib/drain.ts";
import type { Log } from "#lib/log.ts";
import type { ConnectOptions } from "#lib/net/connect.ts";
import type { ConnectHandler, PendingConnect } from "#lib/net/socket.ts";
import type { Random } from "#lib/random.ts";
import type { ClientTls } from "#lib/net/tls.ts";
import type { HttpContext } from "../http/exchange.ts";
import type { ErrorResponder } from "../http/ports.ts";
import type { RequestWatchers } from "../http/request-watch.ts";
import type { Discovery, EndpointTls } from "./ports.ts";
import type { ReplayMemory } from "./replay-memory.ts";

/** Opens connections; `lib/net/connect` or a fake. */
export type Connect = (options: ConnectOptions, handler: ConnectHandler) => PendingConnect;

/** Mutual TLS with the credentials of the moment. */
export interface EndpointCredentials {
  /** Null as long as there is no valid certificate. */
  client(peer: EndpointTls, alpn: readonly string[]): ClientTls | null;
}

/** Everything that the outbound stack is made of. Times are ms. */
export interface OutboundOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly drain: DrainSignal;
  readonly discovery: Discovery;
  readonly errors: ErrorResponder;
  readonly connect: Connect;
  /** Who looks into live requests. */
  readonly watchers: RequestWatchers;
  /** Null: mutual TLS is disabled, every endpoint is plaintext. */
  readonly credentials: EndpointCredentials | null;
  /** Linkerd: 1 000. */
  readonly connectTimeout: number;
  /** How long a request or connection is tried on one endpoint after another before it fails; Linkerd's failfast: 3 000. */
  readonly dispatchTimeout: number;
  /** Linkerd: 3 000. */
  readonly poolIdleTimeout: number;
  /** Linkerd: 10 000. */
  readonly maxIdlePerEndpoint: number;
  /** Requests at a time; more are shed. Linkerd: 100 000. */
  readonly maxInFlight: number;
  /** Whether requests of HTTP/1 go to meshed endpoints by HTTP/2, where the control plane says that they take it. Default: no. */
  readonly upgradeHttp1?: boolean;
  /** Options of connections to endpoints; 0 leaves the kernel's. Linkerd: 10 000 and 30 000. */
  readonly connectKeepAlive: number;
  readonly connectUserTimeout: number;
}

/** Connection attempts for one request or connection; whatever the balancer says, it must not go on for ever. */
export const maxAttempts = 8;

/** What the connections of the stack share. */
export interface OutboundShared {
  readonly options: OutboundOptions;
  readonly http: HttpContext;
  readonly watchers: RequestWatchers;
  /** Requests under way. */
  inFlight: number;
  /** Copies of requests under way. */
  mirrors: number;
  readonly replay: ReplayMemory;
}
