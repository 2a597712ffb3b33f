/** What the node remembers of one container of a pod, and how Kubernetes shows it. */
import type { Container, ContainerState, ContainerStatus } from "../types.ts";
import type { Exit } from "./container-process.ts";
import type { ContainerView } from "./pod-plan.ts";
import type { ContainerRun } from "./pod-runtime.ts";
import type { ContainerProbes } from "./probe-schedule.ts";

/** A run that is over. Times in ms since 1970. */
export interface PastRun {
  readonly id: string;
  readonly exit: Exit;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly message: string;
}

export interface CurrentRun {
  readonly run: ContainerRun;
  readonly startedAt: number;
  /** Startup probe (if any) and postStart hook succeeded. */
  started: boolean;
  hookDone: boolean;
  ready: boolean;
  probes: ContainerProbes | null;
  /** It is being stopped. */
  stopping: boolean;
}

export interface ContainerRecord {
  readonly role: ContainerView["role"];
  container: Container;
  current: CurrentRun | null;
  past: PastRun | null;
  /** The run before `past`, which Kubernetes shows as lastState while a container waits after a crash. */
  starting: boolean;
  restarts: number;
  /** Ends in a row, for the backoff. */
  crashes: number;
  /** Don't start before, ms since 1970. */
  notBefore: number;
  /** Why it isn't running though it should be. */
  waiting: { reason: string; message: string } | null;
}

export function newRecord(container: Container, role: ContainerView["role"]): ContainerRecord {
  return {
    role,
    container,
    current: null,
    past: null,
    starting: false,
    restarts: 0,
    crashes: 0,
    notBefore: 0,
    waiting: null,
  };
}

export function viewOf(record: ContainerRecord): ContainerView {
  const { container, role, current, past } = record;
  if (current !== null) {
    return {
      name: container.name,
      role,
      state: { kind: "running", started: current.started, hookDone: current.hookDone },
    };
  }
  return {
    name: container.name,
    role,
    state: past === null ? { kind: "new" } : { kind: "exited", code: past.exit.code },
  };
}

/** RFC 3339 in whole seconds, as Kubernetes' times are. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

function terminated(past: PastRun): ContainerState {
  const { code, signal } = past.exit;
  return {
    terminated: {
      exitCode: code,
      ...(signal === 0 ? {} : { signal }),
      reason: code === 0 ? "Completed" : "Error",
      ...(past.message === "" ? {} : { message: past.message }),
      startedAt: timestamp(past.startedAt),
      finishedAt: timestamp(past.finishedAt),
      containerID: past.id,
    },
  };
}

/** The backoff before run number `crashes + 1`, ms: none, 10 s, 20 s … 5 min (Kubernetes: CrashLoopBackOff). */
export function crashBackoff(crashes: number): number {
  return crashes <= 1 ? 0 : Math.min(300_000, 10_000 * 2 ** Math.min(crashes - 2, 10));
}

/** `idle`: what a container that never ran shows ("ContainerCreating" or "PodInitializing"). */
export function statusOf(record: ContainerRecord, idle: string): ContainerStatus {
  const { container, current, past, waiting, role } = record;
  let state: ContainerState;
  let lastState: ContainerState = {};
  if (current !== null) {
    state = { running: { startedAt: timestamp(current.startedAt) } };
    if (past !== null) lastState = terminated(past);
  } else if (waiting !== null) {
    state = { waiting: waiting.message === "" ? { reason: waiting.reason } : waiting };
    if (past !== null) lastState = terminated(past);
  } else if (past !== null) {
    state = terminated(past);
  } else state = { waiting: { reason: idle } };
  const id = current?.run.id ?? past?.id;
  // An init container counts as ready once it did its work.
  const done = role === "init" && current === null && past?.exit.code === 0;
  return {
    name: container.name,
    image: container.image ?? "",
    imageID: "",
    ...(id === undefined ? {} : { containerID: id }),
    ready: done || (current?.ready ?? false),
    started: current?.started ?? false,
    restartCount: record.restarts,
    state,
    lastState,
  };
}
