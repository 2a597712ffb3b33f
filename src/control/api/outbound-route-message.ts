/** The routes of a Service as messages of the proxy API. */
import { create } from "#rpc/protobuf/create.ts";
import { duration } from "#rpc/address.ts";
import { GrpcFailureInjectorSchema } from "#rpc/gen/grpc_route_pb.ts";
import { RatioSchema, TimeoutsSchema, type Timeouts as TimeoutsMessage } from "#rpc/gen/http_route_pb.ts";
import { MetadataSchema, ResourceSchema, type Metadata } from "#rpc/gen/meta_pb.ts";
import {
  EjectionConfigSchema,
  ExponentialBackoffSchema,
  FailureAccrual_ConsecutiveFailuresSchema,
  FailureAccrual_UnifiedSchema,
  FailureAccrualSchema,
  GrpcRoute_Distribution_EmptySchema,
  GrpcRoute_Distribution_RandomAvailableSchema,
  GrpcRoute_DistributionSchema,
  GrpcRoute_FilterSchema,
  GrpcRoute_Retry_ConditionsSchema,
  GrpcRoute_RetrySchema,
  GrpcRoute_RouteBackendSchema,
  GrpcRoute_RuleSchema,
  GrpcRoute_WeightedRouteBackendSchema,
  GrpcRouteSchema,
  HttpRoute_Distribution_EmptySchema,
  HttpRoute_Distribution_FirstAvailableSchema,
  HttpRoute_Distribution_RandomAvailableSchema,
  HttpRoute_DistributionSchema,
  HttpRoute_FilterSchema,
  HttpRoute_RequestMirrorSchema,
  HttpRoute_Retry_Conditions_StatusRangeSchema,
  HttpRoute_Retry_ConditionsSchema,
  HttpRoute_RetrySchema,
  HttpRoute_RouteBackendSchema,
  HttpRoute_RuleSchema,
  HttpRoute_WeightedRouteBackendSchema,
  HttpRouteSchema,
  type Backend,
  type FailureAccrual as FailureAccrualMessage,
  type GrpcRoute,
  type GrpcRoute_Distribution,
  type GrpcRoute_Filter,
  type GrpcRoute_Retry,
  type HttpRoute,
  type HttpRoute_Distribution,
  type HttpRoute_Filter,
  type HttpRoute_Retry,
  type HttpRoute_RouteBackend,
} from "#rpc/gen/outbound_pb.ts";
import type { GrpcMatch, HttpMatch } from "../index/policy/route.ts";
import type {
  OutboundBackend,
  OutboundFilter,
  OutboundRoute,
  OutboundRule,
  WeightedBackend,
} from "../policy/outbound/parent-routes.ts";
import type { FailureAccrual, Retries, Timeouts } from "../policy/outbound/traffic-annotations.ts";
import { balancer, forwardTo } from "./backend-message.ts";
import { faultMessage } from "./fault-message.ts";
import { defaultMetadata, resourceMetadata } from "./destination-message.ts";
import { filterKind, grpcMatchMessage, hostMessage, httpMatchMessage } from "./route-message.ts";

/** Longest body of a request that is kept for trying again, bytes. */
const maxRetryBytes = 64 * 1024;
/** Pauses between tries, ms. */
const retryBackoff = { min: 25, max: 250, jitter: 1 };
/** gRPC's INTERNAL. */
const grpcInternal = 13;

export function httpRouteMessage({ origin, hosts, rules }: OutboundRoute<HttpMatch>): HttpRoute {
  return create(HttpRouteSchema, {
    metadata: metadataOf(origin, "http"),
    hosts: hosts.map(hostMessage),
    rules: rules.map((rule) =>
      create(HttpRoute_RuleSchema, {
        matches: rule.matches.map(httpMatchMessage),
        filters: rule.filters.map(httpFilter),
        backends: httpDistribution(rule),
        timeouts: timeoutsMessage(rule.timeouts),
        ...httpRetry(rule.retries),
        allowL5dRequestHeaders: rule.overridable ?? false,
        faults: (rule.faults ?? []).map(faultMessage),
      }),
    ),
  });
}

