/** Inbound policies as messages of the proxy API. */
import { create } from "#rpc/protobuf/create.ts";
import { formatIp, type Cidr } from "#lib/net-addr.ts";
import { duration, ipMessage } from "#rpc/address.ts";
import { GrpcFailureInjectorSchema } from "#rpc/gen/grpc_route_pb.ts";
import {
  Authn_PermitMeshTLS_PermitClientIdentitiesSchema,
  Authn_PermitMeshTLSSchema,
  Authn_PermitUnauthenticatedSchema,
  AuthnSchema,
  AuthzSchema,
  GrpcRoute_FilterSchema,
  GrpcRoute_RuleSchema,
  GrpcRouteSchema,
  HttpLocalRateLimit_LimitSchema,
  HttpLocalRateLimit_Override_ClientIdentitiesSchema,
  HttpLocalRateLimit_OverrideSchema,
  HttpLocalRateLimitSchema,
  HttpRoute_FilterSchema,
  HttpRoute_RuleSchema,
  HttpRouteSchema,
  IdentitySchema,
  IdentitySuffixSchema,
  JwtAuthz_ClaimSchema,
  JwtAuthzSchema,
  NetworkSchema,
  ProxyProtocol_DetectSchema,
  ProxyProtocol_GrpcSchema,
  ProxyProtocol_Http1Schema,
  ProxyProtocol_Http2Schema,
  ProxyProtocol_OpaqueSchema,
  ProxyProtocol_TlsSchema,
  ProxyProtocolSchema,
  ServerSchema,
  type Authn,
  type Authn_PermitMeshTLS,
  type Authz,
  type GrpcRoute,
  type GrpcRoute_Filter,
  type HttpLocalRateLimit,
  type HttpRoute,
  type HttpRoute_Filter,
  type Identity,
  type ProxyProtocol,
  type Server,
} from "#rpc/gen/inbound_pb.ts";
import { MetadataSchema, ResourceSchema, type Metadata } from "#rpc/gen/meta_pb.ts";
import { IPNetworkSchema, type IPAddress, type IPNetwork } from "#rpc/gen/net_pb.ts";
import type { GrpcMatch, HttpMatch } from "../index/policy/route.ts";
import type { RouteFilter } from "../index/policy/route-filter.ts";
import type {
  Authorization,
  ClientMatch,
  InboundPolicy,
  InboundRoute,
  Origin,
  RateLimit,
} from "../policy/inbound-policy.ts";
import { defaultMetadata } from "./destination-message.ts";
import { filterKind, grpcMatchMessage, hostMessage, httpMatchMessage } from "./route-message.ts";

export function serverMessage(policy: InboundPolicy): Server {
  return create(ServerSchema, {
    protocol: protocolMessage(policy),
    serverIps: policy.serverIps.map(ipMessage).filter((ip): ip is IPAddress => ip !== null),
    ...authorizationMessages(policy.authorizations),
    denials: (policy.denials ?? []).map(authzMessage),
    labels: labels(policy.origin),
  });
}

function protocolMessage({ protocol, rateLimit }: InboundPolicy): ProxyProtocol {
  const limit = rateLimit === null ? {} : rateLimitMessage(rateLimit);
  switch (protocol.kind) {
    case "opaque":
      return create(ProxyProtocolSchema, { kind: { case: "opaque", value: create(ProxyProtocol_OpaqueSchema) } });
    case "tls":
      return create(ProxyProtocolSchema, { kind: { case: "tls", value: create(ProxyProtocol_TlsSchema) } });
    case "detect": {
      const value = create(ProxyProtocol_DetectSchema, {
        timeout: duration(protocol.timeout),
        httpRoutes: protocol.routes.map(httpRouteMessage),
        ...(rateLimit === null ? {} : { httpLocalRateLimit: limit }),
      });
      return create(ProxyProtocolSchema, { kind: { case: "detect", value } });
    }
    case "http1": {
      const routes = protocol.routes.map(httpRouteMessage);
      const value = create(ProxyProtocol_Http1Schema, {
        routes,
        ...(rateLimit === null ? {} : { localRateLimit: limit }),
      });
      return create(ProxyProtocolSchema, { kind: { case: "http1", value } });
    }
    case "http2": {
      const routes = protocol.routes.map(httpRouteMessage);
      const value = create(ProxyProtocol_Http2Schema, {
        routes,
        ...(rateLimit === null ? {} : { localRateLimit: limit }),
      });
      return create(ProxyProtocolSchema, { kind: { case: "http2", value } });
    }
    case "grpc": {
      const value = create(ProxyProtocol_GrpcSchema, { routes: protocol.routes.map(grpcRouteMessage) });
      return create(ProxyProtocolSchema, { kind: { case: "grpc", value } });
    }
  }
}

function rateLimitMessage({ origin, total, identity, overrides }: RateLimit): HttpLocalRateLimit {
  const limit = (requestsPerSecond: number) => create(HttpLocalRateLimit_LimitSchema, { requestsPerSecond });
  return create(HttpLocalRateLimitSchema, {
    metadata: originMetadata(origin),
    ...(total === null ? {} : { total: limit(total) }),
    ...(identity === null ? {} : { identity: limit(identity) }),
    overrides: overrides.map(({ limit: rate, names }) =>
      create(HttpLocalRateLimit_OverrideSchema, {
        limit: limit(rate),
        clients: create(HttpLocalRateLimit_Override_ClientIdentitiesSchema, { identities: names.map(identityMessage) }),
      }),
    ),
  });
}

