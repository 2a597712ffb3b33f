/** What the HTTP and TCP drivers of both directions need from the rest of the proxy. */
import type { MeshError } from "#lib/errors.ts";

/**
 * Why the proxy itself answers a request instead of the server. `src/proxy/errors` turns each into an answer.
 */
export type FailureCause =
  | "route-not-found"
  | "unauthorized"
  /** With another token the request might have been let in. */
  | "unauthenticated"
  | "rate-limited"
  /** No endpoint was ready for the failfast timeout. */
  | "failfast"
  /** A queue or a limit was full. */
  | "load-shed"
  | "connect-timeout"
  /** The connection could not be made, or broke before the response's head. */
  | "connect-failed"
  /** The endpoint's identity is not the required one. */
  | "identity-required"
  | "request-timeout"
  /** The server's answer breaks HTTP. */
  | "bad-response"
  /** A peer asks a gateway for a name that it does not serve. */
  | "gateway-domain"
  /** A request has been through this gateway before. */
  | "gateway-loop"
  /** A filter of the route answers; `Failure.status` says with what. */
  | "injected"
  | "unexpected";

export interface Failure {
  readonly cause: FailureCause;
  /** Human-readable; goes into `l5d-proxy-error` when informational headers are on. */
  readonly message: string;
  /** The request's content-type starts with application/grpc. */
  readonly grpc: boolean;
  /** Instead of the cause's own. */
  readonly status?: { readonly http: number; readonly grpc: number };
  /** What the client is told of tokens (WWW-Authenticate, RFC 9110 §11.6.1). */
  readonly challenge?: string;
  /** The client proved a mesh identity. Always false outbound. */
  readonly meshed: boolean;
}

/** A complete answer without a body: the driver adds `content-length: 0`, and `connection: close` when `close`. */
export interface ErrorAnswer {
  readonly status: number;
  /** Name, value, name, value, …; names in lower case. */
  readonly headers: readonly string[];
  /** The client's connection ends after this answer. */
  readonly close: boolean;
}

/** One per direction. Called on failures only: may allocate, counts the error metrics itself. */
export interface ErrorResponder {
  respond(failure: Failure): ErrorAnswer;
  /** A TCP connection (opaque, TLS or not yet known) that ended by a failure of ours, for `*_tcp_errors_total`. */
  tcpFailed(cause: FailureCause, error: MeshError | null): void;
}

/** Cells of one label set of the TCP metrics. The byte fields are incremented in place. */
export interface TransportCells {
  /** `tcp_read_bytes_total` */
  readBytes: number;
  /** `tcp_write_bytes_total` */
  writtenBytes: number;
  /** `tcp_open_total` and `tcp_open_connections` up. */
  opened(): void;
  /** `tcp_open_connections` down, `tcp_close_total{errno}` up. Once per `opened`. */
  closed(error: MeshError | null): void;
}

/** Cells of one label set of the HTTP metrics. */
export interface HttpCells {
  /** `request_total` up: a request was handed on (or answered by us). */
  requestStarted(): void;
  /**
   * The response ended, once per `requestStarted`.
   * @param status 0 when there was no response.
   * @param latency ms from the request's head to the end of the response.
   * @param complete false when the response broke off or the client went away before its end.
   * @param grpcStatus what a gRPC response said, -1 for every other.
   */
  responseEnded(status: number, latency: number, complete: boolean, grpcStatus: number): void;
}
