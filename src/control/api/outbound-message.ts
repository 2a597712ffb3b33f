/** Outbound policies as messages of the proxy API. */
import { create } from "#rpc/protobuf/create.ts";
import { duration, tcpAddress } from "#rpc/address.ts";
import { WeightedAddrSchema } from "#rpc/gen/destination_pb.ts";
import { HttpRouteMatchSchema, PathMatchSchema } from "#rpc/gen/http_route_pb.ts";
import type { Metadata } from "#rpc/gen/meta_pb.ts";
import { ForbiddenSchema } from "#rpc/gen/opaque_route_pb.ts";
import {
  BackendSchema,
  HttpRoute_Distribution_FirstAvailableSchema,
  HttpRoute_DistributionSchema,
  HttpRoute_RouteBackendSchema,
  HttpRoute_RuleSchema,
  HttpRouteSchema,
  OpaqueRoute_Distribution_EmptySchema,
  OpaqueRoute_Distribution_FirstAvailableSchema,
  OpaqueRoute_DistributionSchema,
  OpaqueRoute_FilterSchema,
  OpaqueRoute_RouteBackendSchema,
  OpaqueRoute_RuleSchema,
  OpaqueRouteSchema,
  OutboundPolicySchema,
  ProxyProtocol_DetectSchema,
  ProxyProtocol_GrpcSchema,
  ProxyProtocol_Http1Schema,
  ProxyProtocol_Http2Schema,
  ProxyProtocol_OpaqueSchema,
  ProxyProtocol_TlsSchema,
  ProxyProtocolSchema,
  type Backend,
  type HttpRoute,
  type OpaqueRoute,
  type OutboundPolicy as OutboundPolicyMessage,
  type ProxyProtocol,
} from "#rpc/gen/outbound_pb.ts";
import type { OutboundPolicy } from "../policy/outbound.ts";
import { deciding } from "../policy/outbound/parent-routes.ts";
import { balancer, forwardTo, queue } from "./backend-message.ts";
import {
  defaultMetadata,
  endpointMetadata,
  namespaceLabel,
  resourceMetadata,
  weightedAddr,
} from "./destination-message.ts";
import { accrualMessage, grpcRouteMessage, httpRouteMessage } from "./outbound-route-message.ts";
import { opaqueRouteMessage, tlsRouteMessage } from "./stream-route-message.ts";

/** How long a proxy looks at a connection's first bytes, ms. */
const detectTimeout = 10_000;

/** Null when nothing is known of the target. */
export function outboundMessage(policy: OutboundPolicy, clientZone: string): OutboundPolicyMessage | null {
  switch (policy.kind) {
    case "unknown":
      return null;
    case "service": {
      const metadata = resourceMetadata("Service", policy);
      return parentMessage(policy, metadata, opaqueRoute(balancer(policy.path, metadata, policy.balancing)));
    }
    case "egress": {
      const metadata = resourceMetadata("EgressNetwork", policy);
      const place = forwardTo(policy.ip, policy.port, metadata);
      if (place === null) return null;
      return parentMessage(policy, metadata, policy.allow ? opaqueRoute(place) : forbiddenRoute("egress-denied"));
    }
    case "pod": {
      const { endpoint } = policy;
      const value = weightedAddr(endpoint, clientZone, namespaceLabel(endpoint));
      const metadata = endpointMetadata(endpoint);
      if (value === null || metadata === null) return null;
      return message(metadata, policy.protocol, forward(value, metadata));
    }
    case "outside": {
      const addr = tcpAddress(policy);
      if (addr === null) return null;
      const metadata = defaultMetadata("egress-fallback");
      return message(metadata, policy.protocol, forward(create(WeightedAddrSchema, { addr, weight: 1 }), metadata));
    }
    case "undeclared": {
      const metadata = resourceMetadata("Service", policy);
      const value = create(ProxyProtocol_OpaqueSchema, { routes: [forbiddenRoute("undeclared-port")] });
      return create(OutboundPolicySchema, {
        metadata,
        protocol: create(ProxyProtocolSchema, { kind: { case: "opaque", value } }),
      });
    }
  }
}

