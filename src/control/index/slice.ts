import { MeshError } from "#lib/errors.ts";
import type { EndpointSlice, SliceEndpoint } from "#kube/types/discovery.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import type { IndexedObject } from "./object-index.ts";
import { Shared } from "./shared.ts";

/** `uid` "" matches any. */
export interface SliceTarget {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface SliceAddress {
  readonly ip: string;
  readonly hostname: string | null;
  readonly node: string | null;
  readonly zone: string | null;
  /** Zones whose clients should use it; empty: no hint. */
  readonly forZones: readonly string[];
  /** The pod behind it, or null for an address from elsewhere. */
  readonly pod: SliceTarget | null;
  /** The ExternalWorkload behind it; absent: none. */
  readonly external?: SliceTarget;
}

export interface SliceRecord extends IndexedObject {
  readonly namespace: string;
  /** The Service it belongs to. */
  readonly service: string;
  readonly family: "IPv4" | "IPv6";
  /** By the Service port's name; a null port means every port. */
  readonly ports: ReadonlyArray<{ readonly name: string; readonly port: number | null }>;
  /** Ready ones only, without those that are going away. */
  readonly ready: readonly SliceAddress[];
}

/** Keeps of an EndpointSlice what the mesh needs; null for those of no Service or of host names. */
export function decodeSlice(object: KubeObject, shared = new Shared()): SliceRecord | null {
  const slice = object as EndpointSlice;
  const { name } = slice.metadata;
  const namespace = shared.text(slice.metadata.namespace ?? "");
  const service = slice.metadata.labels?.["kubernetes.io/service-name"];
  if (service === undefined || service === "") return null;
  if (slice.addressType === "FQDN") return null;
  if (slice.addressType !== "IPv4" && slice.addressType !== "IPv6") {
    throw new MeshError("invalid-argument", `EndpointSlice "${name}" has no addressType`);
  }
  const ready: SliceAddress[] = [];
  for (const endpoint of slice.endpoints ?? []) {
    // An absent condition counts as ready (EndpointConditions in discovery.k8s.io/v1).
    if (endpoint.conditions?.ready === false || endpoint.conditions?.terminating === true) continue;
    // All addresses of an endpoint are the same thing; consumers take the first one.
    const ip = endpoint.addresses?.[0];
    if (ip === undefined) continue;
    const external = target(endpoint, "ExternalWorkload", namespace, shared);
    ready.push({
      ip,
      hostname: endpoint.hostname ?? null,
      node: textOrNull(endpoint.nodeName, shared),
      zone: textOrNull(endpoint.zone, shared),
      forZones: shared.value((endpoint.hints?.forZones ?? []).map((zone) => zone.name)),
      pod: target(endpoint, "Pod", namespace, shared),
      ...(external === null ? {} : { external }),
    });
  }
  return {
    metadata: { namespace, name, resourceVersion: slice.metadata.resourceVersion ?? "" },
    namespace,
    service,
    family: slice.addressType,
    ports: shared.value(
      (slice.ports ?? [])
        .filter(({ protocol }) => protocol === undefined || protocol === "TCP")
        .map((port) => ({ name: port.name ?? "", port: port.port ?? null })),
    ),
    ready,
  };
}

function textOrNull(text: string | undefined, shared: Shared): string | null {
  return text === undefined ? null : shared.text(text);
}

function target({ targetRef }: SliceEndpoint, kind: string, own: string, shared: Shared): SliceTarget | null {
  if (targetRef?.kind !== kind || targetRef.name === undefined) return null;
  return { namespace: shared.text(targetRef.namespace ?? own), name: targetRef.name, uid: targetRef.uid ?? "" };
}
