/** Which EgressNetwork an address outside of the cluster belongs to, as a client sees it. */
import { type Cidr, containsIp } from "#lib/net-addr.ts";
import type { ClusterIndex } from "../../index/cluster-index.ts";
import type { Track } from "../../index/derivations.ts";
import type { EgressNetworkRecord } from "../../index/policy/egress-network.ts";

export interface EgressSettings {
  readonly clusterNetworks: readonly Cidr[];
  /** Its EgressNetworks hold for clients of every namespace; default "linkerd-egress". */
  readonly globalEgressNamespace: string;
}

/**
 * That of the client's own namespace first, then that of the global one; of several the most specific network counts, then the
 * oldest. Null when there is none.
 */
export function egressNetworkFor(
  index: ClusterIndex,
  settings: EgressSettings,
  ip: Uint8Array,
  clientNamespace: string,
  track: Track,
): EgressNetworkRecord | null {
  const namespaces = [...new Set([clientNamespace, settings.globalEgressNamespace])].filter((name) => name !== "");
  for (const namespace of namespaces) {
    let best: EgressNetworkRecord | null = null;
    let bestPrefix = -1;
    for (const network of index.policy.egressNetworksIn(namespace, track)) {
      const prefix = prefixOf(network, ip, settings.clusterNetworks);
      if (prefix !== null && prefix > bestPrefix) [best, bestPrefix] = [network, prefix];
    }
    if (best !== null) return best;
  }
  return null;
}

/** How specific the network is that holds the address; null: none does. */
function prefixOf({ networks }: EgressNetworkRecord, ip: Uint8Array, cluster: readonly Cidr[]): number | null {
  if (networks === null) return cluster.some((net) => containsIp(net, ip)) ? null : 0;
  let best: number | null = null;
  for (const { net, except } of networks) {
    if (!containsIp(net, ip) || except.some((hole) => containsIp(hole, ip))) continue;
    best = Math.max(best ?? 0, net.prefix);
  }
  return best;
}
