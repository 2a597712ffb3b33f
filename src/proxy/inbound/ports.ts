/** What the inbound stack needs from policy and telemetry. */
import type { Identity } from "#model/identity.ts";
import type { Labels } from "#lib/metrics/registry.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import type { RequestHead } from "#wire/http1/head.ts";
import type { DetectCells } from "../detect/detection.ts";
import type { HttpCells, TransportCells } from "../http/ports.ts";
import type { StreamError } from "../http/stream-error.ts";
import type { Filtered } from "../route/filter.ts";
import type { RequestHandler } from "../http/request-handler.ts";

/** What the TLS layer of an accepted connection established. */
export type ClientTls =
  /** Our proxy's mutual TLS. */
  | { readonly kind: "meshed"; readonly clientId: Identity }
  /** TLS for us from a client without a certificate, only on ports that workloads need before they have one. */
  | { readonly kind: "anonymous" }
  /** TLS that is not for us, passed on as it is. */
  | { readonly kind: "passthrough"; readonly serverName: string | null }
  /** Plaintext; `reason` is the label no_tls_reason. */
  | {
      readonly kind: "none";
      readonly reason: "no_tls_from_remote" | "loopback" | "port_skipped" | "identity_disabled";
    };

/** What is known of an accepted connection; one object per connection. */
export interface InboundConnection {
  readonly client: SocketAddr;
  /** The pod's address and port that the client wants: original destination, or our address and the header's port. */
  readonly target: SocketAddr;
  readonly tls: ClientTls;
}

/** `opaque`: no detection, bytes only. `tls`: the mesh's TLS is ended, other TLS passes with its server name known. */
export type InboundProtocol = "detect" | "opaque" | "tls" | "http1" | "http2" | "grpc";

/** Gives the policy of a port; asks the control plane for it when it is new. */
export interface InboundPolicies {
  /** Synchronous: the default policy counts until the control plane has answered. The port's policy is kept while held. */
  forPort(port: number): PortPolicy;
}

/** The policy of one port. Live: read anew per connection and per request. */
export interface PortPolicy {
  readonly protocol: InboundProtocol;
  /** Whether requests have rules or limits that bytes would pass. */
  readonly judgesRequests: boolean;
  /** ms, Linkerd: 10 000. */
  readonly detectTimeout: number;
  /** Counts what detection finds. */
  readonly detect: DetectCells;
  /** Verdict on a whole connection, at accept and again on change. */
  authorize(connection: InboundConnection): ConnectionVerdict;
  /** Verdict on one request. Returns ready-made objects: called once per request, must not allocate. */
  authorizeRequest(connection: InboundConnection, head: RequestHead): RequestVerdict;
  /** Calls back on every change, so that established TCP connections are judged again. The result ends it. */
  watch(onChange: () => void): () => void;
  /** One more and one fewer connection that uses the policy. */
  hold(): void;
  release(): void;
}

export interface ConnectionVerdict {
  readonly allowed: boolean;
  /** Cells of the accepted connection (peer="src") and of the one to the application (peer="dst"). */
  readonly source: TransportCells;
  readonly destination: TransportCells;
}

/** What a route does to a request that may pass. */
export interface RequestFilters {
  /** @param scheme of the request */
  apply(head: RequestHead, scheme: string): Filtered;
}

/** Cells of what one route of a Server gets. */
export interface InboundRouteCells {
  started(): void;
  /**
   * Once per `started`. Times are ms: from the request's head, and from the response's to its end (null: there was none).
   * `error` null: `status` (or the gRPC status, or -1) is the answer.
   */
  ended(
    status: number,
    grpcStatus: number,
    latency: number,
    responseTime: number | null,
    error: StreamError | null,
  ): void;
  /** Bytes of the request's or the response's body that passed. */
  requestFrame(bytes: number): void;
  responseFrame(bytes: number): void;
}

export interface RequestVerdict {
  readonly kind: "allow" | "unauthorized" | "unauthenticated" | "route-not-found" | "rate-limited";
  readonly http: HttpCells;
  /** Counts by route; null: the request has none. */
  readonly requests: InboundRouteCells | null;
  /** Of the route; absent: the request has none. */
  readonly route?: Labels;
  /** Null: nothing. */
  readonly filters: RequestFilters | null;
  /** Of one that is unauthenticated: what the client is told of tokens. */
  readonly challenge?: { readonly why: string; readonly header: string };
}

/** Writes a line per request. */
export interface AccessLog {
  /**
   * Stands between requests and what decides about them: for an HTTP/1 connection once, for one of HTTP/2 per request.
   * @param major the version of HTTP
   */
  wrap(session: RequestHandler, connection: InboundConnection, major: 1 | 2): RequestHandler;
}
