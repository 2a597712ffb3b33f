/** Retries and failure accrual of the proxy API in the form that `route/` and `balance/` decide on. */
import type { BackoffOptions } from "#lib/backoff.ts";
import { milliseconds } from "#rpc/address.ts";
import type {
  Backend_BalanceP2c,
  ExponentialBackoff,
  FailureAccrual,
  GrpcRoute_Retry,
  HttpRoute_Retry,
} from "#rpc/gen/outbound_pb.ts";
import type { AccrualOptions } from "../balance/accrual.ts";
import type { Affinity } from "../balance/affinity.ts";
import { noLimit, plainBalancing, type Balancing, type Bias, type EjectionLimit } from "../balance/balancing.ts";
import type { RetryRule } from "../route/rule.ts";

/** Whatever a message says, a body is kept no longer than this, bytes. */
const maxBody = 65_536;
/** Whatever a message says, a request is not sent again more often than this: each one more is load for servers that fail. */
const maxTries = 32;

function backoff(message: ExponentialBackoff | undefined, unset: BackoffOptions): BackoffOptions {
  if (message === undefined) return unset;
  const min = Math.max(1, milliseconds(message.minBackoff, unset.min));
  const max = Math.max(min, milliseconds(message.maxBackoff, unset.max));
  return { min, max, jitter: Math.max(0, Math.min(100, message.jitterRatio)) };
}

type RetryBase = Pick<HttpRoute_Retry | GrpcRoute_Retry, "maxRetries" | "maxRequestBytes" | "timeout" | "backoff">;

function base({ maxRetries, maxRequestBytes, timeout, backoff: pause }: RetryBase) {
  return {
    limit: Math.min(maxRetries, maxTries),
    maxBody: maxRequestBytes === 0 ? maxBody : Math.min(maxRequestBytes, maxBody),
    headTimeout: milliseconds(timeout, 0),
    backoff: backoff(pause, { min: 25, max: 250, jitter: 1 }),
  };
}

export function httpRetry(message: HttpRoute_Retry): RetryRule {
  const statuses = message.conditions?.statusRanges.map(({ start, end }) => ({ from: start, to: end })) ?? [];
  return { ...base(message), statuses, grpc: null };
}

export function grpcRetry(message: GrpcRoute_Retry): RetryRule {
  const { cancelled, deadineExceeded, resourceExhausted, internal, unavailable } = message.conditions ?? {};
  const codes: Array<[boolean | undefined, number]> = [
    [cancelled, 1],
    [deadineExceeded, 4],
    [resourceExhausted, 8],
    [internal, 13],
    [unavailable, 14],
  ];
  const grpc = new Set(codes.filter(([wanted]) => wanted === true).map(([, code]) => code));
  return { ...base(message), statuses: [], grpc };
}

/** How endpoints are judged by their requests. */
export type Judging = Pick<Balancing, "accrual" | "ejection">;

export const notJudged: Judging = { accrual: null, ejection: noLimit };

export function judging(message: FailureAccrual | undefined): Judging {
  return { accrual: accrual(message), ejection: ejection(message) };
}

function ejection(message: FailureAccrual | undefined): EjectionLimit {
  const { minReadyEndpoints = 0, maxEjectionPercent = 0 } = message?.ejection ?? {};
  return { minReady: minReadyEndpoints, maxShare: Math.min(100, maxEjectionPercent) / 100 };
}

/** Whatever a message says, a new endpoint gets its whole share after so long, ms. */
const maxSlowStart = 900_000;

export function balancing(message: Backend_BalanceP2c, judged: Judging): Balancing {
  const { load, slowStart, locality } = message;
  const { rtt, decay } = plainBalancing;
  return {
    ...judged,
    slowStart: Math.min(maxSlowStart, Math.max(0, milliseconds(slowStart, 0))),
    zone: locality === undefined ? null : Math.min(100, locality.minReadyPercent || 70) / 100,
    affinity: affinity(message),
    bias: load.case === "penaltyPeakEwma" ? bias(load.value) : null,
    rtt: Math.max(1, milliseconds(load.value?.defaultRtt, rtt)),
    decay: Math.max(1, milliseconds(load.value?.decay, decay)),
  };
}

type PenaltyLoad = Extract<Backend_BalanceP2c["load"], { readonly case: "penaltyPeakEwma" }>["value"];

function bias({ penalty, maxRetryAfter, penaltyDecay, decay }: PenaltyLoad): Bias {
  return {
    penalty: Math.max(1, milliseconds(penalty, 5000)),
    maxRetryAfter: milliseconds(maxRetryAfter, 300_000),
    decay: Math.max(1, milliseconds(penaltyDecay ?? decay, plainBalancing.decay)),
  };
}

function affinity({ hash }: Backend_BalanceP2c): Affinity | null {
  switch (hash?.kind.case) {
    case "header":
      return { kind: "header", name: hash.kind.value.toLowerCase() };
    case "cookie":
      return { kind: "cookie", name: hash.kind.value };
    case "source":
      return { kind: "source" };
    default:
      return null;
  }
}

/** Null when there is none. */
function accrual(message: FailureAccrual | undefined): AccrualOptions | null {
  const unset = { min: 1000, max: 60_000, jitter: 0.5 };
  switch (message?.kind.case) {
    case "consecutiveFailures": {
      const { maxFailures, backoff: pause } = message.kind.value;
      if (maxFailures === 0) return null;
      const honorRetryAfter = pause?.respectRetryAfterHint ?? false;
      return { maxFailures, successRate: null, backoff: backoff(pause, unset), honorRetryAfter };
    }
    case "unified": {
      const { successRateThreshold, decay, minRequests, maxConsecutiveFailures, backoff: pause } = message.kind.value;
      const rate = { threshold: successRateThreshold, window: Math.max(10, milliseconds(decay, 10_000)), minRequests };
      const successRate = successRateThreshold > 0 ? rate : null;
      if (maxConsecutiveFailures === 0 && successRate === null) return null;
      const honorRetryAfter = pause?.respectRetryAfterHint ?? false;
      return { maxFailures: maxConsecutiveFailures, successRate, backoff: backoff(pause, unset), honorRetryAfter };
    }
    default:
      return null;
  }
}
