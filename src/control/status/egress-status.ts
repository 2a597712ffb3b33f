import { type Cidr, containsIp } from "#lib/net-addr.ts";
import type { EgressNetworkRecord } from "../index/policy/egress-network.ts";
import { type Condition, sameConditions, stampConditions } from "./condition.ts";

/** The status that an EgressNetwork should have; null: it has it. Pure. */
export function egressStatus(
  network: EgressNetworkRecord,
  clusterNetworks: readonly Cidr[],
  now: string,
): object | null {
  const overlap = (network.networks ?? []).some(({ net, except }) =>
    clusterNetworks.some((cluster) => overlaps(net, cluster) && !except.some((hole) => holds(hole, cluster))),
  );
  const condition: Condition = {
    type: "Accepted",
    status: overlap ? "False" : "True",
    reason: overlap ? "EgressReasonNetworkOverlap" : "Accepted",
    message: overlap ? "A network overlaps with those of the cluster; addresses of the cluster are never outside" : "",
    observedGeneration: network.generation,
  };
  const stored = network.status as { readonly conditions?: unknown } | null;
  if (sameConditions([condition], stored?.conditions)) return null;
  const before = Array.isArray(stored?.conditions) ? (stored.conditions as unknown[]) : [];
  return { conditions: stampConditions([condition], before, now) };
}

function holds(outer: Cidr, inner: Cidr): boolean {
  return outer.prefix <= inner.prefix && containsIp(outer, inner.bytes);
}

function overlaps(a: Cidr, b: Cidr): boolean {
  return holds(a, b) || holds(b, a);
}
