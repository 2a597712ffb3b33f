import { describe, expect, test } from "bun:test";
import type { GenFile, DescMessage, DescMethod } from "#rpc/protobuf/types.ts";
import { file_destination } from "#rpc/gen/destination_pb.ts";
import { file_grpc_route } from "#rpc/gen/grpc_route_pb.ts";
import { file_http_route } from "#rpc/gen/http_route_pb.ts";
import { file_http_types } from "#rpc/gen/http_types_pb.ts";
import { file_identity } from "#rpc/gen/identity_pb.ts";
import { file_inbound } from "#rpc/gen/inbound_pb.ts";
import { file_meta } from "#rpc/gen/meta_pb.ts";
import { file_net } from "#rpc/gen/net_pb.ts";
import { file_opaque_route } from "#rpc/gen/opaque_route_pb.ts";
import { file_outbound } from "#rpc/gen/outbound_pb.ts";
import { file_tap } from "#rpc/gen/tap_pb.ts";
import { file_tls_route } from "#rpc/gen/tls_route_pb.ts";
import { file_transport_header } from "#rpc/gen/transport_header_pb.ts";
import { file_trust_anchors } from "#rpc/gen/trust_anchors_pb.ts";

/** Message → fields in the order of their numbers, as other implementations of the API know them. */
const numbers: Record<string, string> = {
  "io.linkerd.proxy.net.IPAddress": "ipv4=1 ipv6=2",
  "io.linkerd.proxy.net.IPv6": "first=1 last=2",
  "io.linkerd.proxy.net.IPNetwork": "ip=1 prefix_len=2",
  "io.linkerd.proxy.net.TcpAddress": "ip=1 port=2",
  "io.linkerd.proxy.meta.Metadata": "default=1 resource=2",
  "io.linkerd.proxy.meta.Resource": "group=1 kind=2 name=3 namespace=4 section=5 port=6",
  "io.linkerd.proxy.http_types.HttpMethod": "registered=1 unregistered=2",
  "io.linkerd.proxy.http_types.Headers.Header": "name=1 value=2",
  "io.linkerd.proxy.identity.CertifyRequest": "identity=1 token=2 certificate_signing_request=3",
  "io.linkerd.proxy.identity.CertifyResponse": "leaf_certificate=1 intermediate_certificates=2 valid_until=3",
  // Ours alone.
  "io.linkerd.proxy.identity.WatchRequest": "",
  "io.linkerd.proxy.identity.Anchors": "bundle_pem=1 issuer_sha256=2",
  "io.linkerd.proxy.destination.GetDestination": "scheme=1 path=2 context_token=3",
  "io.linkerd.proxy.destination.Update": "add=1 remove=2 no_endpoints=3",
  "io.linkerd.proxy.destination.WeightedAddrSet": "addrs=1 metric_labels=2",
  "io.linkerd.proxy.destination.WeightedAddr":
    "addr=1 weight=3 metric_labels=4 tls_identity=5 protocol_hint=6 authority_override=7 http2=8 resource_ref=9 tls_required_by=1001",
  "io.linkerd.proxy.destination.TlsIdentity": "dns_like_identity=1 uri_like_identity=3 server_name=4",
  "io.linkerd.proxy.destination.ProtocolHint": "h2=1 opaque_transport=2 opaque=3",
  "io.linkerd.proxy.destination.DestinationProfile":
    "routes=1 retry_budget=2 dst_overrides=3 opaque_protocol=4 fully_qualified_name=5 endpoint=6 parent_ref=7 profile_ref=8",
  "io.linkerd.proxy.destination.Route": "condition=1 response_classes=2 metrics_labels=3 is_retryable=4 timeout=5",
  "io.linkerd.proxy.destination.WeightedDst": "authority=1 weight=2 backend_ref=3",
  "io.linkerd.proxy.http_route.HttpRouteMatch": "path=1 headers=2 query_params=3 method=4",
  "io.linkerd.proxy.http_route.RequestRedirect": "scheme=1 host=2 path=3 port=4 status=5",
  // Ours alone.
  "io.linkerd.proxy.http_route.UrlRewrite": "host=1 path=2",
  "io.linkerd.proxy.outbound.HttpRoute.RequestMirror": "backend=1 ratio=2",
  "io.linkerd.proxy.outbound.HttpRoute.Filter":
    "failure_injector=1 request_header_modifier=2 redirect=3 response_header_modifier=4 url_rewrite=1001 request_mirror=1002",
  "io.linkerd.proxy.outbound.GrpcRoute.Filter":
    "failure_injector=1 request_header_modifier=2 response_header_modifier=1001 request_mirror=1002",
  "io.linkerd.proxy.http_route.Timeouts": "response=1 request=2 idle=3",
  "io.linkerd.proxy.grpc_route.GrpcRpcMatch": "service=1 method=2 regex=1001",
  "io.linkerd.proxy.grpc_route.GrpcFailureInjector": "code=1 message=2 ratio=3",
  "io.linkerd.proxy.inbound.PortSpec": "workload=1 port=2",
  "io.linkerd.proxy.inbound.Server":
    "protocol=1 server_ips=2 authorizations=3 labels=4 denials=1001 jwt_authorizations=1002",
  "io.linkerd.proxy.inbound.ProxyProtocol": "detect=1 opaque=2 tls=3 http1=4 http2=5 grpc=6",
  "io.linkerd.proxy.inbound.ProxyProtocol.Detect": "timeout=1 http_routes=3 http_local_rate_limit=4",
  "io.linkerd.proxy.inbound.ProxyProtocol.Http1": "routes=2 local_rate_limit=3",
  "io.linkerd.proxy.inbound.ProxyProtocol.Grpc": "routes=2",
  "io.linkerd.proxy.inbound.Authz": "networks=1 authentication=2 labels=3 metadata=4",
  "io.linkerd.proxy.inbound.Authn": "unauthenticated=1 meshTLS=2",
  "io.linkerd.proxy.inbound.Authn.PermitMeshTLS": "unauthenticated=1 identities=2",
  "io.linkerd.proxy.inbound.HttpRoute": "metadata=1 hosts=2 authorizations=3 rules=4 jwt_authorizations=1001",
  "io.linkerd.proxy.inbound.HttpLocalRateLimit": "metadata=1 total=2 identity=3 overrides=4",
  "io.linkerd.proxy.outbound.TrafficSpec": "source_workload=1 addr=2 authority=3",
  "io.linkerd.proxy.outbound.OutboundPolicy": "protocol=1 metadata=2",
  "io.linkerd.proxy.outbound.ProxyProtocol": "detect=1 opaque=2 http1=3 http2=4 grpc=5 tls=6",
  "io.linkerd.proxy.outbound.ProxyProtocol.Detect": "timeout=1 opaque=2 http1=3 http2=4",
  "io.linkerd.proxy.outbound.HttpRoute.Rule":
    "matches=1 filters=2 backends=3 requestTimeout=4 timeouts=5 retry=6 allow_l5d_request_headers=7 faults=1001",
  "io.linkerd.proxy.outbound.HttpRoute.RouteBackend": "backend=1 filters=3 requestTimeout=4",
  "io.linkerd.proxy.outbound.GrpcRoute.Retry.Conditions":
    "cancelled=1 deadine_exceeded=4 resource_exhausted=8 internal=13 unavailable=14",
  "io.linkerd.proxy.outbound.OpaqueRoute": "metadata=1 rules=3",
  "io.linkerd.proxy.outbound.TlsRoute": "metadata=1 snis=2 rules=3",
  "io.linkerd.proxy.outbound.Backend": "metadata=1 forward=2 balancer=3 queue=4",
  "io.linkerd.proxy.outbound.Backend.BalanceP2c":
    "discovery=1 peak_ewma=2 penalty_peak_ewma=3 hash=1001 slow_start=1002 locality=1003",
  // Ours alone.
  "io.linkerd.proxy.outbound.Fault": "headers=1 ratio=2 delay=3 bytes_per_second=4 abort=5 reset=6",
  "io.linkerd.proxy.outbound.EjectionConfig": "min_ready_endpoints=1 max_ejection_percent=1001",
  "io.linkerd.proxy.outbound.FailureAccrual": "consecutive_failures=1 unified=2 ejection=3",
  "io.linkerd.proxy.outbound.ExponentialBackoff":
    "min_backoff=1 max_backoff=2 jitter_ratio=3 respect_retry_after_hint=4",
  "io.linkerd.proxy.tap.ObserveRequest.Match":
    "all=1 any=2 not=3 source=4 destination=5 http=6 destination_label=7 route_label=8",
  "io.linkerd.proxy.tap.ObserveRequest.Match.Http": "scheme=1 authority=2 method=3 path=4",
  "io.linkerd.proxy.tap.TapEvent":
    "source=1 destination=2 http=3 destination_meta=4 source_meta=5 proxy_direction=6 route_meta=7",
  "io.linkerd.proxy.tap.TapEvent.Http.ResponseEnd":
    "id=1 since_request_init=2 since_response_init=3 response_bytes=4 eos=5 trailers=6",
  "transport.l5d.io.Header": "port=1 name=2 session_protocol=3",
  "transport.l5d.io.SessionProtocol": "http1=1 http2=2",
};