export function grpcRouteMessage({ origin, hosts, rules }: OutboundRoute<GrpcMatch>): GrpcRoute {
  return create(GrpcRouteSchema, {
    metadata: metadataOf(origin, "grpc"),
    hosts: hosts.map(hostMessage),
    rules: rules.map((rule) =>
      create(GrpcRoute_RuleSchema, {
        matches: rule.matches.map(grpcMatchMessage),
        filters: rule.filters.flatMap(grpcFilter),
        backends: grpcDistribution(rule),
        timeouts: timeoutsMessage(rule.timeouts),
        ...grpcRetry(rule.retries),
        allowL5dRequestHeaders: rule.overridable ?? false,
        faults: (rule.faults ?? []).map(faultMessage),
      }),
    ),
  });
}

export function metadataOf(origin: OutboundRoute<unknown>["origin"], fallback: string): Metadata {
  if (origin === null) return defaultMetadata(fallback);
  return create(MetadataSchema, { kind: { case: "resource", value: create(ResourceSchema, { ...origin }) } });
}

function httpDistribution({ backends }: OutboundRule<HttpMatch>): HttpRoute_Distribution {
  const [only] = backends;
  if (only === undefined) {
    return create(HttpRoute_DistributionSchema, {
      kind: { case: "empty", value: create(HttpRoute_Distribution_EmptySchema) },
    });
  }
  if (backends.length === 1) {
    const value = create(HttpRoute_Distribution_FirstAvailableSchema, { backends: [httpBackend(only)] });
    return create(HttpRoute_DistributionSchema, { kind: { case: "firstAvailable", value } });
  }
  const value = create(HttpRoute_Distribution_RandomAvailableSchema, {
    backends: backends.map((backend) =>
      create(HttpRoute_WeightedRouteBackendSchema, { weight: backend.weight, backend: httpBackend(backend) }),
    ),
  });
  return create(HttpRoute_DistributionSchema, { kind: { case: "randomAvailable", value } });
}

function httpBackend({ backend, filters, timeout }: WeightedBackend): HttpRoute_RouteBackend {
  return create(HttpRoute_RouteBackendSchema, {
    ...placeOf(backend),
    filters: filters.map(httpFilter),
    ...(timeout === null ? {} : { requestTimeout: duration(timeout) }),
  });
}

function grpcDistribution({ backends }: OutboundRule<GrpcMatch>): GrpcRoute_Distribution {
  if (backends.length === 0) {
    return create(GrpcRoute_DistributionSchema, {
      kind: { case: "empty", value: create(GrpcRoute_Distribution_EmptySchema) },
    });
  }
  const value = create(GrpcRoute_Distribution_RandomAvailableSchema, {
    backends: backends.map(({ weight, backend, filters, timeout }) =>
      create(GrpcRoute_WeightedRouteBackendSchema, {
        weight,
        backend: create(GrpcRoute_RouteBackendSchema, {
          ...placeOf(backend),
          filters: filters.flatMap(grpcFilter),
          ...(timeout === null ? {} : { requestTimeout: duration(timeout) }),
        }),
      }),
    ),
  });
  return create(GrpcRoute_DistributionSchema, { kind: { case: "randomAvailable", value } });
}

/** Without a place, where an address can't be one, requests fail. */
export function placeOf(backend: OutboundBackend): { readonly backend?: Backend } {
  if (backend.kind === "service")
    return { backend: balancer(backend.path, resourceMetadata("Service", backend), backend.balancing) };
  const place = forwardTo(backend.ip, backend.port, resourceMetadata("EgressNetwork", backend));
  return place === null ? {} : { backend: place };
}

function httpFilter(filter: OutboundFilter): HttpRoute_Filter {
  return create(HttpRoute_FilterSchema, { kind: filter.kind === "mirror" ? mirrorKind(filter) : filterKind(filter) });
}

