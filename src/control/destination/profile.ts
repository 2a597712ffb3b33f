/** What is known about an address or name before traffic goes there. */
import { includesPort } from "#lib/port-list.ts";
import { listedPort } from "../index/port-list.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Lease, Track } from "../index/derivations.ts";
import type { ProfileRoute, RetryBudget, WeightedAuthority } from "../index/policy/service-profile.ts";
import type { ServiceRecord } from "../index/service.ts";
import { opaquePortsAnnotation } from "../index/workload.ts";
import type { Authority } from "./authority.ts";
import { computeEndpoints } from "./endpoint-set.ts";
import { describeEndpoint, describeExternal, type Endpoint } from "./endpoint.ts";
import type { DestinationSettings } from "./settings.ts";

export interface Profile {
  /** "web.emojivoto.svc.cluster.local"; "" for an address of no Service. */
  readonly name: string;
  /** Bytes must not be interpreted. */
  readonly opaque: boolean;
  /** Present when the address is one pod. */
  readonly endpoint: Endpoint | null;
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number } | null;
  /** Of a ServiceProfile; the first match decides. */
  readonly routes: readonly ProfileRoute[];
  /** Null: the usual one. */
  readonly retryBudget: RetryBudget | null;
  /** Splits the traffic, "host:port" by weight; empty: it goes to the Service itself. */
  readonly overrides: readonly WeightedAuthority[];
  /** The ServiceProfile. */
  readonly source: { readonly namespace: string; readonly name: string } | null;
}

/** `clientNamespace`: a ServiceProfile there counts before one beside the Service; "" when unknown. */
export function watchProfile(
  index: ClusterIndex,
  settings: DestinationSettings,
  target: Authority,
  clientNamespace: string,
): Lease<Profile> {
  const key = `profile ${target.kind === "ip" ? target.ip : target.host}:${target.port} ${clientNamespace}`;
  const compute = (track: Track): Profile => computeProfile(index, settings, target, clientNamespace, track);
  return index.derivations.acquire(key, compute, Bun.deepEquals);
}

export function computeProfile(
  index: ClusterIndex,
  settings: DestinationSettings,
  target: Authority,
  clientNamespace: string,
  track: Track,
): Profile {
  const context = { index, settings, clientNamespace, track, port: target.port };
  if (target.kind === "service") {
    const service = index.service(target.namespace, target.service, track);
    if (target.hostname !== null) {
      const set = computeEndpoints(index, settings, target, track, null);
      const endpoint = [...set.endpoints.values()][0] ?? null;
      const opaque = endpoint?.opaque ?? opaqueOf(index, settings, target.namespace, service, target.port, track);
      return { ...plain(target.host, opaque, endpoint), service: parentOf(service, target.port) };
    }
    return serviceProfile(context, target.host, target.namespace, service);
  }
  const { ip, port } = target;
  const service = index.serviceByIp(ip, track);
  if (service !== undefined) {
    const name = `${service.name}.${service.namespace}.svc.${settings.clusterDomain}`;
    return serviceProfile(context, name, service.namespace, service);
  }
  const pod = index.podByIp(ip, track) ?? null;
  const place = { ip, port, hostname: null, node: null, zone: null, forZones: [] };
  const machine = pod === null ? index.externalWorkloadByIp(ip, track) : undefined;
  if (machine !== undefined) {
    const endpoint = describeExternal(index, settings, place, machine, track);
    return plain("", endpoint.opaque, endpoint);
  }
  const endpoint = describeEndpoint(index, settings, place, pod, track);
  return plain("", endpoint.opaque, pod === null ? null : endpoint);
}

interface ProfileContext {
  readonly index: ClusterIndex;
  readonly settings: DestinationSettings;
  readonly clientNamespace: string;
  readonly port: number;
  readonly track: Track;
}

/** What ServiceProfile and TrafficSplit say of a Service. */
function serviceProfile(
  { index, settings, clientNamespace, port, track }: ProfileContext,
  name: string,
  namespace: string,
  service: ServiceRecord | undefined,
): Profile {
  const { policy } = index;
  const found =
    (clientNamespace === "" ? undefined : policy.serviceProfile(clientNamespace, name, track)) ??
    policy.serviceProfile(namespace, name, track);
  const opaque =
    opaqueOf(index, settings, namespace, service, port, track) || includesPort(found?.opaquePorts ?? [], port);
  const base = { ...plain(name, opaque, null), service: parentOf(service, port) };
  const split = service === undefined ? undefined : policy.trafficSplit(namespace, service.name, track);
  const shares = split?.backends.map(({ service: to, weight }) => ({
    authority: `${to}.${namespace}.svc.${settings.clusterDomain}`,
    weight,
  }));
  const overrides = found !== undefined && found.overrides.length > 0 ? found.overrides : (shares ?? []);
  return {
    ...base,
    routes: found?.routes ?? [],
    retryBudget: found?.retryBudget ?? null,
    overrides: overrides.map(({ authority, weight }) => ({
      authority: /:\d+$/.test(authority) ? authority : `${authority}:${port}`,
      weight,
    })),
    source: found === undefined ? null : { namespace: found.namespace, name: found.name },
  };
}

function plain(name: string, opaque: boolean, endpoint: Endpoint | null): Profile {
  return { name, opaque, endpoint, service: null, routes: [], retryBudget: null, overrides: [], source: null };
}

function parentOf(service: ServiceRecord | undefined, port: number): Profile["service"] {
  return service === undefined ? null : { namespace: service.namespace, name: service.name, port };
}

/** Whether a Service's port is opaque: its own annotation, else its namespace's, else the default list. */
export function opaqueOf(
  index: ClusterIndex,
  settings: Pick<DestinationSettings, "defaultOpaquePorts">,
  namespace: string,
  service: ServiceRecord | undefined,
  port: number,
  track: Track,
): boolean {
  return listedPort(
    port,
    [service?.annotations[opaquePortsAnnotation], index.namespaceAnnotation(namespace, opaquePortsAnnotation, track)],
    settings.defaultOpaquePorts,
  );
}
