/** What annotations of a Service or route say about retries, timeouts and failing endpoints. A value that says nothing counts as absent. */
import { parseDuration } from "#lib/duration.ts";

export interface Timeouts {
  /** ms; null: no limit. Whole exchange with retries; from the end of the request to the response; silence. */
  readonly request: number | null;
  readonly response: number | null;
  readonly idle: number | null;
}

export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

export type GrpcRetryCode = "cancelled" | "deadline-exceeded" | "internal" | "resource-exhausted" | "unavailable";

/** Null members: not to be retried for that reason. */
export interface Retries {
  readonly http: readonly StatusRange[] | null;
  readonly grpc: readonly GrpcRetryCode[] | null;
  readonly limit: number;
  /** ms until an attempt must have a response; null: no limit. */
  readonly timeout: number | null;
}

export interface FailureAccrual {
  readonly maxFailures: number;
  /** ms between probes of an endpoint that is out. */
  readonly minPenalty: number;
  readonly maxPenalty: number;
  readonly jitter: number;
  /** Null: failures in a row alone. */
  readonly successRate: {
    readonly threshold: number;
    readonly window: number;
    readonly minRequests: number;
    readonly honorRetryAfter: boolean;
  } | null;
}

type Annotations = Readonly<Record<string, string>>;

/** Null: none is set. */
export function timeoutsOf(annotations: Annotations): Timeouts | null {
  const [request, response, idle] = ["request", "response", "idle"].map((which) =>
    duration(annotations[`timeout.linkerd.io/${which}`]),
  );
  if ((request ?? response ?? idle ?? null) === null) return null;
  return { request: request ?? null, response: response ?? null, idle: idle ?? null };
}

/** Null: nothing is retried. */
export function retriesOf(annotations: Annotations): Retries | null {
  const http = statusRanges(annotations["retry.linkerd.io/http"]);
  const grpc = grpcCodes(annotations["retry.linkerd.io/grpc"]);
  const limit = whole(annotations["retry.linkerd.io/limit"], 65_535) ?? 1;
  if ((http === null && grpc === null) || limit === 0) return null;
  return { http, grpc, limit, timeout: duration(annotations["retry.linkerd.io/timeout"]) };
}

const consecutive = "balancer.linkerd.io/failure-accrual-consecutive";
const successRate = "balancer.alpha.linkerd.io/failure-accrual-success-rate";

/** Null: endpoints are never taken out. */
export function failureAccrualOf(annotations: Annotations): FailureAccrual | null {
  const mode = annotations["balancer.linkerd.io/failure-accrual"];
  if (mode !== "consecutive" && mode !== "unified") return null;
  const minPenalty = duration(annotations[`${consecutive}-min-penalty`]) ?? 1000;
  return {
    maxFailures: whole(annotations[`${consecutive}-max-failures`], 0x3fff_ffff) ?? 7,
    minPenalty,
    maxPenalty: Math.max(minPenalty, duration(annotations[`${consecutive}-max-penalty`]) ?? 60_000),
    jitter: decimal(annotations[`${consecutive}-jitter-ratio`], 100) ?? 0.5,
    successRate:
      mode === "consecutive"
        ? null
        : {
            threshold: decimal(annotations[`${successRate}-threshold`], 1) ?? 0.8,
            window: Math.max(10, duration(annotations[`${successRate}-window`]) ?? 10_000),
            minRequests: whole(annotations[`${successRate}-min-requests`], 1_000_000) ?? 5,
            honorRetryAfter: annotations["balancer.alpha.linkerd.io/failure-accrual-honor-retry-after"] === "true",
          },
  };
}

/** Whole numbers of one unit; 0 means no limit. */
function duration(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,15}(ms|s|m|h|d)$/.test(text)) return null;
  const value = parseDuration(text);
  return value === 0 ? null : value;
}

function whole(text: string | undefined, max: number): number | null {
  return text !== undefined && /^\d{1,9}$/.test(text) && Number(text) <= max ? Number(text) : null;
}

function decimal(text: string | undefined, max: number): number | null {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) && Number(text) <= max ? Number(text) : null;
}

/** One part that says nothing makes the whole list say nothing: to retry less than was meant must show. */
function statusRanges(text: string | undefined): StatusRange[] | null {
  if (text === undefined) return null;
  const ranges: StatusRange[] = [];
  for (const part of text.split(",").map((item) => item.trim())) {
    if (part === "5xx") ranges.push({ from: 500, to: 599 });
    else if (part === "gateway-error") ranges.push({ from: 502, to: 504 });
    else {
      const match = /^(\d{3})(?:-(\d{3}))?$/.exec(part);
      const from = Number(match?.[1] ?? 0);
      const to = Number(match?.[2] ?? from);
      if (match === null || from < 100 || to > 599 || from > to) return null;
      ranges.push({ from, to });
    }
  }
  return ranges;
}

const codes: readonly GrpcRetryCode[] = [
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
];

function grpcCodes(text: string | undefined): GrpcRetryCode[] | null {
  if (text === undefined) return null;
  const found: GrpcRetryCode[] = [];
  for (const part of text.split(",").map((item) => item.trim())) {
    const code = codes.find((candidate) => candidate === part);
    if (code === undefined) return null;
    found.push(code);
  }
  return found;
}
