/** Who is behind a Service's port. */
import { MeshError } from "#lib/errors.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Lease, Track } from "../index/derivations.ts";
import type { ServiceRecord } from "../index/service.ts";
import type { SliceAddress, SliceRecord } from "../index/slice.ts";
import { describeEndpoint, describeExternal, type Endpoint, type EndpointPlace, sameEndpoint } from "./endpoint.ts";
import type { DestinationSettings } from "./settings.ts";

/** The endpoints of a Service's port, for all clients alike. */
export interface EndpointSet {
  /** Whether the Service exists. */
  readonly exists: boolean;
  readonly namespace: string;
  readonly service: string;
  /** Only for clients on the same node. */
  readonly nodeLocal: boolean;
  /** By "ip:port". */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
}

export interface EndpointQuery {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
  readonly hostname: string | null;
}

/** Watches a Service's port. Throws "invalid-argument" for a Service that only stands for an outside name. */
export function watchEndpoints(
  index: ClusterIndex,
  settings: DestinationSettings,
  query: EndpointQuery,
): Lease<EndpointSet> {
  const key = `endpoints ${query.namespace}/${query.service}:${query.port} ${query.hostname ?? ""}`;
  if (index.services.get(query.namespace, query.service)?.kind === "external-name") {
    throw new MeshError(
      "invalid-argument",
      `Service "${query.service}" in namespace "${query.namespace}" stands for an outside name`,
    );
  }
  let last: EndpointSet | null = null;
  return index.derivations.acquire(
    key,
    (track) => {
      last = computeEndpoints(index, settings, query, track, last);
      return last;
    },
    sameSet,
  );
}

/** Computes the set. Endpoints that did not change are the same objects as in `before`, so that differences are cheap to find. */
export function computeEndpoints(
  index: ClusterIndex,
  settings: DestinationSettings,
  query: EndpointQuery,
  track: Track,
  before: EndpointSet | null,
): EndpointSet {
  const { namespace, service: name } = query;
  const service = index.service(namespace, name, track);
  const slices = index.slicesOf(namespace, name, track);
  const endpoints = new Map<string, Endpoint>();
  if (service !== undefined) {
    for (const slice of oneFamily(slices, settings.enableIpv6)) {
      const port = portIn(slice, service, query.port);
      if (port === null) continue;
      for (const address of slice.ready) {
        if (query.hostname !== null && address.hostname !== query.hostname) continue;
        const endpoint = endpointAt(index, settings, { ...address, port, service: { namespace, name } }, track);
        if (endpoint === null) continue;
        const key = `${endpoint.ip}:${endpoint.port}`;
        const known = before?.endpoints.get(key);
        endpoints.set(key, known !== undefined && sameEndpoint(known, endpoint) ? known : endpoint);
      }
    }
  }
  return {
    exists: service !== undefined,
    namespace,
    service: name,
    nodeLocal: service?.nodeLocal ?? false,
    endpoints,
  };
}

/**
 * The endpoint, or null when the slice is ahead of or behind the pods: a pod that is not known yet might be meshed, and a
 * known one with another uid or address, or one that ends, is not what the slice meant.
 */
function endpointAt(
  index: ClusterIndex,
  settings: DestinationSettings,
  address: SliceAddress & EndpointPlace,
  track: Track,
): Endpoint | null {
  if (address.external !== undefined) {
    const { namespace, name, uid } = address.external;
    const machine = index.externalWorkload(namespace, name, track);
    if (machine === undefined || !machine.ready || !machine.ips.includes(address.ip)) return null;
    if (uid !== "" && uid !== machine.uid) return null;
    return describeExternal(index, settings, address, machine, track);
  }
  if (address.pod === null) return describeEndpoint(index, settings, address, null, track);
  const pod = index.pod(address.pod.namespace, address.pod.name, track);
  if (pod === undefined || pod.terminating || pod.finished) return null;
  if (address.pod.uid !== "" && address.pod.uid !== pod.uid) return null;
  if (!pod.hostNetwork && !pod.ips.includes(address.ip)) return null;
  return describeEndpoint(index, settings, address, pod, track);
}

/** A dual-stack Service has slices of both families for the same pods: one family must be chosen. */
function oneFamily(slices: readonly SliceRecord[], preferIpv6: boolean): readonly SliceRecord[] {
  const v4 = slices.filter(({ family }) => family === "IPv4");
  const v6 = slices.filter(({ family }) => family === "IPv6");
  const [first, second] = preferIpv6 ? [v6, v4] : [v4, v6];
  return first.some(({ ready }) => ready.length > 0) ? first : second;
}

/** The endpoints' port behind the Service's port, or null when it has none. */
function portIn(slice: SliceRecord, service: ServiceRecord, port: number): number | null {
  const declared = service.ports.find((candidate) => candidate.port === port);
  if (declared === undefined) {
    // Clients of a headless Service talk to its pods, whatever the Service declares.
    return service.kind === "headless" ? port : null;
  }
  const found = slice.ports.find(({ name }) => name === declared.name);
  return found === undefined ? null : (found.port ?? port);
}

function sameSet(before: EndpointSet, after: EndpointSet): boolean {
  if (before.exists !== after.exists || before.nodeLocal !== after.nodeLocal) return false;
  if (before.endpoints.size !== after.endpoints.size) return false;
  for (const [key, endpoint] of after.endpoints) if (before.endpoints.get(key) !== endpoint) return false;
  return true;
}
