/** Endpoints as messages of the proxy API. */
import { create } from "#rpc/protobuf/create.ts";
import { tcpAddress } from "#rpc/address.ts";
import {
  AddrSetSchema,
  NoEndpointsSchema,
  ProtocolHint_H2Schema,
  ProtocolHint_OpaqueSchema,
  ProtocolHint_OpaqueTransportSchema,
  ProtocolHintSchema,
  TlsIdentity_DnsLikeIdentitySchema,
  TlsIdentity_UriLikeIdentitySchema,
  TlsIdentitySchema,
  UpdateSchema,
  WeightedAddrSchema,
  WeightedAddrSetSchema,
  type Http2ClientParams,
  type ProtocolHint,
  type TlsIdentity,
  type Update,
  type WeightedAddr,
} from "#rpc/gen/destination_pb.ts";
import { MetadataSchema, ResourceSchema, type Metadata } from "#rpc/gen/meta_pb.ts";
import type { TcpAddress } from "#rpc/gen/net_pb.ts";
import type { Endpoint } from "../destination/endpoint.ts";

/** The weight of every endpoint. */
const weight = 10_000;

/** Whether client and endpoint are in the same zone: a label of the client's metrics. */
export type ZoneLocality = "local" | "remote" | "unknown";

export function zoneLocality(clientZone: string, endpointZone: string): ZoneLocality {
  if (clientZone === "" || endpointZone === "") return "unknown";
  return clientZone === endpointZone ? "local" : "remote";
}

const groups = {
  Service: "core",
  Pod: "core",
  EgressNetwork: "policy.linkerd.io",
  ExternalWorkload: "workload.linkerd.io",
} as const;

/** The object that an endpoint is; null: it is only an address. */
export function endpointMetadata(endpoint: Endpoint): Metadata | null {
  const { port } = endpoint;
  if (endpoint.pod !== null) return resourceMetadata("Pod", { ...endpoint.pod, port });
  if (endpoint.external !== undefined) return resourceMetadata("ExternalWorkload", { ...endpoint.external, port });
  return null;
}

/** The namespace of what an endpoint is, as a label. */
export function namespaceLabel({ pod, external }: Endpoint): Readonly<Record<string, string>> {
  const of = pod ?? external;
  return of === undefined ? {} : { namespace: of.namespace };
}

/** A Kubernetes object. The core group is called "core" here. */
export function resourceMetadata(
  kind: "Service" | "Pod" | "EgressNetwork" | "ExternalWorkload",
  of: { readonly namespace: string; readonly name: string; readonly port?: number },
): Metadata {
  const value = create(ResourceSchema, {
    group: groups[kind],
    kind,
    name: of.name,
    namespace: of.namespace,
    port: of.port ?? 0,
  });
  return create(MetadataSchema, { kind: { case: "resource", value } });
}

export function defaultMetadata(name: string): Metadata {
  return create(MetadataSchema, { kind: { case: "default", value: name } });
}

/** Null when the endpoint's address is none. */
export function weightedAddr(
  endpoint: Endpoint,
  clientZone: string,
  extraLabels: Readonly<Record<string, string>> = {},
  /** For endpoints that speak HTTP/2 with our proxies; null: the proxies' own settings. */
  http2: Http2ClientParams | null = null,
): WeightedAddr | null {
  const addr = tcpAddress(endpoint);
  if (addr === null) return null;
  return create(WeightedAddrSchema, {
    addr,
    weight,
    metricLabels: {
      ...extraLabels,
      ...endpoint.labels,
      zone_locality: zoneLocality(clientZone, endpoint.zone),
    },
    ...(endpoint.identity === null ? {} : { tlsIdentity: tlsIdentity(endpoint.identity, endpoint.serverName) }),
    ...(endpoint.hint === null ? {} : { protocolHint: protocolHint(endpoint.hint) }),
    ...(http2 !== null && endpoint.hint?.protocol === "h2" ? { http2 } : {}),
    ...(endpoint.tlsRequiredBy === undefined ? {} : { tlsRequiredBy: endpoint.tlsRequiredBy }),
    ...(endpoint.pod === null ? {} : { resourceRef: resourceMetadata("Pod", endpoint.pod) }),
    ...(endpoint.external === undefined
      ? {}
      : { resourceRef: resourceMetadata("ExternalWorkload", endpoint.external) }),
  });
}

function tlsIdentity(name: string, asked: string = name): TlsIdentity {
  const serverName = create(TlsIdentity_DnsLikeIdentitySchema, { name: asked });
  if (name.includes("://")) {
    const value = create(TlsIdentity_UriLikeIdentitySchema, { uri: name });
    return create(TlsIdentitySchema, { strategy: { case: "uriLikeIdentity", value }, serverName });
  }
  const value = create(TlsIdentity_DnsLikeIdentitySchema, { name });
  return create(TlsIdentitySchema, { strategy: { case: "dnsLikeIdentity", value }, serverName });
}

function protocolHint(hint: NonNullable<Endpoint["hint"]>): ProtocolHint {
  const message = create(ProtocolHintSchema);
  if (hint.protocol === "h2") message.protocol = { case: "h2", value: create(ProtocolHint_H2Schema) };
  if (hint.protocol === "opaque") message.protocol = { case: "opaque", value: create(ProtocolHint_OpaqueSchema) };
  if (hint.transportPort !== null) {
    message.opaqueTransport = create(ProtocolHint_OpaqueTransportSchema, { inboundPort: hint.transportPort });
  }
  return message;
}

/** `of`: the Service, for the labels that the whole set shares. */
export function addUpdate(
  endpoints: readonly Endpoint[],
  of: { readonly namespace: string; readonly service: string },
  clientZone: string,
  http2: Http2ClientParams | null,
): Update {
  const addrs: WeightedAddr[] = [];
  for (const endpoint of endpoints) {
    const addr = weightedAddr(endpoint, clientZone, {}, http2);
    if (addr !== null) addrs.push(addr);
  }
  const metricLabels = { namespace: of.namespace, service: of.service };
  const value = create(WeightedAddrSetSchema, { addrs, metricLabels });
  return create(UpdateSchema, { update: { case: "add", value } });
}

export function removeUpdate(endpoints: readonly Endpoint[]): Update {
  const addrs = endpoints.map(tcpAddress).filter((addr): addr is TcpAddress => addr !== null);
  return create(UpdateSchema, { update: { case: "remove", value: create(AddrSetSchema, { addrs }) } });
}

export function noEndpointsUpdate(exists: boolean): Update {
  return create(UpdateSchema, { update: { case: "noEndpoints", value: create(NoEndpointsSchema, { exists }) } });
}
