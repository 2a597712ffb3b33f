/** How a client should send traffic to an address or name. */
import { containsIp, parseIp } from "#lib/net-addr.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Lease, Track } from "../index/derivations.ts";
import type { ServiceRecord } from "../index/service.ts";
import type { Authority } from "../destination/authority.ts";
import { describeEndpoint, describeExternal, type Endpoint } from "../destination/endpoint.ts";
import { opaqueOf } from "../destination/profile.ts";
import type { DestinationSettings } from "../destination/settings.ts";
import { egressNetworkFor, type EgressSettings } from "./outbound/egress.ts";
import { type ParentRoutes, routesOfParent } from "./outbound/parent-routes.ts";
import { type Balancing, balancingOf, type FailureAccrual, failureAccrualOf } from "./outbound/traffic-annotations.ts";

/** Addresses outside of the cluster's networks are outside the cluster. */
export interface OutboundSettings extends DestinationSettings, EgressSettings {
  /** Whether applications may say timeouts and retries in headers of their requests. Default: no. */
  readonly allowRequestHeaders?: boolean;
}

/** `tls`: TLS of the applications, which TLSRoutes may tell apart by server name. */
export type OutboundProtocol = "detect" | "opaque" | "tls" | "http1" | "http2";

export type OutboundPolicy =
  /** A Service: `path` is what to ask Destination.Get for. */
  | {
      readonly kind: "service";
      readonly namespace: string;
      readonly name: string;
      readonly port: number;
      readonly path: string;
      /** Absent: endpoints are chosen as usual. */
      readonly balancing?: Balancing;
      readonly protocol: OutboundProtocol;
      readonly routes: ParentRoutes;
      readonly failureAccrual: FailureAccrual | null;
    }
  /** A port that the Service does not declare: connections are refused. */
  | { readonly kind: "undeclared"; readonly namespace: string; readonly name: string; readonly port: number }
  /** One pod or ExternalWorkload, addressed directly. */
  | { readonly kind: "pod"; readonly endpoint: Endpoint; readonly protocol: "detect" | "opaque" }
  /** Outside of the cluster: to the address itself. */
  | { readonly kind: "outside"; readonly ip: string; readonly port: number; readonly protocol: "detect" | "opaque" }
  /** The same, as an EgressNetwork has it. */
  | {
      readonly kind: "egress";
      readonly namespace: string;
      readonly name: string;
      readonly ip: string;
      readonly port: number;
      readonly protocol: "detect" | "opaque";
      /** Of traffic that no route is for. */
      readonly allow: boolean;
      readonly routes: ParentRoutes;
      readonly failureAccrual: FailureAccrual | null;
    }
  /** Nothing is known: the client's proxy does what it does without us. */
  | { readonly kind: "unknown" };

export function watchOutbound(
  index: ClusterIndex,
  settings: OutboundSettings,
  target: Authority,
  /** Of the client; "" when unknown. Its own routes for a Service count before the Service's. */
  clientNamespace: string,
): Lease<OutboundPolicy> {
  const key = `outbound ${target.kind === "ip" ? target.ip : target.host}:${target.port} ${clientNamespace}`;
  const compute = (track: Track): OutboundPolicy => outboundPolicy(index, settings, target, clientNamespace, track);
  return index.derivations.acquire(key, compute, Bun.deepEquals);
}

