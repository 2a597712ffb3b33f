/** What the outbound stack needs from discovery, balancing and telemetry. */
import type { Identity } from "#model/identity.ts";
import type { Labels } from "#lib/metrics/registry.ts";
import type { MeshError } from "#lib/errors.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import type { RequestHead } from "#wire/http1/head.ts";
import type { Affinity } from "../balance/affinity.ts";
import type { DetectCells } from "../detect/detection.ts";
import type { Fault, FaultKind } from "../faults/fault.ts";
import type { FilterChain, HeaderChanges } from "../route/filter.ts";
import type { RetryBudget } from "../route/retry-budget.ts";
import type { RetryRule, Timeouts } from "../route/rule.ts";
import type { Failure, FailureCause, HttpCells, TransportCells } from "../http/ports.ts";
import type { StreamError } from "../http/stream-error.ts";

/** Knows what is behind an original destination. */
export interface Discovery {
  /**
   * Looks a destination up. `onFound` runs exactly once, synchronously when the answer is cached, at the latest when the
   * lookup's own timeout decides for the default (forward to the address itself). It never fails.
   * @returns gives the lookup up; `onFound` does not run afterwards.
   */
  lookup(addr: SocketAddr, onFound: (target: OutboundTarget) => void): () => void;
}

/** What a peer brought to this proxy, a gateway, to be passed on by name. */
export interface NamedConnection {
  /** A Service's name, in lower case. */
  readonly name: string;
  readonly port: number;
  /** What the peer says that it speaks; null: bytes. */
  readonly session: "http1" | "http2" | null;
  /** What came after its header. */
  readonly initial: Buffer;
  /** This proxy and the peer, who may hear of it (RFC 7239). */
  readonly by: string;
  readonly for: string;
}

/** How to treat connections to a destination. `tls`: by server name. `forbidden`: its service has no such port. `shed`: too many destinations are in use. */
export type OutboundProtocol = "detect" | "opaque" | "tls" | "http1" | "http2" | "forbidden" | "shed";

/**
 * One destination. Its fields are live: they may change while connections use it, and every request reads them anew.
 * Discovery keeps a target while it is held and for its cache time afterwards.
 */
export interface OutboundTarget {
  /** What is asked for: the original destination. */
  readonly addr: SocketAddr;
  readonly protocol: OutboundProtocol;
  /** ms for the first bytes when `protocol` is "detect"; Linkerd: 10 000. */
  readonly detectTimeout: number;
  /** Counts what detection finds. */
  readonly detect: DetectCells;
  /** Whether its server spoke first the last time that somebody did. Kept here by the stack. */
  serverFirst: boolean;
  /** Counts a connection by how it is treated. */
  count(): void;
  /** Cells of accepted connections (peer="src"). */
  readonly source: TransportCells;
  /** Where whole connections go. */
  readonly tcp: Balancer;
  /** Where a connection of the application's own TLS goes; null: no route is for that name (null: it sends none). */
  byServerName(serverName: string | null): Balancer | null;
  /** Counts a connection that goes by this balancer of `tcp` or `byServerName`. */
  tcpRoute(balancer: Balancer): TcpRouteCells;
  /** The route of a request. Returns ready-made objects: called once per request, must not allocate. */
  route(head: RequestHead): HttpRoute | HttpRefusal;
  /** One more and one fewer connection that uses the target. */
  hold(): void;
  release(): void;
}

export interface HttpRoute {
  readonly kind: "forward";
  readonly balancer: Balancer;
  /** The HTTP cells of this route and endpoint. Called once per request: look up, don't build. */
  cells(endpoint: Endpoint): HttpCells;
  /** The cells of a request that never reached an endpoint. */
  readonly unrouted: HttpCells;
  /** Counts requests by route and backend. */
  readonly requests: RouteCells;
  /** Of the route, for those who look into requests. Default: none. */
  readonly labels?: Labels;
  /** Null for nearly every route: it only chooses a backend. */
  readonly extras: RouteExtras | null;
}

/** What a rule and the chosen backend want besides. */
export interface RouteExtras {
  /** In this order. */
  readonly filters: readonly FilterChain[];
  /** Get a copy of this share of the requests, 0–1. */
  readonly mirrors: ReadonlyArray<{ readonly ratio: number; readonly route: HttpRoute }>;
  /** To be applied to responses. */
  readonly response: readonly HeaderChanges[];
  readonly timeouts: Timeouts;
  readonly retry: RetryRule | null;
  readonly retries: RetryCells | null;
  /** Null: the route is not of a ServiceProfile. */
  readonly profile: ProfileCells | null;
  /** Of the destination: its rules share it. */
  readonly budget: RetryBudget;
  /** Whether headers of the application say otherwise. */
  readonly overridable: boolean;
  /** What goes wrong on purpose; empty: nothing. */
  readonly faults: readonly Fault[];
  readonly faultCells: FaultCells | null;
  /** Whether the exchange has to be watched: there are timeouts, retries, changes to responses or mirrors. */
  readonly guarded: boolean;
  /** Chooses anew, for another try. */
  again(): HttpRoute | HttpRefusal;
}

/** `route_*` of a ServiceProfile's route: requests as the client sees them, and every try of them. */
export interface ProfileCells {
  readonly effective: HttpCells;
  readonly actual: HttpCells;
  /** A response that asks for a retry: there is one, or there is no budget for it. */
  retryable(withinBudget: boolean): void;
}

