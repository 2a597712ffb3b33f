/** `kubectl get` of Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and CronJobs. */
import type { KubeObject } from "../../store/object.ts";
import { formatSelector, fromObject } from "../selector/label-selector.ts";
import { age, duration } from "./age.ts";
import { ageColumn, column, nameColumn } from "./column.ts";
import type { Cell, Column } from "./column.ts";
import { joined, list, num, rec, str } from "./read.ts";

function containers(object: KubeObject): ReturnType<typeof list> {
  return list(rec(rec(rec(object["spec"])["template"])["spec"])["containers"]);
}

const wideContainers: readonly Column[] = [
  column("wide:Containers", (object) => joined(containers(object).map((item) => str(item["name"])))),
  column("wide:Images", (object) => joined(containers(object).map((item) => str(item["image"])))),
  column("wide:Selector", (object) => formatSelector(fromObject(rec(object["spec"])["selector"]) ?? []) || "<none>"),
];

const spec =
  (field: string) =>
  (object: KubeObject): Cell =>
    num(rec(object["spec"])[field]);
const status =
  (field: string) =>
  (object: KubeObject): Cell =>
    num(rec(object["status"])[field]);

const readyOf = (object: KubeObject): Cell =>
  `${num(rec(object["status"])["readyReplicas"])}/${num(rec(object["spec"])["replicas"])}`;

export const deploymentColumns: readonly Column[] = [
  nameColumn,
  column("Ready", readyOf),
  column("#Up-to-date", status("updatedReplicas")),
  column("#Available", status("availableReplicas")),
  ageColumn,
  ...wideContainers,
];

export const replicaSetColumns: readonly Column[] = [
  nameColumn,
  column("#Desired", spec("replicas")),
  column("#Current", status("replicas")),
  column("#Ready", status("readyReplicas")),
  ageColumn,
  ...wideContainers,
];

export const statefulSetColumns: readonly Column[] = [
  nameColumn,
  column("Ready", readyOf),
  ageColumn,
  ...wideContainers.slice(0, 2),
];

export const daemonSetColumns: readonly Column[] = [
  nameColumn,
  column("#Desired", status("desiredNumberScheduled")),
  column("#Current", status("currentNumberScheduled")),
  column("#Ready", status("numberReady")),
  column("#Up-to-date", status("updatedNumberScheduled")),
  column("#Available", status("numberAvailable")),
  column("Node Selector", (object) => {
    const selector = rec(rec(rec(rec(object["spec"])["template"])["spec"])["nodeSelector"]);
    return joined(Object.entries(selector).map(([key, value]) => `${key}=${str(value)}`));
  }),
  ageColumn,
  ...wideContainers,
];

function jobStatus(job: KubeObject): string {
  const conditions = list(rec(job["status"])["conditions"]).filter((item) => item["status"] === "True");
  const has = (type: string): boolean => conditions.some((item) => item["type"] === type);
  if (has("Complete")) return "Complete";
  if (has("Failed")) return "Failed";
  if (job.metadata.deletionTimestamp !== undefined) return "Terminating";
  if (has("Suspended")) return "Suspended";
  if (has("FailureTarget")) return "FailureTarget";
  if (has("SuccessCriteriaMet")) return "SuccessCriteriaMet";
  return "Running";
}

function completions(job: KubeObject): string {
  const wanted = rec(job["spec"])["completions"];
  const done = num(rec(job["status"])["succeeded"]);
  if (typeof wanted === "number") return `${done}/${wanted}`;
  const parallel = num(rec(job["spec"])["parallelism"]);
  return parallel > 1 ? `${done}/1 of ${parallel}` : `${done}/1`;
}

export const jobColumns: readonly Column[] = [
  nameColumn,
  column("Status", jobStatus),
  column("Completions", completions),
  column("Duration", (job, now) => {
    const start = Date.parse(str(rec(job["status"])["startTime"]));
    const finish = Date.parse(str(rec(job["status"])["completionTime"]));
    if (Number.isNaN(start)) return "";
    return duration((Number.isNaN(finish) ? now : finish) - start);
  }),
  ageColumn,
  ...wideContainers,
];

export const cronJobColumns: readonly Column[] = [
  nameColumn,
  column("Schedule", (object) => str(rec(object["spec"])["schedule"])),
  column("Timezone", (object) => str(rec(object["spec"])["timeZone"]) || "<none>"),
  column("Suspend", (object) => (rec(object["spec"])["suspend"] === true ? "True" : "False")),
  column("#Active", (object) => list(rec(object["status"])["active"]).length),
  column("Last Schedule", (object, now) => {
    const time = rec(object["status"])["lastScheduleTime"];
    return time === undefined ? "<none>" : age(time, now);
  }),
  ageColumn,
];
