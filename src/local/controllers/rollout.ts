/** How a Deployment's replicas move from its old ReplicaSets to the new one. Pure (Kubernetes: "Rolling Update Deployment"). */
import { countOf } from "./workload.ts";

export interface SetView {
  readonly name: string;
  /** spec.replicas */
  readonly wanted: number;
  readonly available: number;
  /** Pods that exist, also unready ones. */
  readonly pods: number;
}

export interface RolloutInput {
  readonly replicas: number;
  readonly strategy: "RollingUpdate" | "Recreate";
  readonly maxSurge: number | string | undefined;
  readonly maxUnavailable: number | string | undefined;
  /** Null before it exists. */
  readonly next: SetView | null;
  readonly old: readonly SetView[];
  /** Pods of old sets that have not ended yet, also terminating ones. */
  readonly oldPodsLeft: number;
}

/** New sizes by ReplicaSet name; sets that stay as they are are left out. */
export function rollout(input: RolloutInput): Map<string, number> {
  const { replicas, next, old } = input;
  const sizes = new Map<string, number>();
  if (next === null) return sizes;
  const resize = (set: SetView, size: number): void => {
    if (size !== set.wanted) sizes.set(set.name, size);
  };
  if (input.strategy === "Recreate") {
    for (const set of old) resize(set, 0);
    if (old.every(({ wanted }) => wanted === 0) && input.oldPodsLeft === 0) resize(next, replicas);
    return sizes;
  }
  const surge = countOf(input.maxSurge, replicas, "25%", "up");
  let unavailable = countOf(input.maxUnavailable, replicas, "25%", "down");
  // Both zero would never move.
  if (surge === 0 && unavailable === 0) unavailable = 1;

  const oldWanted = old.reduce((sum, { wanted }) => sum + wanted, 0);
  let target = next.wanted;
  if (next.wanted > replicas || oldWanted === 0) target = replicas;
  else if (next.wanted < replicas) {
    const room = replicas + surge - (next.wanted + oldWanted);
    if (room > 0) target = next.wanted + Math.min(room, replicas - next.wanted);
  }
  resize(next, target);
  if (oldWanted === 0) return sizes;

  const minimum = replicas - unavailable;
  const nextMissing = target - Math.min(next.available, target);
  let removable = target + oldWanted - minimum - nextMissing;
  const shrunk = new Map(old.map((set) => [set.name, set.wanted]));
  // Pods that are not available do no good: they go first.
  for (const set of old) {
    if (removable <= 0) break;
    const broken = Math.min(removable, Math.max(0, set.wanted - set.available));
    shrunk.set(set.name, set.wanted - broken);
    removable -= broken;
  }
  const availableNow = next.available + old.reduce((sum, { available }) => sum + available, 0);
  let spare = Math.min(availableNow - minimum, removable);
  for (const set of old) {
    if (spare <= 0) break;
    const left = shrunk.get(set.name) ?? 0;
    const gone = Math.min(spare, left);
    shrunk.set(set.name, left - gone);
    spare -= gone;
  }
  for (const set of old) resize(set, shrunk.get(set.name) ?? set.wanted);
  return sizes;
}