/** Cells of the retries of one route. */
export interface RetryCells {
  requested(): void;
  /** A retry got an answer that asks for no further one. */
  succeeded(): void;
  limitExceeded(): void;
  overBudget(): void;
}

/** Counts the faults of one route. */
export interface FaultCells {
  injected(kind: FaultKind): void;
}

/** What kept a request from a whole answer, in the words of the metric. */
export type RouteError = StreamError;

/** Cells of the connections of one route. */
export interface TcpRouteCells {
  opened(): void;
  /** Once per `opened`. Null: both sides ended it. */
  closed(error: RouteError | null): void;
}

/** Cells of what one route sends to one backend. */
export interface RouteCells {
  /** The same by the name that the request asks for, where that is wanted; else itself. Called once per request. */
  of(authority: string): RouteCells;
  /** Once per request. `latency`: ms; `error` null: `status` (or the gRPC status, or -1) is the answer. */
  ended(status: number, grpcStatus: number, latency: number, error: RouteError | null): void;
  /** A try that was followed by another one: counts for the backend only. */
  tried(status: number, grpcStatus: number, latency: number, error: RouteError | null): void;
  /** Bytes of the request's or the response's body that passed. */
  requestFrame(bytes: number): void;
  responseFrame(bytes: number): void;
}

export interface HttpRefusal {
  readonly kind: "refuse";
  readonly cause: FailureCause;
  readonly message: string;
  /** Instead of the cause's own. */
  readonly status: Failure["status"] | null;
  readonly unrouted: HttpCells;
  /** Null: it belongs to no route. */
  readonly requests: RouteCells | null;
  readonly extras: RouteExtras | null;
}

/** Waits for an endpoint: the request or connection itself, so that nothing is allocated for it. */
export interface PickWaiter {
  /** Called once, unless given up. Not from inside `wait`. */
  onEndpoint(endpoint: Endpoint): void;
  onRefused(cause: "failfast" | "load-shed"): void;
  /** Of a request that belongs to others. */
  readonly affinityKey?: number;
}

/** Chooses among the ready endpoints of a destination. */
export interface Balancer {
  /** By what requests that belong together are known; null or absent: none do. */
  readonly affinity?: Affinity | null;
  /** The endpoint for one more request (or connection), or null when none is ready now: then `wait`. `key`: by `affinity`. */
  pick(key?: number): Endpoint | null;
  /** Queues until an endpoint is ready. "refused" at once: the queue is full (load-shed) or the failfast gate is shut. */
  wait(waiter: PickWaiter): "queued" | "failfast" | "load-shed";
  /** Takes a waiter out of the queue; harmless when it is not in it. */
  giveUp(waiter: PickWaiter): void;
}

/** The mesh identity of an endpoint. */
export interface EndpointTls {
  /** What the peer's certificate must name, exactly. */
  readonly identity: Identity;
  /** The SNI to send. */
  readonly serverName: string;
}

/** `limited`: it asked for fewer requests (429, RESOURCE_EXHAUSTED). */
export type Outcome = "success" | "failure" | "limited";

/** One address of a destination, shared by every balancer and connection that uses it. */
export interface Endpoint {
  readonly addr: SocketAddr;
  /** Null: plaintext. */
  readonly tls: EndpointTls | null;
  /** Port of the peer's proxy that takes a transport header (protocol_hint opaque_transport.inbound_port), or null. */
  readonly transportPort: number | null;
  /** Replaces Host (authority_override), or null. */
  readonly authorityOverride: string | null;
  /** Its proxy takes requests of HTTP/1 by HTTP/2 (protocol_hint h2). */
  readonly takesHttp2: boolean;
  /** Why nothing may be sent there; null or absent: it may. */
  readonly refusal?: string | null;
  /** What the control plane says about it, without the dst_ prefix. */
  readonly info?: { readonly labels: Readonly<Record<string, string>> };
  /** Cells of connections to it (peer="dst"). */
  readonly transport: TransportCells;
  /** Belongs to the outbound stack: the connections that it keeps. The balancer calls `retire` when it drops the endpoint. */
  connections: EndpointConnections | null;

  /** One more request, or TCP connection, is on its way to it. */
  started(): void;
  /** The first byte of the response came `rtt` ms after the request was sent. `status` 0: a TCP connection was made. */
  responded(rtt: number, status: number): void;
  /** Whether `hinted` is to be called. */
  readonly wantsHints?: boolean;
  /** Before `judged`: an answer fails or asks for fewer requests (`discouraging`), and for a pause of so many ms, or 0. */
  hinted?(discouraging: boolean, wanted: number): void;
  /** What became of a request, for whoever takes failing endpoints out of use; before `ended`, and only when it is known. */
  judged(outcome: Outcome): void;
  /** Ends what `started` began, exactly once. `failed`: broke before a response, or broke off in the middle. */
  ended(failed: boolean): void;
  /** A connection attempt succeeded or failed; failures take the endpoint out of rotation for a backoff. */
  connected(): void;
  connectFailed(error: MeshError): void;
}

export interface EndpointConnections {
  /** Closes idle connections and those in use when they become idle. */
  retire(): void;
}
