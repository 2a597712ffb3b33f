/** Which pods wait for their redirect. Pure. */
import type { ContainerStatus, Pod } from "#kube/types/core.ts";
import { validatorContainer } from "../pod-rules.ts";

/** A status with the field that only matters here. */
interface RestartedStatus extends ContainerStatus {
  readonly lastState?: ContainerStatus["state"];
}

export type RepairNeed =
  /** Not meshed through the plugin, not so far, or all is well. */
  | "none"
  /** Its validator is looking for the redirect right now. */
  | "waiting"
  /** Its validator gave up at least once. */
  | "failed";

export function repairNeed(pod: Pod): RepairNeed {
  const { status, metadata } = pod;
  if (metadata.deletionTimestamp !== undefined || status?.phase === "Succeeded" || status?.phase === "Failed")
    return "none";
  const statuses: readonly RestartedStatus[] = status?.initContainerStatuses ?? [];
  const validator = statuses.find(({ name }) => name === validatorContainer);
  const state = validator?.state;
  if (validator === undefined || state === undefined) return "none";
  if (state.terminated !== undefined) return state.terminated.exitCode === 0 ? "none" : "failed";
  const before = validator.lastState?.terminated;
  if (before !== undefined && before.exitCode !== 0) return "failed";
  return state.running === undefined ? "none" : "waiting";
}

/** Whether somebody makes another pod when this one is evicted. */
export function hasOwner(pod: Pod): boolean {
  return (pod.metadata.ownerReferences ?? []).some(({ controller }) => controller === true);
}
