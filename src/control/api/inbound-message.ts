/** Inbound policies as messages of the proxy API. */
import { create } from "#rpc/protobuf/create.ts";
import { formatIp, type Cidr } from "#lib/net-addr.ts";
import { duration, ipMessage } from "#rpc/address.ts";
import { HttpRouteMatchSchema, PathMatchSchema } from "#rpc/gen/http_route_pb.ts";
import { HttpMethod_Registered, HttpMethodSchema } from "#rpc/gen/http_types_pb.ts";
import {
  Authn_PermitMeshTLS_PermitClientIdentitiesSchema,
  Authn_PermitMeshTLSSchema,
  Authn_PermitUnauthenticatedSchema,
  AuthnSchema,
  AuthzSchema,
  HttpRoute_RuleSchema,
  HttpRouteSchema,
  IdentitySuffixSchema,
  NetworkSchema,
  ProxyProtocol_DetectSchema,
  ProxyProtocol_OpaqueSchema,
  ProxyProtocolSchema,
  ServerSchema,
  type Authn,
  type Authz,
  type HttpRoute,
  type ProxyProtocol,
  type Server,
} from "#rpc/gen/inbound_pb.ts";
import { MetadataSchema, ResourceSchema, type Metadata } from "#rpc/gen/meta_pb.ts";
import { IPNetworkSchema, type IPAddress, type IPNetwork } from "#rpc/gen/net_pb.ts";
import type { Authorization, ClientMatch, InboundPolicy, InboundRoute, Origin } from "../policy/inbound-policy.ts";
import { defaultMetadata } from "./destination-message.ts";

export function serverMessage(policy: InboundPolicy): Server {
  return create(ServerSchema, {
    protocol: protocolMessage(policy),
    serverIps: policy.serverIps.map(ipMessage).filter((ip): ip is IPAddress => ip !== null),
    authorizations: policy.authorizations.map(authzMessage),
    labels: labels(policy.origin),
  });
}

function protocolMessage({ protocol, routes }: InboundPolicy): ProxyProtocol {
  if (protocol.kind === "opaque") {
    return create(ProxyProtocolSchema, { kind: { case: "opaque", value: create(ProxyProtocol_OpaqueSchema) } });
  }
  const value = create(ProxyProtocol_DetectSchema, {
    timeout: duration(protocol.timeout),
    httpRoutes: routes.map(routeMessage),
  });
  return create(ProxyProtocolSchema, { kind: { case: "detect", value } });
}

function routeMessage(route: InboundRoute): HttpRoute {
  const matches =
    route.getPaths.length === 0
      ? [create(HttpRouteMatchSchema, { path: create(PathMatchSchema, { kind: { case: "prefix", value: "/" } }) })]
      : route.getPaths.map((path) =>
          create(HttpRouteMatchSchema, {
            path: create(PathMatchSchema, { kind: { case: "exact", value: path } }),
            method: create(HttpMethodSchema, { type: { case: "registered", value: HttpMethod_Registered.GET } }),
          }),
        );
  return create(HttpRouteSchema, {
    metadata: originMetadata(route.origin),
    authorizations: route.authorizations.map(authzMessage),
    rules: [create(HttpRoute_RuleSchema, { matches })],
  });
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
  if (clients.kind === "any") {
    const value = create(Authn_PermitUnauthenticatedSchema);
    return create(AuthnSchema, { permit: { case: "unauthenticated", value } });
  }
  // A suffix without parts is every identity.
  const identities = create(Authn_PermitMeshTLS_PermitClientIdentitiesSchema, {
    suffixes: [create(IdentitySuffixSchema)],
  });
  const value = create(Authn_PermitMeshTLSSchema, { clients: { case: "identities", value: identities } });
  return create(AuthnSchema, { permit: { case: "meshTLS", value } });
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
