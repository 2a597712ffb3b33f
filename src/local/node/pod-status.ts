/** A pod's status from what the node knows. Pure. */
import type { Condition, ContainerStatus, Pod, PodStatus } from "../types.ts";
import { timestamp } from "./container-record.ts";
import type { PodFacts } from "./environment.ts";

export interface StatusInput {
  readonly pod: Pod;
  readonly facts: PodFacts | null;
  readonly phase: NonNullable<PodStatus["phase"]>;
  readonly initialized: boolean;
  readonly init: ReadonlyArray<ContainerStatus & { readonly sidecar: boolean }>;
  readonly main: readonly ContainerStatus[];
  /** ms since 1970. */
  readonly startTime: number;
  readonly now: number;
  readonly reason: string | null;
  readonly message: string | null;
}

function unready(statuses: readonly ContainerStatus[]): string[] {
  return statuses.filter(({ ready }) => !ready).map(({ name }) => name);
}

/** Kubernetes: "Pod QoS classes". */
export function qosClass(pod: Pod): string {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const any = all.some(({ resources }) => Object.keys({ ...resources?.limits, ...resources?.requests }).length > 0);
  if (!any) return "BestEffort";
  const guaranteed = all.every(({ resources }) =>
    ["cpu", "memory"].every((name) => {
      const limit = resources?.limits?.[name];
      return limit !== undefined && String(resources?.requests?.[name] ?? limit) === String(limit);
    }),
  );
  return guaranteed ? "Guaranteed" : "Burstable";
}

export function podStatus(input: StatusInput): PodStatus {
  const { pod, facts, phase, init, main, now } = input;
  const over = phase === "Succeeded" || phase === "Failed";
  const waiting = unready([...init.filter(({ sidecar }) => sidecar), ...main]);
  const containersReady = !over && waiting.length === 0 && input.initialized;
  const gates = (pod.spec.readinessGates ?? []).filter(
    ({ conditionType }) => pod.status?.conditions?.find(({ type }) => type === conditionType)?.status !== "True",
  );
  const before = pod.status?.conditions ?? [];
  const condition = (type: string, yes: boolean, reason?: string, message?: string): Condition => {
    const status = yes ? "True" : "False";
    const old = before.find((entry) => entry.type === type);
    const lastTransitionTime = old?.status === status ? (old.lastTransitionTime ?? timestamp(now)) : timestamp(now);
    return {
      type,
      status,
      lastProbeTime: null,
      lastTransitionTime,
      ...(yes || reason === undefined ? {} : { reason, message: message ?? "" }),
    };
  };
  const notReady = phase === "Succeeded" ? "PodCompleted" : phase === "Failed" ? "PodFailed" : "ContainersNotReady";
  const message = over ? "" : `containers with unready status: [${waiting.join(" ")}]`;
  const incomplete = unready(init.filter(({ sidecar, started }) => !sidecar || started !== true));
  const own = [
    condition("PodReadyToStartContainers", facts !== null && !over),
    condition(
      "Initialized",
      input.initialized,
      "ContainersNotInitialized",
      `containers with incomplete status: [${incomplete.join(" ")}]`,
    ),
    gates.length > 0 && containersReady
      ? condition("Ready", false, "ReadinessGatesNotReady", "the readiness gates are not ready")
      : condition("Ready", containersReady, notReady, message),
    condition("ContainersReady", containersReady, notReady, message),
    condition("PodScheduled", true),
  ];
  const foreign = before.filter(({ type }) => !own.some((entry) => entry.type === type));
  return {
    phase,
    conditions: [...own, ...foreign],
    ...(input.reason === null ? {} : { reason: input.reason }),
    ...(input.message === null ? {} : { message: input.message }),
    ...(facts === null
      ? {}
      : { hostIP: facts.hostIp, hostIPs: [{ ip: facts.hostIp }], podIP: facts.podIp, podIPs: [{ ip: facts.podIp }] }),
    startTime: timestamp(input.startTime),
    qosClass: qosClass(pod),
    ...(init.length === 0 ? {} : { initContainerStatuses: init.map(withoutRole) }),
    containerStatuses: [...main],
  };
}

function withoutRole(status: ContainerStatus & { readonly sidecar: boolean }): ContainerStatus {
  const copy: ContainerStatus & { sidecar?: boolean } = { ...status };
  delete copy.sidecar;
  return copy;
}
