/** Which status each failure gets: the table of the proxy's own answers, as Linkerd gives them. */
import { unreachable } from "#lib/errors.ts";
import type { FailureCause } from "../http/ports.ts";

export type Direction = "inbound" | "outbound";

export interface StatusOf {
  readonly http: number;
  /** https://grpc.io/docs/guides/status-codes/ */
  readonly grpc: number;
  /** The client's connection is closed after the answer. */
  readonly close: boolean;
  /** The label `error` of `*_errors_total`. */
  readonly label: string;
}

const grpc = {
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
};

const table = {
  notFound: { http: 404, grpc: grpc.notFound, close: false, label: "route not found" },
  unauthorized: { http: 403, grpc: grpc.permissionDenied, close: false, label: "unauthorized" },
  unauthenticated: { http: 401, grpc: grpc.unauthenticated, close: false, label: "unauthenticated" },
  rateLimited: { http: 429, grpc: grpc.resourceExhausted, close: false, label: "rate limited" },
  failfast: { http: 504, grpc: grpc.deadlineExceeded, close: true, label: "failfast" },
  loadShed: { http: 503, grpc: grpc.unavailable, close: true, label: "loadshed" },
  connectTimeout: { http: 504, grpc: grpc.deadlineExceeded, close: true, label: "connect timeout" },
  connectFailed: { http: 502, grpc: grpc.unavailable, close: true, label: "i/o" },
  identityRequired: { http: 502, grpc: grpc.unavailable, close: true, label: "identity required" },
  requestTimeout: { http: 504, grpc: grpc.deadlineExceeded, close: false, label: "response timeout" },
  badResponse: { http: 502, grpc: grpc.unavailable, close: true, label: "unexpected" },
  gatewayDomain: { http: 404, grpc: grpc.notFound, close: false, label: "gateway domain invalid" },
  gatewayLoop: { http: 508, grpc: grpc.aborted, close: true, label: "gateway loop" },
  injected: { http: 500, grpc: grpc.failedPrecondition, close: false, label: "fault injected" },
  unexpected: { http: 500, grpc: grpc.internal, close: true, label: "unexpected" },
} satisfies Record<string, StatusOf>;

export function statusOf(cause: FailureCause): StatusOf {
  switch (cause) {
    case "route-not-found":
      return table.notFound;
    case "unauthorized":
      return table.unauthorized;
    case "unauthenticated":
      return table.unauthenticated;
    case "rate-limited":
      return table.rateLimited;
    case "failfast":
      return table.failfast;
    case "load-shed":
      return table.loadShed;
    case "connect-timeout":
      return table.connectTimeout;
    case "connect-failed":
      return table.connectFailed;
    case "identity-required":
      return table.identityRequired;
    case "request-timeout":
      return table.requestTimeout;
    case "bad-response":
      return table.badResponse;
    case "gateway-domain":
      return table.gatewayDomain;
    case "gateway-loop":
      return table.gatewayLoop;
    case "injected":
      return table.injected;
    case "unexpected":
      return table.unexpected;
    default:
      return unreachable(cause);
  }
}
