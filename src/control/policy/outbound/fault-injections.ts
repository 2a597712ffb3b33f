/** The FaultInjections for a Service or route, as what goes wrong on purpose. */
import type { ClusterIndex } from "../../index/cluster-index.ts";
import type { Track } from "../../index/derivations.ts";
import type { FaultInjectionRecord } from "../../index/policy/fault-injection.ts";
import type { OutboundFault } from "./fault.ts";

/** Of one target; the oldest count. */
export const mostFaults = 16;

interface Target {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** `of`: group and kind in lower case, "" is the core group. */
export function faultsFor(index: ClusterIndex, of: Target, track: Track): readonly OutboundFault[] {
  return countingFaults(index, of, track).flatMap(({ fault }) => (fault === null ? [] : [fault]));
}

/** The FaultInjections that act there, the oldest first. */
export function countingFaults({ policy }: ClusterIndex, of: Target, track: Track): readonly FaultInjectionRecord[] {
  const kind = of.kind.toLowerCase();
  return policy
    .faultInjectionsIn(of.namespace, track)
    .filter(({ target }) => target?.group === of.group && target.kind === kind && target.name === of.name)
    .filter(({ fault }) => fault !== null && fault.percent > 0)
    .slice(0, mostFaults);
}
