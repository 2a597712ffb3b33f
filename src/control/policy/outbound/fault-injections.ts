/** The FaultInjections for a Service or route, as what goes wrong on purpose. */
import type { ClusterIndex } from "../../index/cluster-index.ts";
import type { Track } from "../../index/derivations.ts";
import type { OutboundFault } from "./fault.ts";

/** Of one target; the oldest count. */
const mostFaults = 16;

/** `of`: group and kind in lower case, "" is the core group. */
export function faultsFor(
  { policy }: ClusterIndex,
  of: { readonly group: string; readonly kind: string; readonly namespace: string; readonly name: string },
  track: Track,
): readonly OutboundFault[] {
  const kind = of.kind.toLowerCase();
  return policy
    .faultInjectionsIn(of.namespace, track)
    .filter(({ target }) => target.group === of.group && target.kind === kind && target.name === of.name)
    .filter(({ fault }) => fault.percent > 0)
    .slice(0, mostFaults)
    .map(({ fault }) => fault);
}
