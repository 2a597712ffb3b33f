/** What to do next with a pod's containers: order of init containers and sidecars, restarts, when the pod is over. Pure. */
import type { PodSpec } from "../types.ts";

/** A container as the plan sees it. */
export interface ContainerView {
  readonly name: string;
  /** "main": spec.containers; "init": runs once before; "sidecar": starts before and stays. */
  readonly role: "main" | "init" | "sidecar";
  readonly state:
    | { readonly kind: "new" }
    /** `started`: its startup probe and postStart hook succeeded. */
    | { readonly kind: "running"; readonly started: boolean; readonly hookDone: boolean }
    | { readonly kind: "exited"; readonly code: number };
}

export interface PodPlan {
  /** Containers to start now, in this order (a backoff may delay one). */
  readonly start: readonly string[];
  readonly phase: "Pending" | "Running" | "Succeeded" | "Failed";
  /** All init containers are through. */
  readonly initialized: boolean;
  /** The pod is over: sidecars that still run are to be stopped. */
  readonly stopSidecars: boolean;
}

/** Views of a pod's containers, init containers first, in order. */
export function rolesOf(spec: PodSpec): Array<{ name: string; role: ContainerView["role"] }> {
  return [
    ...(spec.initContainers ?? []).map(({ name, restartPolicy }) => ({
      name,
      role: restartPolicy === "Always" ? ("sidecar" as const) : ("init" as const),
    })),
    ...spec.containers.map(({ name }) => ({ name, role: "main" as const })),
  ];
}

export function planPod(containers: readonly ContainerView[], restartPolicy: string, wasInitialized: boolean): PodPlan {
  const start: string[] = [];
  let initialized = true;
  for (const { name, role, state } of containers) {
    if (role === "main") continue;
    if (role === "sidecar") {
      if (state.kind !== "running") start.push(name);
      // Once the pod is initialized a sidecar that restarts holds nothing back.
      if (!wasInitialized && !(state.kind === "running" && state.started)) initialized = false;
    } else if (!wasInitialized) {
      if (state.kind === "exited" && state.code === 0) continue;
      if (state.kind === "exited" && restartPolicy === "Never") {
        return { start: [], phase: "Failed", initialized: false, stopSidecars: true };
      }
      if (state.kind !== "running") start.push(name);
      initialized = false;
    }
    if (!initialized) return { start, phase: "Pending", initialized: false, stopSidecars: false };
  }

  const mains = containers.filter(({ role }) => role === "main");
  const restart = (code: number): boolean =>
    restartPolicy === "Always" || (restartPolicy === "OnFailure" && code !== 0);
  const over = mains.every(({ state }) => state.kind === "exited" && !restart(state.code));
  if (over) {
    const failed = mains.some(({ state }) => state.kind === "exited" && state.code !== 0);
    return { start: [], phase: failed ? "Failed" : "Succeeded", initialized: true, stopSidecars: true };
  }
  for (const { name, state } of mains) {
    if (state.kind === "new" || (state.kind === "exited" && restart(state.code))) start.push(name);
    // Containers start one after another; a postStart hook holds the next ones back (Kubernetes: lifecycle hooks).
    if (state.kind === "new" || (state.kind === "running" && !state.hookDone)) break;
  }
  const running = mains.some(({ state }) => state.kind !== "new");
  return { start, phase: running ? "Running" : "Pending", initialized: true, stopSidecars: false };
}
