/** Profiles as messages of the proxy API. */
import { create } from "#rpc/protobuf/create.ts";
import { duration } from "#rpc/address.ts";
import {
  DestinationProfileSchema,
  HttpStatusRangeSchema,
  PathMatchSchema,
  RequestMatch_SeqSchema,
  RequestMatchSchema,
  ResponseClassSchema,
  ResponseMatch_SeqSchema,
  ResponseMatchSchema,
  RetryBudgetSchema,
  RouteSchema,
  WeightedDstSchema,
  type DestinationProfile,
  type Http2ClientParams,
  type RequestMatch,
  type ResponseMatch,
  type Route,
} from "#rpc/gen/destination_pb.ts";
import { MetadataSchema, ResourceSchema } from "#rpc/gen/meta_pb.ts";
import type { Profile } from "../destination/profile.ts";
import type { ProfileRoute, RequestCondition, ResponseCondition } from "../index/policy/service-profile.ts";
import { endpointMetadata, namespaceLabel, resourceMetadata, weightedAddr } from "./destination-message.ts";
import { methodMessage } from "./route-message.ts";

/** Where a ServiceProfile says nothing of it. */
const usualBudget = { retryRatio: 0.2, minRetriesPerSecond: 10, ttl: 10_000 };

export function profileMessage(
  profile: Profile,
  clientZone: string,
  http2: Http2ClientParams | null = null,
): DestinationProfile {
  const { endpoint, service, source } = profile;
  const addr = endpoint === null ? null : weightedAddr(endpoint, clientZone, namespaceLabel(endpoint), http2);
  const parent = endpoint === null ? null : endpointMetadata(endpoint);
  const budget = profile.retryBudget ?? usualBudget;
  return create(DestinationProfileSchema, {
    fullyQualifiedName: profile.name,
    opaqueProtocol: profile.opaque,
    routes: profile.routes.map(routeMessage),
    retryBudget: create(RetryBudgetSchema, { ...budget, ttl: duration(budget.ttl) }),
    dstOverrides: profile.overrides.map((override) => create(WeightedDstSchema, { ...override })),
    ...(addr === null ? {} : { endpoint: addr }),
    ...(service === null
      ? parent === null
        ? {}
        : { parentRef: parent }
      : { parentRef: resourceMetadata("Service", service) }),
    ...(source === null
      ? {}
      : {
          profileRef: create(MetadataSchema, {
            kind: {
              case: "resource",
              value: create(ResourceSchema, { group: "linkerd.io", kind: "ServiceProfile", ...source }),
            },
          }),
        }),
  });
}

function routeMessage({ name, condition, responses, isRetryable, timeout }: ProfileRoute): Route {
  return create(RouteSchema, {
    condition: requestMessage(condition),
    responseClasses: responses.map((response) =>
      create(ResponseClassSchema, { condition: responseMessage(response.condition), isFailure: response.isFailure }),
    ),
    metricsLabels: { route: name },
    isRetryable,
    ...(timeout === null ? {} : { timeout: duration(timeout) }),
  });
}

function requestMessage(condition: RequestCondition): RequestMatch {
  switch (condition.kind) {
    case "all":
    case "any": {
      const value = create(RequestMatch_SeqSchema, { matches: condition.of.map(requestMessage) });
      return create(RequestMatchSchema, { match: { case: condition.kind, value } });
    }
    case "not":
      return create(RequestMatchSchema, { match: { case: "not", value: requestMessage(condition.of) } });
    case "path": {
      const value = create(PathMatchSchema, { regex: condition.regex });
      return create(RequestMatchSchema, { match: { case: "path", value } });
    }
    case "method":
      return create(RequestMatchSchema, { match: { case: "method", value: methodMessage(condition.method) } });
  }
}

function responseMessage(condition: ResponseCondition): ResponseMatch {
  switch (condition.kind) {
    case "all":
    case "any": {
      const value = create(ResponseMatch_SeqSchema, { matches: condition.of.map(responseMessage) });
      return create(ResponseMatchSchema, { match: { case: condition.kind, value } });
    }
    case "not":
      return create(ResponseMatchSchema, { match: { case: "not", value: responseMessage(condition.of) } });
    case "status": {
      const value = create(HttpStatusRangeSchema, { min: condition.min, max: condition.max });
      return create(ResponseMatchSchema, { match: { case: "status", value } });
    }
  }
}
