/** What annotations of a Service or route say about retries, timeouts and failing endpoints. A value that says nothing counts as absent. */
import {
  type GrpcRetryCode,
  type HashKey,
  type Read,
  readAccrual,
  readDecimal,
  readDuration,
  readFlag,
  readGrpcStatuses,
  readHash,
  readHttpStatuses,
  readWhole,
  type StatusRange,
} from "./annotation-values.ts";

export interface Timeouts {
  /** ms; null: no limit. Whole exchange with retries; from the end of the request to the response; silence. */
  readonly request: number | null;
  readonly response: number | null;
  readonly idle: number | null;
}

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
  /** Endpoints that stay in use in any case, and the share that may be taken out, percent; 0: no limit. Ours, not Linkerd's. */
  readonly minReady?: number;
  readonly maxEjection?: number;
}

/** How a Service's endpoints are chosen, where that is not as usual. Times are ms. */
export interface Balancing {
  /** Failing endpoints look this slow, and longer where they say so. Null: they don't. */
  readonly bias: { readonly penalty: number; readonly maxRetryAfter: number } | null;
  // Ours, not Linkerd's.
  readonly hash: HashKey | null;
  /** 0: none. */
  readonly slowStart: number;
  /** Percent of the endpoints in the client's zone that must be in use; null: zones make no difference. */
  readonly zone: number | null;
}

type Annotations = Readonly<Record<string, string>>;

/** What an annotation says; null when it is absent or says nothing. */
function said<T>(annotations: Annotations, key: string, read: (text: string) => Read<T>): T | null {
  const text = annotations[key];
  const found = text === undefined ? null : read(text);
  return found !== null && "value" in found ? found.value : null;
}

/** 0 means no limit, as absence does. */
function time(annotations: Annotations, key: string): number | null {
  const value = said(annotations, key, readDuration);
  return value === 0 ? null : value;
}

/** Null: none is set. */
export function timeoutsOf(annotations: Annotations): Timeouts | null {
  const request = time(annotations, "timeout.linkerd.io/request");
  const response = time(annotations, "timeout.linkerd.io/response");
  const idle = time(annotations, "timeout.linkerd.io/idle");
  return (request ?? response ?? idle) === null ? null : { request, response, idle };
}

/** Null: nothing is retried. */
export function retriesOf(annotations: Annotations): Retries | null {
  const http = said(annotations, "retry.linkerd.io/http", readHttpStatuses);
  const grpc = said(annotations, "retry.linkerd.io/grpc", readGrpcStatuses);
  const limit = said(annotations, "retry.linkerd.io/limit", (text) => readWhole(text, limits.retries)) ?? 1;
  if ((http === null && grpc === null) || limit === 0) return null;
  return { http, grpc, limit, timeout: time(annotations, "retry.linkerd.io/timeout") };
}

/** Largest values that are taken. */
export const limits = {
  retries: 65_535,
  failures: 0x3fff_ffff,
  jitter: 100,
  rate: 1,
  requests: 1_000_000,
  endpoints: 100_000,
  percent: 100,
} as const;

export const consecutivePrefix = "balancer.linkerd.io/failure-accrual-consecutive";
export const successRatePrefix = "balancer.alpha.linkerd.io/failure-accrual-success-rate";
export const honorRetryAfterKey = "balancer.alpha.linkerd.io/failure-accrual-honor-retry-after";

export const minReadyKey = "balancer.linkerd.io/failure-accrual-min-ready-endpoints";
export const maxEjectionKey = "balancer.linkerd.io/failure-accrual-max-ejection-percent";
export const hashKey = "balancer.linkerd.io/hash";
export const slowStartKey = "balancer.linkerd.io/slow-start";
export const zoneKey = "balancer.linkerd.io/zone-spill-over";
export const penalizeKey = "balancer.alpha.linkerd.io/penalize-failures";
export const penaltyKey = "balancer.alpha.linkerd.io/load-biaser-penalty";
export const maxRetryAfterKey = "balancer.alpha.linkerd.io/load-biaser-max-retry-after";

/** Null: as usual. */
export function balancingOf(annotations: Annotations): Balancing | null {
  const hash = said(annotations, hashKey, readHash);
  const slowStart = time(annotations, slowStartKey) ?? 0;
  const zone = said(annotations, zoneKey, (text) => readWhole(text, limits.percent)) ?? 0;
  const biased = said(annotations, penalizeKey, readFlag) ?? false;
  if (hash === null && slowStart === 0 && zone === 0 && !biased) return null;
  const penalty = time(annotations, penaltyKey) ?? 5000;
  const maxRetryAfter = time(annotations, maxRetryAfterKey) ?? 300_000;
  return { hash, slowStart, zone: zone === 0 ? null : zone, bias: biased ? { penalty, maxRetryAfter } : null };
}

/** Null: endpoints are never taken out. */
export function failureAccrualOf(annotations: Annotations): FailureAccrual | null {
  const mode = said(annotations, "balancer.linkerd.io/failure-accrual", readAccrual);
  if (mode === null) return null;
  const whole = (key: string, max: number) => said(annotations, key, (text) => readWhole(text, max));
  const decimal = (key: string, max: number) => said(annotations, key, (text) => readDecimal(text, max));
  const minReady = whole(minReadyKey, limits.endpoints) ?? 0;
  const maxEjection = whole(maxEjectionKey, limits.percent) ?? 0;
  const minPenalty = time(annotations, `${consecutivePrefix}-min-penalty`) ?? 1000;
  return {
    maxFailures: whole(`${consecutivePrefix}-max-failures`, limits.failures) ?? 7,
    minPenalty,
    maxPenalty: Math.max(minPenalty, time(annotations, `${consecutivePrefix}-max-penalty`) ?? 60_000),
    jitter: decimal(`${consecutivePrefix}-jitter-ratio`, limits.jitter) ?? 0.5,
    successRate:
      mode === "consecutive"
        ? null
        : {
            threshold: decimal(`${successRatePrefix}-threshold`, limits.rate) ?? 0.8,
            window: Math.max(10, time(annotations, `${successRatePrefix}-window`) ?? 10_000),
            minRequests: whole(`${successRatePrefix}-min-requests`, limits.requests) ?? 5,
            honorRetryAfter: said(annotations, honorRetryAfterKey, readFlag) ?? false,
          },
    ...(minReady > 0 ? { minReady } : {}),
    ...(maxEjection > 0 ? { maxEjection } : {}),
  };
}
