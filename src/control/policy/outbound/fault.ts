/** What goes wrong on purpose for requests, whoever says so: an annotation or a FaultInjection. Ours, not Linkerd's. */
export interface OutboundFault {
  /** Only requests with this header; null: all. */
  readonly header: { readonly name: string; readonly value: string } | null;
  /** Of them, 0–100. */
  readonly percent: number;
  /** ms; 0: none. */
  readonly delay: number;
  /** Of the response's body; 0: as fast as it comes. */
  readonly bytesPerSecond: number;
  readonly end: FaultEnd | null;
}

export type FaultEnd =
  | { readonly kind: "abort"; readonly httpStatus: number; readonly grpcStatus: number }
  | { readonly kind: "reset" };

/** Longest delay, ms. */
export const maxFaultDelay = 3_600_000;

/** gRPC's UNAVAILABLE. */
const unavailable = 14;

/** How requests end. `abort`: with these statuses, where one that is not said tells that the service is unavailable. Null: as they would. */
export function faultEnd(
  abort: { readonly httpStatus?: number | null; readonly grpcStatus?: number | null } | null,
  reset: boolean,
): FaultEnd | null {
  if (abort === null) return reset ? { kind: "reset" } : null;
  return { kind: "abort", httpStatus: abort.httpStatus ?? 503, grpcStatus: abort.grpcStatus ?? unavailable };
}
