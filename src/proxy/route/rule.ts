/** What a rule says about an exchange besides where it goes. Pure. */
import type { BackoffOptions } from "#lib/backoff.ts";
import { header, type FlatHeaders } from "#wire/http1/head.ts";

/** ms; 0: no limit. */
export interface Timeouts {
  /** From the request's head to the end of the response, all tries together. */
  readonly request: number;
  /** From the request's end to the end of the response, of each try. */
  readonly response: number;
  /** Without a byte in either direction. */
  readonly idle: number;
  /** From the beginning of a try to the end of its response. */
  readonly attempt: number;
}

export const noTimeouts: Timeouts = { request: 0, response: 0, idle: 0, attempt: 0 };

export interface RetryRule {
  /** Tries after the first one. */
  readonly limit: number;
  /** Bytes of a body that are kept to be sent again. */
  readonly maxBody: number;
  /** Statuses, both ends included; of HTTP. */
  readonly statuses: ReadonlyArray<{ readonly from: number; readonly to: number }>;
  /** gRPC's; null: they don't count. */
  readonly grpc: ReadonlySet<number> | null;
  /** For the response's head, ms; 0: no limit. The last try has none. */
  readonly headTimeout: number;
  readonly backoff: BackoffOptions;
}

/** What the answer of ours would be when a connection breaks: 502, or UNAVAILABLE. */
const badGateway = 502;
const unavailable = 14;

/** Whether a response asks for another try. `grpcStatus` -1: it has none. */
export function asksForRetry(rule: RetryRule, status: number, grpcStatus: number): boolean {
  if (rule.grpc !== null && grpcStatus >= 0) return rule.grpc.has(grpcStatus);
  return rule.statuses.some(({ from, to }) => status >= from && status <= to);
}

/** Whether a connection that broke before its response does. */
export function retriesBroken(rule: RetryRule): boolean {
  return asksForRetry(rule, badGateway, unavailable);
}

/** Servers that ask for a longer pause are not asked again, ms. */
const maxPause = 10_000;

/** How long a server wants to be left alone, ms: 0 when it does not say; null: it is not to be asked again. `wall`: ms since 1970. */
export function wantedPause(fields: FlatHeaders, wall: number): number | null {
  const pause = pauseAskedFor(fields, wall);
  return pause === null || pause > maxPause ? null : pause;
}

/**
 * The pause that a server asks for, ms: 0 when it does not say; null: it wants no further try. Retry-After in seconds or as a date
 * (RFC 9110 §10.2.3); grpc-retry-pushback-ms (gRPC's retry design, "Pushback").
 */
export function pauseAskedFor(fields: FlatHeaders, wall: number): number | null {
  const pushback = header(fields, "grpc-retry-pushback-ms");
  if (pushback !== null) return /^\d{1,9}$/.test(pushback) ? Number(pushback) : null;
  const after = header(fields, "retry-after");
  if (after === null) return 0;
  if (/^\d{1,9}$/.test(after)) return Number(after) * 1000;
  const date = after.length <= 40 && /^[A-Z][a-z]+,? /.test(after) ? Date.parse(after) : Number.NaN;
  return Number.isNaN(date) ? 0 : Math.max(0, date - wall);
}

/** Of gRPC: UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE and DATA_LOSS. */
const discouraging: ReadonlySet<number> = new Set([2, 4, 8, 13, 14, 15]);

/** Whether an answer's head says that its server had better get fewer requests. `grpcStatus` -1: it has none. */
export function discourages(status: number, grpcStatus: number): boolean {
  return grpcStatus >= 0 ? discouraging.has(grpcStatus) : status === 429 || status >= 500;
}

const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** The header grpc-timeout in ms; 0: none, or not one. */
export function grpcTimeout(value: string | null): number {
  const parts = value === null ? null : /^(\d{1,8})([HMSmun])$/.exec(value);
  return parts === null ? 0 : Number(parts[1]) * (units[parts[2] ?? ""] ?? 0);
}