export function outboundPolicy(
  index: ClusterIndex,
  settings: OutboundSettings,
  target: Authority,
  clientNamespace: string,
  track: Track,
): OutboundPolicy {
  const { port } = target;
  if (target.kind === "service") {
    const service = index.service(target.namespace, target.service, track);
    if (service === undefined) return { kind: "unknown" };
    return servicePolicy(index, settings, service, `${target.host}:${port}`, port, clientNamespace, track);
  }
  const { ip } = target;
  const service = index.serviceByIp(ip, track);
  if (service !== undefined) {
    const path = `${service.name}.${service.namespace}.svc.${settings.clusterDomain}:${port}`;
    return servicePolicy(index, settings, service, path, port, clientNamespace, track);
  }
  const pod = index.podByIp(ip, track);
  const place = { ip, port, hostname: null, node: null, zone: null, forZones: [] };
  const endpoint = describeEndpoint(index, settings, place, pod ?? null, track);
  const machine = pod === undefined ? index.externalWorkloadByIp(ip, track) : undefined;
  if (machine !== undefined) {
    const external = describeExternal(index, settings, place, machine, track);
    return { kind: "pod", endpoint: external, protocol: external.opaque ? "opaque" : "detect" };
  }
  const protocol = endpoint.opaque ? "opaque" : "detect";
  if (pod !== undefined) return { kind: "pod", endpoint, protocol };
  const bytes = parseIp(ip);
  const network = bytes === null ? null : egressNetworkFor(index, settings, bytes, clientNamespace, track);
  if (network !== null) {
    const { namespace, name, allow, annotations } = network;
    const own = { kind: "original", namespace, name, ip, port } as const;
    const parent = {
      group: "policy.linkerd.io",
      kind: "egressnetwork",
      namespace,
      name,
      port,
      annotations,
      own,
      defaultFilters: allow ? [] : [denied],
    };
    const { clusterDomain, allowRequestHeaders } = settings;
    const routes = routesOfParent({ index, clusterDomain, parent, clientNamespace, track, allowRequestHeaders });
    const failureAccrual = failureAccrualOf(annotations);
    return { kind: "egress", namespace, name, ip, port, protocol, allow, routes, failureAccrual };
  }
  if (bytes === null || settings.clusterNetworks.some((network) => containsIp(network, bytes)))
    return { kind: "unknown" };
  return { kind: "outside", ip, port, protocol };
}

function servicePolicy(
  index: ClusterIndex,
  settings: OutboundSettings,
  service: ServiceRecord,
  path: string,
  port: number,
  clientNamespace: string,
  track: Track,
): OutboundPolicy {
  const { namespace, name } = service;
  if (service.kind === "external-name") return { kind: "unknown" };
  const declared = service.ports.find((candidate) => candidate.port === port);
  if (declared === undefined && service.kind === "cluster-ip") return { kind: "undeclared", namespace, name, port };
  const opaque = opaqueOf(index, settings, namespace, service, port, track);
  const protocol = opaque ? "opaque" : appProtocol(declared?.appProtocol ?? null);
  const { clusterDomain, allowRequestHeaders } = settings;
  const { annotations } = service;
  const balancing = balancingOf(annotations);
  const chosen = balancing === null ? {} : { balancing };
  const own = { kind: "service", namespace, name, port, path, ...chosen } as const;
  const parent = { group: "", kind: "service", namespace, name, port, annotations, own, defaultFilters: [] };
  const routes = routesOfParent({ index, clusterDomain, parent, clientNamespace, track, allowRequestHeaders });
  const failureAccrual = failureAccrualOf(annotations);
  return { kind: "service", namespace, name, port, path, ...chosen, protocol, routes, failureAccrual };
}

const denied = { kind: "failure", status: 403, message: "The EgressNetwork denies this traffic" } as const;

/**
 * Case does not matter: https://kubernetes.io/docs/concepts/services-networking/service/#application-protocol . A value
 * that nobody knows means plain TCP.
 */
export function appProtocol(value: string | null): OutboundProtocol {
  return value === null ? "detect" : (appProtocols.get(value.toLowerCase()) ?? "opaque");
}

/** Kubernetes' and Linkerd's names, and what people write besides them. */
const appProtocols: ReadonlyMap<string, OutboundProtocol> = new Map([
  ["http", "http1"],
  ["kubernetes.io/ws", "http1"],
  ["ws", "http1"],
  ["kubernetes.io/h2c", "http2"],
  ["h2c", "http2"],
  ["http2", "http2"],
  ["grpc", "http2"],
  ["https", "tls"],
  ["kubernetes.io/wss", "tls"],
  ["wss", "tls"],
  ["tls", "tls"],
]);