/** Method → kind, request and reply. */
const methods: Record<string, string> = {
  "io.linkerd.proxy.destination.Destination.Get": "server_streaming GetDestination Update",
  "io.linkerd.proxy.destination.Destination.GetProfile": "server_streaming GetDestination DestinationProfile",
  "io.linkerd.proxy.identity.Identity.Certify": "unary CertifyRequest CertifyResponse",
  // Ours alone.
  "io.linkerd.proxy.identity.TrustAnchors.Watch": "server_streaming WatchRequest Anchors",
  "io.linkerd.proxy.inbound.InboundServerPolicies.GetPort": "unary PortSpec Server",
  "io.linkerd.proxy.inbound.InboundServerPolicies.WatchPort": "server_streaming PortSpec Server",
  "io.linkerd.proxy.outbound.OutboundPolicies.Get": "unary TrafficSpec OutboundPolicy",
  "io.linkerd.proxy.outbound.OutboundPolicies.Watch": "server_streaming TrafficSpec OutboundPolicy",
  "io.linkerd.proxy.tap.Tap.Observe": "server_streaming ObserveRequest TapEvent",
};

const files: readonly GenFile[] = [
  file_destination,
  file_grpc_route,
  file_http_route,
  file_http_types,
  file_identity,
  file_inbound,
  file_meta,
  file_net,
  file_opaque_route,
  file_outbound,
  file_tap,
  file_tls_route,
  file_transport_header,
  file_trust_anchors,
];

