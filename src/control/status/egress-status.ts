import { type Cidr, containsIp } from "#lib/net-addr.ts";
import type { EgressNetworkRecord } from "../index/policy/egress-network.ts";
import { type Condition, conditionsStatus } from "./condition.ts";

/** The status that an EgressNetwork should have; null: it has it. Pure. */
export function egressStatus(
  network: EgressNetworkRecord,
  clusterNetworks: readonly Cidr[],
  now: string,
): object | null {
  const overlap =
    network.invalid === null &&
    (network.networks ?? []).some(({ net, except }) =>
      clusterNetworks.some((cluster) => overlaps(net, cluster) && !except.some((hole) => holds(hole, cluster))),
    );
  const [reason, message] =
    network.invalid !== null
      ? ["UnsupportedValue", `Not valid: ${network.invalid}; what can be read of it counts`]
      : overlap
        ? [
            "EgressReasonNetworkOverlap",
            "A network overlaps with those of the cluster; addresses of the cluster are never outside",
          ]
        : ["Accepted", ""];
  const condition: Condition = {
    type: "Accepted",
    status: reason === "Accepted" ? "True" : "False",
    reason,
    message,
    observedGeneration: network.generation,
  };
  return conditionsStatus([condition], network.status, now);
}

function holds(outer: Cidr, inner: Cidr): boolean {
  return outer.prefix <= inner.prefix && containsIp(outer, inner.bytes);
}

function overlaps(a: Cidr, b: Cidr): boolean {
  return holds(a, b) || holds(b, a);
}
