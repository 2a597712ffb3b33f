/** Routes of whole connections as messages of the proxy API. */
import { create } from "#rpc/protobuf/create.ts";
import { InvalidSchema } from "#rpc/gen/opaque_route_pb.ts";
import {
  OpaqueRoute_Distribution_EmptySchema,
  OpaqueRoute_Distribution_RandomAvailableSchema,
  OpaqueRoute_DistributionSchema,
  OpaqueRoute_FilterSchema,
  OpaqueRoute_RouteBackendSchema,
  OpaqueRoute_RuleSchema,
  OpaqueRoute_WeightedRouteBackendSchema,
  OpaqueRouteSchema,
  TlsRoute_Distribution_EmptySchema,
  TlsRoute_Distribution_RandomAvailableSchema,
  TlsRoute_DistributionSchema,
  TlsRoute_FilterSchema,
  TlsRoute_RouteBackendSchema,
  TlsRoute_RuleSchema,
  TlsRoute_WeightedRouteBackendSchema,
  TlsRouteSchema,
  type OpaqueRoute,
  type OpaqueRoute_Distribution,
  type TlsRoute,
  type TlsRoute_Distribution,
} from "#rpc/gen/outbound_pb.ts";
import { SniMatch_SuffixSchema, SniMatchSchema, type SniMatch } from "#rpc/gen/tls_route_pb.ts";
import type { OutboundRoute, WeightedBackend, OutboundFilter } from "../policy/outbound/parent-routes.ts";
import { metadataOf, placeOf } from "./outbound-route-message.ts";

export function opaqueRouteMessage({ origin, rules }: OutboundRoute<null>): OpaqueRoute {
  return create(OpaqueRouteSchema, {
    metadata: metadataOf(origin, "opaq"),
    rules: rules.map(({ backends, filters }) =>
      create(OpaqueRoute_RuleSchema, {
        backends: opaqueDistribution(backends),
        filters: invalid(filters).map((kind) => create(OpaqueRoute_FilterSchema, { kind })),
      }),
    ),
  });
}

export function tlsRouteMessage({ origin, hosts, rules }: OutboundRoute<null>): TlsRoute {
  return create(TlsRouteSchema, {
    metadata: metadataOf(origin, "tls"),
    snis: hosts.map(sniMessage),
    rules: rules.map(({ backends, filters }) =>
      create(TlsRoute_RuleSchema, {
        backends: tlsDistribution(backends),
        filters: invalid(filters).map((kind) => create(TlsRoute_FilterSchema, { kind })),
      }),
    ),
  });
}

/** Connections can't be answered with an error: they are refused. */
function invalid(filters: readonly OutboundFilter[]) {
  return filters
    .filter((filter) => filter.kind === "failure")
    .map(({ message }) => ({ case: "invalid", value: create(InvalidSchema, { message }) }) as const);
}

function opaqueDistribution(backends: readonly WeightedBackend[]): OpaqueRoute_Distribution {
  if (backends.length === 0) {
    const value = create(OpaqueRoute_Distribution_EmptySchema);
    return create(OpaqueRoute_DistributionSchema, { kind: { case: "empty", value } });
  }
  const value = create(OpaqueRoute_Distribution_RandomAvailableSchema, {
    backends: backends.map(({ weight, backend, filters }) =>
      create(OpaqueRoute_WeightedRouteBackendSchema, {
        weight,
        backend: create(OpaqueRoute_RouteBackendSchema, {
          ...placeOf(backend),
          filters: invalid(filters).map((kind) => create(OpaqueRoute_FilterSchema, { kind })),
        }),
      }),
    ),
  });
  return create(OpaqueRoute_DistributionSchema, { kind: { case: "randomAvailable", value } });
}

function tlsDistribution(backends: readonly WeightedBackend[]): TlsRoute_Distribution {
  if (backends.length === 0) {
    const value = create(TlsRoute_Distribution_EmptySchema);
    return create(TlsRoute_DistributionSchema, { kind: { case: "empty", value } });
  }
  const value = create(TlsRoute_Distribution_RandomAvailableSchema, {
    backends: backends.map(({ weight, backend, filters }) =>
      create(TlsRoute_WeightedRouteBackendSchema, {
        weight,
        backend: create(TlsRoute_RouteBackendSchema, {
          ...placeOf(backend),
          filters: invalid(filters).map((kind) => create(TlsRoute_FilterSchema, { kind })),
        }),
      }),
    ),
  });
  return create(TlsRoute_DistributionSchema, { kind: { case: "randomAvailable", value } });
}

function sniMessage(host: string): SniMatch {
  if (!host.startsWith("*.")) return create(SniMatchSchema, { match: { case: "exact", value: host } });
  const value = create(SniMatch_SuffixSchema, { reverseLabels: host.slice(2).split(".").toReversed() });
  return create(SniMatchSchema, { match: { case: "suffix", value } });
}
