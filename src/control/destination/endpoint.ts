/** One address that traffic can go to, and what the caller's proxy must know of it. */
import { includesPort, readPortList } from "#lib/port-list.ts";
import { serviceAccountIdentity } from "#model/identity.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Track } from "../index/derivations.ts";
import { listedPort } from "../index/port-list.ts";
import { serverOfPort } from "../index/policy/server-of-port.ts";
import type { ExternalWorkload } from "../index/external-workload.ts";
import { opaquePortsAnnotation, skipInboundPortsAnnotation, type Workload } from "../index/workload.ts";
import type { DestinationSettings } from "./settings.ts";
import { tlsRequiredBy } from "./tls-requirement.ts";

export interface Endpoint {
  readonly ip: string;
  readonly port: number;
  /** The pod's name; null for an address from elsewhere. */
  readonly pod: { readonly namespace: string; readonly name: string } | null;
  /** The ExternalWorkload's name; absent: it is none. */
  readonly external?: { readonly namespace: string; readonly name: string };
  readonly hostname: string | null;
  /** "" when unknown. */
  readonly node: string;
  readonly zone: string;
  readonly forZones: readonly string[];
  /** Labels for the metrics of the caller's proxy, without those that depend on the caller. */
  readonly labels: Readonly<Record<string, string>>;
  /** Whom the endpoint's certificate names; null: it can't be spoken to with mutual TLS. */
  readonly identity: string | null;
  /** What to ask for in the TLS hello where that is not the identity. */
  readonly serverName?: string;
  /** What the endpoint's proxy understands; null: there is none in the way. */
  readonly hint: {
    readonly protocol: "h2" | "opaque" | "unknown";
    /** Send connections to this port of the proxy, with a transport header; null: to the endpoint's port itself. */
    readonly transportPort: number | null;
  } | null;
  /** Bytes must not be interpreted. */
  readonly opaque: boolean;
  /** "NAMESPACE/NAME" of the MeshTLSRequirement by which nothing may be sent there without mutual TLS; absent: there is none. */
  readonly tlsRequiredBy?: string;
}

/** Where an address was found. */
export interface EndpointPlace {
  readonly ip: string;
  readonly port: number;
  readonly hostname: string | null;
  readonly node: string | null;
  readonly zone: string | null;
  readonly forZones: readonly string[];
  /** The Service that it was found by; absent: it is meant itself. */
  readonly service?: { readonly namespace: string; readonly name: string };
}

/** Describes an address, with the pod behind it if there is one. */
export function describeEndpoint(
  index: ClusterIndex,
  settings: DestinationSettings,
  place: EndpointPlace,
  pod: Workload | null,
  track: Track,
): Endpoint {
  const node = place.node ?? pod?.node ?? "";
  const zone = place.zone ?? index.zoneOfNode(node, track);
  const base = {
    ip: place.ip,
    port: place.port,
    hostname: place.hostname,
    node,
    zone,
    forZones: place.forZones,
    ...requirement(index, place, pod?.namespace ?? null, track),
  };
  if (pod === null) {
    const opaque = includesPort(settings.defaultOpaquePorts, place.port);
    const labels = zone === "" ? {} : { zone };
    return { ...base, pod: null, labels, identity: null, hint: null, opaque };
  }
  const listed = listedPort(
    place.port,
    [pod.annotations[opaquePortsAnnotation], index.namespaceAnnotation(pod.namespace, opaquePortsAnnotation, track)],
    settings.defaultOpaquePorts,
    pod.namedPorts,
  );
  const opaque = listed || serverOfPort(index, pod, place.port, track)?.protocol === "opaque";
  return {
    ...base,
    pod: { namespace: pod.namespace, name: pod.name },
    labels: podLabels(index, pod, zone, track),
    identity: identityOf(pod, place.port, settings),
    hint: hintOf(pod, place.port, opaque, settings),
    opaque,
  };
}