function identityMessage(name: string): Identity {
  return create(IdentitySchema, { name });
}

function httpRouteMessage({ origin, hosts, authorizations, rules }: InboundRoute<HttpMatch>): HttpRoute {
  return create(HttpRouteSchema, {
    metadata: originMetadata(origin),
    hosts: hosts.map(hostMessage),
    ...authorizationMessages(authorizations),
    rules: rules.map(({ matches, filters }) =>
      create(HttpRoute_RuleSchema, { matches: matches.map(httpMatchMessage), filters: filters.flatMap(httpFilter) }),
    ),
  });
}

function grpcRouteMessage({ origin, hosts, authorizations, rules }: InboundRoute<GrpcMatch>): GrpcRoute {
  return create(GrpcRouteSchema, {
    metadata: originMetadata(origin),
    hosts: hosts.map(hostMessage),
    ...authorizationMessages(authorizations),
    rules: rules.map(({ matches, filters }) =>
      create(GrpcRoute_RuleSchema, { matches: matches.map(grpcMatchMessage), filters: filters.flatMap(grpcFilter) }),
    ),
  });
}

/** Inbound there is no changing of responses: the message has no room for it, and Linkerd leaves it out too. */
function httpFilter(filter: RouteFilter): HttpRoute_Filter[] {
  const kind = inboundKind(filter);
  return kind.case === "responseHeaderModifier" || kind.case === "urlRewrite"
    ? []
    : [create(HttpRoute_FilterSchema, { kind })];
}

/** What clients' proxies do can't be done here any more: what was asked for must not silently be left out. */
function inboundKind(filter: RouteFilter) {
  const { kind } = filter;
  if (kind !== "mirror" && kind !== "rewrite") return filterKind(filter);
  const name = kind === "mirror" ? "RequestMirror" : "URLRewrite";
  return filterKind({ kind: "failure", status: 500, message: `The filter ${name} is not supported for a Server` });
}

function grpcFilter(filter: RouteFilter): GrpcRoute_Filter[] {
  const kind = inboundKind(filter);
  switch (kind.case) {
    case "requestHeaderModifier":
      return [create(GrpcRoute_FilterSchema, { kind })];
    case "failureInjector": {
      // 13 is INTERNAL.
      const value = create(GrpcFailureInjectorSchema, { code: 13, message: kind.value.message });
      return [create(GrpcRoute_FilterSchema, { kind: { case: "failureInjector", value } })];
    }
    default:
      return [];
  }
}

/** Those that ask for a token are apart: proxies that know nothing of tokens must not take them for more than they are. */
function authorizationMessages(authorizations: readonly Authorization[]) {
  return {
    authorizations: authorizations.filter(({ token }) => token === undefined).map(authzMessage),
    jwtAuthorizations: authorizations.flatMap((authorization) => {
      const { token } = authorization;
      if (token === undefined) return [];
      const claims = token.claims.map(({ name, values }) =>
        create(JwtAuthz_ClaimSchema, { name, values: [...values] }),
      );
      const { issuer, audiences, keySet } = token;
      const authz = authzMessage(authorization);
      return [create(JwtAuthzSchema, { authz, issuer, audiences: [...audiences], claims, keySet })];
    }),
  };
}

function authzMessage(authorization: Authorization): Authz {
  return create(AuthzSchema, {
    networks: authorization.networks.map(({ net, except }) =>
      create(NetworkSchema, { net: networkMessage(net), except: except.map(networkMessage) }),
    ),
    authentication: authnMessage(authorization.clients),
    labels: labels(authorization.origin),
    metadata: originMetadata(authorization.origin),
  });
}

function authnMessage(clients: ClientMatch): Authn {
  switch (clients.kind) {
    case "any": {
      const value = create(Authn_PermitUnauthenticatedSchema);
      return create(AuthnSchema, { permit: { case: "unauthenticated", value } });
    }
    case "any-tls":
      return meshTls({ case: "unauthenticated", value: create(Authn_PermitUnauthenticatedSchema) });
    case "any-identity":
      return meshTls({ case: "identities", value: identitiesMessage([], [""]) });
    case "identities":
      return meshTls({ case: "identities", value: identitiesMessage(clients.names, clients.suffixes) });
  }
}

function meshTls(clients: Authn_PermitMeshTLS["clients"]): Authn {
  const value = create(Authn_PermitMeshTLSSchema, { clients });
  return create(AuthnSchema, { permit: { case: "meshTLS", value } });
}

function identitiesMessage(names: readonly string[], suffixes: readonly string[]) {
  return create(Authn_PermitMeshTLS_PermitClientIdentitiesSchema, {
    identities: names.map(identityMessage),
    // A suffix without parts is every identity.
    suffixes: suffixes.map((suffix) => create(IdentitySuffixSchema, { parts: suffix === "" ? [] : suffix.split(".") })),
  });
}

function networkMessage(network: Cidr): IPNetwork {
  const ip = ipMessage(formatIp(network.bytes));
  return create(IPNetworkSchema, { prefixLen: network.prefix, ...(ip === null ? {} : { ip }) });
}

function labels({ group, kind, name }: Origin): Record<string, string> {
  return { group, kind, name };
}

function originMetadata(origin: Origin): Metadata {
  if (origin.kind === "default") return defaultMetadata(origin.name);
  const value = create(ResourceSchema, { group: origin.group, kind: origin.kind, name: origin.name });
  return create(MetadataSchema, { kind: { case: "resource", value } });
}
