/** What is known about an address or name before traffic goes there. */
import { listedPort } from "../index/port-list.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Lease, Track } from "../index/derivations.ts";
import type { ServiceRecord } from "../index/service.ts";
import { opaquePortsAnnotation } from "../index/workload.ts";
import type { Authority } from "./authority.ts";
import { computeEndpoints } from "./endpoint-set.ts";
import { describeEndpoint, type Endpoint } from "./endpoint.ts";
import type { DestinationSettings } from "./settings.ts";

export interface Profile {
  /** "web.emojivoto.svc.cluster.local"; "" for an address of no Service. */
  readonly name: string;
  /** Bytes must not be interpreted. */
  readonly opaque: boolean;
  /** Present when the address is one pod. */
  readonly endpoint: Endpoint | null;
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number } | null;
}

export function watchProfile(index: ClusterIndex, settings: DestinationSettings, target: Authority): Lease<Profile> {
  const key = `profile ${target.kind === "ip" ? target.ip : target.host}:${target.port}`;
  return index.derivations.acquire(key, (track) => computeProfile(index, settings, target, track), Bun.deepEquals);
}

export function computeProfile(
  index: ClusterIndex,
  settings: DestinationSettings,
  target: Authority,
  track: Track,
): Profile {
  if (target.kind === "service") {
    const service = index.service(target.namespace, target.service, track);
    const endpoint =
      target.hostname === null
        ? null
        : ([...computeEndpoints(index, settings, target, track, null).endpoints.values()][0] ?? null);
    const opaque = endpoint?.opaque ?? opaqueOf(index, settings, target.namespace, service, target.port, track);
    return profile(target.host, opaque, endpoint, service, target.port);
  }
  const { ip, port } = target;
  const service = index.serviceByIp(ip, track);
  if (service !== undefined) {
    const name = `${service.name}.${service.namespace}.svc.${settings.clusterDomain}`;
    return profile(name, opaqueOf(index, settings, service.namespace, service, port, track), null, service, port);
  }
  const pod = index.podByIp(ip, track) ?? null;
  const place = { ip, port, hostname: null, node: null, zone: null, forZones: [] };
  const endpoint = describeEndpoint(index, settings, place, pod, track);
  return profile("", endpoint.opaque, pod === null ? null : endpoint, undefined, port);
}

function profile(
  name: string,
  opaque: boolean,
  endpoint: Endpoint | null,
  service: ServiceRecord | undefined,
  port: number,
): Profile {
  const parent = service === undefined ? null : { namespace: service.namespace, name: service.name, port };
  return { name, opaque, endpoint, service: parent };
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