function mirrorKind({ backend, ratio }: Extract<OutboundFilter, { kind: "mirror" }>) {
  const value = create(HttpRoute_RequestMirrorSchema, { ...placeOf(backend), ratio: create(RatioSchema, ratio) });
  return { case: "requestMirror", value } as const;
}

/** gRPC has no redirects. */
function grpcFilter(filter: OutboundFilter): GrpcRoute_Filter[] {
  const kind = filter.kind === "mirror" ? mirrorKind(filter) : filterKind(filter);
  switch (kind.case) {
    case "requestHeaderModifier":
    case "responseHeaderModifier":
    case "requestMirror":
      return [create(GrpcRoute_FilterSchema, { kind })];
    case "failureInjector": {
      const value = create(GrpcFailureInjectorSchema, { code: grpcInternal, message: kind.value.message });
      return [create(GrpcRoute_FilterSchema, { kind: { case: "failureInjector", value } })];
    }
    default:
      return [];
  }
}

function timeoutsMessage({ request, response, idle }: Timeouts): TimeoutsMessage {
  return create(TimeoutsSchema, {
    ...(request === null ? {} : { request: duration(request) }),
    ...(response === null ? {} : { response: duration(response) }),
    ...(idle === null ? {} : { idle: duration(idle) }),
  });
}

function backoff({ min, max, jitter }: { min: number; max: number; jitter: number }, respectRetryAfterHint = false) {
  return create(ExponentialBackoffSchema, {
    minBackoff: duration(min),
    maxBackoff: duration(max),
    jitterRatio: jitter,
    respectRetryAfterHint,
  });
}

function httpRetry(retries: Retries | null): { retry?: HttpRoute_Retry } {
  if (retries === null || retries.http === null) return {};
  const statusRanges = retries.http.map(({ from, to }) =>
    create(HttpRoute_Retry_Conditions_StatusRangeSchema, { start: from, end: to }),
  );
  const conditions = create(HttpRoute_Retry_ConditionsSchema, { statusRanges });
  return { retry: create(HttpRoute_RetrySchema, { ...retryBase(retries), conditions }) };
}

function grpcRetry(retries: Retries | null): { retry?: GrpcRoute_Retry } {
  if (retries === null || retries.grpc === null) return {};
  const codes = retries.grpc;
  const conditions = create(GrpcRoute_Retry_ConditionsSchema, {
    cancelled: codes.includes("cancelled"),
    deadineExceeded: codes.includes("deadline-exceeded"),
    internal: codes.includes("internal"),
    resourceExhausted: codes.includes("resource-exhausted"),
    unavailable: codes.includes("unavailable"),
  });
  return { retry: create(GrpcRoute_RetrySchema, { ...retryBase(retries), conditions }) };
}

function retryBase({ limit, timeout }: Retries) {
  return {
    maxRetries: limit,
    maxRequestBytes: maxRetryBytes,
    backoff: backoff(retryBackoff),
    ...(timeout === null ? {} : { timeout: duration(timeout) }),
  };
}

export function accrualMessage(accrual: FailureAccrual): FailureAccrualMessage {
  const { maxFailures, minPenalty, maxPenalty, jitter, successRate, minReady = 0, maxEjection = 0 } = accrual;
  const limit = { minReadyEndpoints: minReady, maxEjectionPercent: maxEjection };
  const ejection = minReady + maxEjection > 0 ? { ejection: create(EjectionConfigSchema, limit) } : {};
  const pause = { min: minPenalty, max: maxPenalty, jitter };
  if (successRate === null) {
    const value = create(FailureAccrual_ConsecutiveFailuresSchema, { maxFailures, backoff: backoff(pause) });
    return create(FailureAccrualSchema, { kind: { case: "consecutiveFailures", value }, ...ejection });
  }
  const value = create(FailureAccrual_UnifiedSchema, {
    successRateThreshold: successRate.threshold,
    decay: duration(successRate.window),
    minRequests: successRate.minRequests,
    maxConsecutiveFailures: maxFailures,
    backoff: backoff(pause, successRate.honorRetryAfter),
  });
  return create(FailureAccrualSchema, { kind: { case: "unified", value }, ...ejection });
}
