/** What goes wrong on purpose for requests of a rule, so that one can see how clients bear it. Pure. */
import type { Random } from "#lib/random.ts";
import type { RequestHead } from "#wire/http1/head.ts";
import { matchesHeaders, type NamedMatch } from "../route/match.ts";

export interface Fault {
  /** All must match; empty: every request does. */
  readonly headers: readonly NamedMatch[];
  /** Of the requests that match, 0–1. */
  readonly ratio: number;
  /** Before anything else is done with the request, ms; 0: none. */
  readonly delay: number;
  /** Bytes per second of the response's body; 0: as fast as it comes. */
  readonly rate: number;
  readonly end: FaultEnd | null;
}

export type FaultEnd =
  /** The proxy answers. `grpc`: the status for gRPC. */
  | { readonly kind: "abort"; readonly status: number; readonly grpc: number; readonly message: string }
  /** The client's connection (HTTP/1) or stream (HTTP/2) is cut. */
  | { readonly kind: "reset" };

export type FaultKind = "delay" | "throttle" | "abort" | "reset";

/** All delays of one request together, ms. */
const maxDelay = 3_600_000;

/** What one request gets. */
export interface Drawn {
  readonly kinds: readonly FaultKind[];
  readonly delay: number;
  readonly rate: number;
  readonly end: FaultEnd | null;
}

/** Draws each fault by itself, in their order, up to the first that ends the request. Null: nothing goes wrong. */
export function draw(faults: readonly Fault[], head: RequestHead, random: Random): Drawn | null {
  let delay = 0;
  let rate = 0;
  let end: FaultEnd | null = null;
  for (const fault of faults) {
    if (!matchesHeaders(fault.headers, head.headers)) continue;
    if (fault.ratio < 1 && random.next() >= fault.ratio) continue;
    delay = Math.min(maxDelay, delay + fault.delay);
    if (fault.rate > 0) rate = rate === 0 ? fault.rate : Math.min(rate, fault.rate);
    ({ end } = fault);
    if (end !== null) break;
  }
  const kinds: FaultKind[] = [];
  if (delay > 0) kinds.push("delay");
  if (end !== null) kinds.push(end.kind);
  else if (rate > 0) kinds.push("throttle");
  return kinds.length === 0 ? null : { kinds, delay, rate: end === null ? rate : 0, end };
}
