/** `kubectl get pods`: the status column sums up the container states as Kubernetes' printer does. */
import type { KubeObject } from "../../store/object.ts";
import { duration } from "./age.ts";
import { ageColumn, column, nameColumn } from "./column.ts";
import type { Column } from "./column.ts";
import { joined, list, num, rec, str } from "./read.ts";
import type { Rec } from "./read.ts";

interface Summary {
  readonly ready: number;
  readonly total: number;
  readonly reason: string;
  readonly restarts: number;
  /** ms since 1970 of the latest restart; 0: never. */
  readonly lastRestart: number;
}

function lastFinished(status: Rec): number {
  const time = Date.parse(str(rec(rec(status["lastState"])["terminated"])["finishedAt"]));
  return Number.isNaN(time) ? 0 : time;
}

function terminatedReason(terminated: Rec): string {
  const reason = str(terminated["reason"]);
  if (reason !== "") return reason;
  return num(terminated["signal"]) !== 0
    ? `Signal:${num(terminated["signal"])}`
    : `ExitCode:${num(terminated["exitCode"])}`;
}

/** Sums up one pod. Native sidecars (init containers that restart always) count as containers. */
export function summarizePod(pod: KubeObject): Summary {
  const spec = rec(pod["spec"]);
  const status = rec(pod["status"]);
  const inits = list(spec["initContainers"]);
  const sidecars = new Set(inits.filter((item) => item["restartPolicy"] === "Always").map((item) => item["name"]));
  const initStatuses = list(status["initContainerStatuses"]);
  const statuses = list(status["containerStatuses"]);
  let reason = str(status["reason"]) || str(status["phase"]) || "Pending";
  let restarts = 0;
  let sidecarRestarts = 0;
  let lastRestart = 0;
  let ready = 0;
  let initializing = false;

  for (const [index, container] of initStatuses.entries()) {
    const sidecar = sidecars.has(container["name"]);
    restarts += num(container["restartCount"]);
    lastRestart = Math.max(lastRestart, lastFinished(container));
    if (sidecar) sidecarRestarts += num(container["restartCount"]);
    if (sidecar && container["ready"] === true) ready++;
    if (initializing) continue;
    const state = rec(container["state"]);
    const terminated = state["terminated"] === undefined ? null : rec(state["terminated"]);
    const waiting = str(rec(state["waiting"])["reason"]);
    if (terminated !== null && num(terminated["exitCode"]) === 0) continue;
    if (sidecar && container["started"] === true) continue;
    initializing = true;
    if (terminated !== null) reason = `Init:${terminatedReason(terminated)}`;
    else if (waiting !== "" && waiting !== "PodInitializing") reason = `Init:${waiting}`;
    else reason = `Init:${index}/${inits.length}`;
  }

  const initialized = list(status["conditions"]).some(
    (item) => item["type"] === "Initialized" && item["status"] === "True",
  );
  if (!initializing || initialized) {
    restarts = sidecarRestarts;
    let running = false;
    for (const container of statuses.toReversed()) {
      restarts += num(container["restartCount"]);
      lastRestart = Math.max(lastRestart, lastFinished(container));
      const state = rec(container["state"]);
      const waiting = str(rec(state["waiting"])["reason"]);
      if (waiting !== "") reason = waiting;
      else if (state["terminated"] !== undefined) reason = terminatedReason(rec(state["terminated"]));
      else if (container["ready"] === true && state["running"] !== undefined) {
        running = true;
        ready++;
      }
    }
    if (reason === "Completed" && running) {
      const isReady = list(status["conditions"]).some((item) => item["type"] === "Ready" && item["status"] === "True");
      reason = isReady ? "Running" : "NotReady";
    }
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    reason = str(status["reason"]) === "NodeLost" ? "Unknown" : "Terminating";
  }
  return { ready, total: list(spec["containers"]).length + sidecars.size, reason, restarts, lastRestart };
}

function gates(pod: KubeObject): string {
  const wanted = list(rec(pod["spec"])["readinessGates"]);
  if (wanted.length === 0) return "<none>";
  const conditions = list(rec(pod["status"])["conditions"]);
  const met = wanted.filter((gate) =>
    conditions.some((item) => item["type"] === gate["conditionType"] && item["status"] === "True"),
  );
  return `${met.length}/${wanted.length}`;
}

export const podColumns: readonly Column[] = [
  nameColumn,
  column("Ready", (pod) => {
    const { ready, total } = summarizePod(pod);
    return `${ready}/${total}`;
  }),
  column("Status", (pod) => summarizePod(pod).reason),
  column("Restarts", (pod, now) => {
    const { restarts, lastRestart } = summarizePod(pod);
    return restarts > 0 && lastRestart > 0 ? `${restarts} (${duration(now - lastRestart)} ago)` : String(restarts);
  }),
  ageColumn,
  column("wide:IP", (pod) =>
    joined(list(rec(pod["status"])["podIPs"]).map((item) => str(item["ip"]))) === "<none>"
      ? str(rec(pod["status"])["podIP"]) || "<none>"
      : joined(list(rec(pod["status"])["podIPs"]).map((item) => str(item["ip"]))),
  ),
  column("wide:Node", (pod) => str(rec(pod["spec"])["nodeName"]) || "<none>"),
  column("wide:Nominated Node", (pod) => str(rec(pod["status"])["nominatedNodeName"]) || "<none>"),
  column("wide:Readiness Gates", gates),
];
