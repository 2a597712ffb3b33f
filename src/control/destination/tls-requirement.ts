/** Whether traffic to an address must be mutual TLS: the MeshTLSRequirements of its Service and namespace. */
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Track } from "../index/derivations.ts";

/** Where traffic goes. */
export interface TlsTarget {
  readonly ip: string;
  /** The Service that it goes by; null: it goes to the address itself. */
  readonly service: { readonly namespace: string; readonly name: string } | null;
  /** Of the pod or machine; null: nobody's. */
  readonly namespace: string | null;
}

/** "NAMESPACE/NAME" of the oldest that asks for it, or null. A Service's counts for those of its pods that are meant by address too. */
export function tlsRequiredBy(index: ClusterIndex, target: TlsTarget, track: Track): string | null {
  const { service, namespace } = target;
  const own = service === null ? null : ofNamespace(index, target, service.namespace, track);
  if (own !== null || namespace === null || namespace === service?.namespace) return own;
  return ofNamespace(index, target, namespace, track);
}

function ofNamespace(index: ClusterIndex, target: TlsTarget, namespace: string, track: Track): string | null {
  for (const { service, name } of index.policy.meshTlsRequirementsIn(namespace, track)) {
    const meant =
      service === null ||
      (target.service === null
        ? isBehind(index, namespace, service, target.ip, track)
        : target.service.namespace === namespace && target.service.name === service);
    if (meant) return `${namespace}/${name}`;
  }
  return null;
}

function isBehind(index: ClusterIndex, namespace: string, service: string, ip: string, track: Track): boolean {
  return index.slicesOf(namespace, service, track).some(({ ready }) => ready.some((address) => address.ip === ip));
}