/** A machine outside of the cluster, whose proxy is as those of pods are. */
export function describeExternal(
  index: ClusterIndex,
  settings: DestinationSettings,
  place: EndpointPlace,
  machine: ExternalWorkload,
  track: Track,
): Endpoint {
  const { namespace, name, annotations, namedPorts, external } = machine;
  const lists = [
    annotations[opaquePortsAnnotation],
    index.namespaceAnnotation(namespace, opaquePortsAnnotation, track),
  ];
  const listed = listedPort(place.port, lists, settings.defaultOpaquePorts, namedPorts);
  const opaque = listed || serverOfPort(index, machine, place.port, track)?.protocol === "opaque";
  const skipped = readPortList(annotations[skipInboundPortsAnnotation] ?? "", namedPorts).ranges;
  const through = !includesPort(skipped, place.port);
  const protocol = opaque ? "opaque" : settings.enableH2Upgrade ? "h2" : "unknown";
  const viaHeader = opaque || settings.transportMode === "transport-header";
  const zone = place.zone ?? "";
  return {
    ip: place.ip,
    port: place.port,
    hostname: place.hostname,
    node: place.node ?? "",
    zone,
    forZones: place.forZones,
    pod: null,
    external: { namespace, name },
    labels: { external_workload: name, ...(zone === "" ? {} : { zone }) },
    identity: through ? external.identity : null,
    ...(through ? { serverName: external.serverName } : {}),
    hint: through ? { protocol, transportPort: viaHeader ? externalInboundPort : null } : null,
    opaque,
    ...requirement(index, place, namespace, track),
  };
}

function requirement(
  index: ClusterIndex,
  { ip, service }: EndpointPlace,
  namespace: string | null,
  track: Track,
): Pick<Endpoint, "tlsRequiredBy"> {
  const name = tlsRequiredBy(index, { ip, service: service ?? null, namespace }, track);
  return name === null ? {} : { tlsRequiredBy: name };
}

/** Where proxies of machines outside take connections: nothing in an ExternalWorkload says otherwise. */
const externalInboundPort = 4143;

function podLabels(index: ClusterIndex, pod: Workload, zone: string, track: Track): Record<string, string> {
  const labels: Record<string, string> = { pod: pod.name, serviceaccount: pod.serviceAccount };
  const owner = index.ownerOf(pod, track);
  if (owner !== null) {
    // "job" is the label by which Prometheus names its own scrape jobs.
    const kind = owner.kind.toLowerCase();
    labels[kind === "job" ? "k8s_job" : kind] = owner.name;
  }
  if (pod.proxy !== null) labels["control_plane_ns"] = pod.proxy.controlPlaneNamespace;
  const hash = pod.labels["pod-template-hash"];
  if (hash !== undefined) labels["pod_template_hash"] = hash;
  if (zone !== "") labels["zone"] = zone;
  return labels;
}

/** Only a pod of the same mesh has an identity that the caller can verify, and only on ports that reach its proxy. */
function identityOf(pod: Workload, port: number, settings: DestinationSettings): string | null {
  const { proxy } = pod;
  if (proxy === null || proxy.controlPlaneNamespace !== settings.controlPlaneNamespace) return null;
  if (proxy.trustDomain !== null && proxy.trustDomain !== settings.trustDomain) return null;
  if (includesPort(proxy.skipInboundPorts, port) && !answersItself(pod, port)) return null;
  return serviceAccountIdentity(pod.serviceAccount, pod.namespace, settings);
}

/** Metrics and tap are answered by the proxy on their own ports, with its identity but without a transport header. */
function answersItself(pod: Workload, port: number): boolean {
  return pod.proxy !== null && (port === pod.proxy.adminPort || port === pod.proxy.controlPort);
}

function hintOf(pod: Workload, port: number, opaque: boolean, settings: DestinationSettings): Endpoint["hint"] {
  const { proxy } = pod;
  if (proxy === null || proxy.controlPlaneNamespace !== settings.controlPlaneNamespace) return null;
  if (includesPort(proxy.skipInboundPorts, port) || answersItself(pod, port)) return null;
  const protocol = opaque ? "opaque" : settings.enableH2Upgrade ? "h2" : "unknown";
  const viaHeader = opaque || settings.transportMode === "transport-header";
  return { protocol, transportPort: viaHeader ? proxy.inboundPort : null };
}

/** Field by field: it runs for every endpoint of a set at each change of any of them. */
export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return (
    a.ip === b.ip &&
    a.port === b.port &&
    a.pod?.namespace === b.pod?.namespace &&
    a.pod?.name === b.pod?.name &&
    a.hostname === b.hostname &&
    a.node === b.node &&
    a.zone === b.zone &&
    a.identity === b.identity &&
    a.serverName === b.serverName &&
    a.external?.namespace === b.external?.namespace &&
    a.external?.name === b.external?.name &&
    a.opaque === b.opaque &&
    a.tlsRequiredBy === b.tlsRequiredBy &&
    a.hint?.protocol === b.hint?.protocol &&
    a.hint?.transportPort === b.hint?.transportPort &&
    sameList(a.forZones, b.forZones) &&
    sameRecord(a.labels, b.labels)
  );
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

function sameRecord(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