/** `tcp`: what is done with bytes that are not looked into. */
function parentMessage(
  policy: Extract<OutboundPolicy, { kind: "service" | "egress" }>,
  metadata: Metadata,
  tcp: OpaqueRoute,
): OutboundPolicyMessage {
  const { protocol, routes } = policy;
  const accrual = policy.failureAccrual === null ? {} : { failureAccrual: accrualMessage(policy.failureAccrual) };
  const kind = (): NonNullable<ProxyProtocol["kind"]> => {
    const decides = deciding(routes);
    const streams = routes.tcp.length > 0 ? routes.tcp.map(opaqueRouteMessage) : [tcp];
    const opaque = create(ProxyProtocol_OpaqueSchema, {
      routes: protocol === "opaque" || decides === "tcp" ? streams : [tcp],
    });
    if (protocol === "opaque") return { case: "opaque", value: opaque };
    // Routes say what the traffic is, where the Service doesn't.
    if (protocol === "detect" && decides === "tcp") return { case: "opaque", value: opaque };
    if ((protocol === "detect" || protocol === "tls") && decides === "tls") {
      return { case: "tls", value: create(ProxyProtocol_TlsSchema, { routes: routes.tls.map(tlsRouteMessage) }) };
    }
    // Requests in it are nobody's business, and Linkerd's proxies know a protocol TLS with routes only.
    if (protocol === "tls") return { case: "opaque", value: opaque };
    // HTTP/1 can't be gRPC.
    if (decides === "grpc" && protocol !== "http1") {
      const value = create(ProxyProtocol_GrpcSchema, { routes: routes.grpc.map(grpcRouteMessage), ...accrual });
      return { case: "grpc", value };
    }
    const http = routes.http.map(httpRouteMessage);
    const http1 = create(ProxyProtocol_Http1Schema, { routes: http, ...accrual });
    const http2 = create(ProxyProtocol_Http2Schema, { routes: http, ...accrual });
    if (protocol === "http1") return { case: "http1", value: http1 };
    if (protocol === "http2") return { case: "http2", value: http2 };
    const timeout = duration(detectTimeout);
    return { case: "detect", value: create(ProxyProtocol_DetectSchema, { timeout, opaque, http1, http2 }) };
  };
  return create(OutboundPolicySchema, { metadata, protocol: create(ProxyProtocolSchema, { kind: kind() }) });
}

type PodProtocol = Extract<OutboundPolicy, { kind: "pod" | "outside" }>["protocol"];

function message(metadata: Metadata, protocol: PodProtocol, backend: Backend): OutboundPolicyMessage {
  return create(OutboundPolicySchema, { metadata, protocol: protocolMessage(protocol, backend) });
}

function protocolMessage(protocol: PodProtocol, backend: Backend): ProxyProtocol {
  const opaque = create(ProxyProtocol_OpaqueSchema, { routes: [opaqueRoute(backend)] });
  const http1 = create(ProxyProtocol_Http1Schema, { routes: [httpRoute(backend)] });
  const http2 = create(ProxyProtocol_Http2Schema, { routes: [httpRoute(backend)] });
  switch (protocol) {
    case "opaque":
      return create(ProxyProtocolSchema, { kind: { case: "opaque", value: opaque } });
    case "detect": {
      const timeout = duration(detectTimeout);
      const value = create(ProxyProtocol_DetectSchema, { timeout, opaque, http1, http2 });
      return create(ProxyProtocolSchema, { kind: { case: "detect", value } });
    }
  }
}

/** Every request, to the backend. */
function httpRoute(backend: Backend): HttpRoute {
  const available = create(HttpRoute_Distribution_FirstAvailableSchema, {
    backends: [create(HttpRoute_RouteBackendSchema, { backend })],
  });
  const path = create(PathMatchSchema, { kind: { case: "prefix", value: "/" } });
  const rule = create(HttpRoute_RuleSchema, {
    matches: [create(HttpRouteMatchSchema, { path })],
    backends: create(HttpRoute_DistributionSchema, { kind: { case: "firstAvailable", value: available } }),
  });
  return create(HttpRouteSchema, { metadata: defaultMetadata("http"), rules: [rule] });
}

function opaqueRoute(backend: Backend): OpaqueRoute {
  const available = create(OpaqueRoute_Distribution_FirstAvailableSchema, {
    backends: [create(OpaqueRoute_RouteBackendSchema, { backend })],
  });
  const backends = create(OpaqueRoute_DistributionSchema, { kind: { case: "firstAvailable", value: available } });
  const rules = [create(OpaqueRoute_RuleSchema, { backends })];
  return create(OpaqueRouteSchema, { metadata: defaultMetadata("opaq"), rules });
}

function forbiddenRoute(name: string): OpaqueRoute {
  const filter = create(OpaqueRoute_FilterSchema, { kind: { case: "forbidden", value: create(ForbiddenSchema) } });
  const empty = create(OpaqueRoute_Distribution_EmptySchema);
  const backends = create(OpaqueRoute_DistributionSchema, { kind: { case: "empty", value: empty } });
  const rules = [create(OpaqueRoute_RuleSchema, { backends, filters: [filter] })];
  return create(OpaqueRouteSchema, { metadata: defaultMetadata(name), rules });
}

function forward(value: ReturnType<typeof weightedAddr> & object, metadata: Metadata): Backend {
  return create(BackendSchema, { metadata, kind: { case: "forward", value }, queue: queue() });
}