function bare(message: DescMessage): string {
  return message.typeName.split(".").at(-1)!;
}

function withNested(message: DescMessage): DescMessage[] {
  return [message, ...message.nestedMessages.flatMap(withNested)];
}

describe("The proxy API", () => {
  const messages = new Map(
    files.flatMap((file) => file.messages.flatMap(withNested)).map((message) => [message.typeName, message]),
  );
  const rpcs = new Map<string, DescMethod>(
    files
      .flatMap((file) => file.services)
      .flatMap((service) => service.methods)
      .map((method) => [`${method.parent.typeName}.${method.name}`, method]),
  );

  test("has the field names and numbers that other implementations use", () => {
    for (const [name, expected] of Object.entries(numbers)) {
      const fields = messages.get(name)?.fields.toSorted((a, b) => a.number - b.number);
      expect(`${name}: ${fields?.map((field) => `${field.name}=${field.number}`).join(" ")}`).toBe(
        `${name}: ${expected}`,
      );
    }
  });

  test("has exactly the services and methods that other implementations use, and ours", () => {
    const found = [...rpcs].map(([name, { methodKind, input, output }]) => [
      name,
      `${methodKind} ${bare(input)} ${bare(output)}`,
    ]);
    expect(Object.fromEntries(found)).toEqual(methods);
  });
});
