/** Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs. */
import type { KubeObject } from "../../store/object.ts";
import { checkLabels } from "../names.ts";
import { fromObject, matchesLabels } from "../selector/label-selector.ts";
import type { StatusCause } from "../status-error.ts";
import { fieldForbidden, invalid, notSupported, required } from "../validation/causes.ts";
import { completePodSpec } from "./pod-spec.ts";
import { checkPodSpec } from "./pod-validation.ts";
import { ensure, record, text } from "./strategy.ts";
import type { KindRules, Rec } from "./strategy.ts";

function completeTemplate(spec: Rec): void {
  const template = spec["template"];
  if (template === undefined) return;
  const podSpec = record(template)["spec"];
  if (podSpec !== undefined) completePodSpec(record(podSpec));
}

function checkTemplate(spec: Rec, path: string, restart: readonly string[], causes: StatusCause[]): void {
  const template = record(spec["template"]);
  const podSpec = record(template["spec"]);
  const labels = record(record(template["metadata"])["labels"]);
  causes.push(...checkLabels(labels, `${path}.template.labels`));
  checkPodSpec(podSpec, `${path}.template.spec`, causes);
  const policy = text(podSpec["restartPolicy"]);
  if (!restart.includes(policy)) {
    causes.push(
      restart.length > 1
        ? required(
            `${path}.template.spec.restartPolicy`,
            `valid values: ${restart.map((word) => `"${word}"`).join(", ")}`,
          )
        : notSupported(`${path}.template.spec.restartPolicy`, policy, restart),
    );
  }
}

function checkSelector(spec: Rec, previous: KubeObject | null, causes: StatusCause[]): void {
  const selector = fromObject(spec["selector"]) ?? [];
  const labels = record(record(record(spec["template"])["metadata"])["labels"]) as Record<string, string>;
  if (selector.length === 0)
    causes.push(invalid("spec.selector", spec["selector"], "empty selector is invalid for deployment"));
  else if (!matchesLabels(selector, labels)) {
    causes.push(invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"));
  }
  if (previous !== null && !Bun.deepEquals(spec["selector"], record(previous["spec"])["selector"])) {
    causes.push(invalid("spec.selector", spec["selector"], "field is immutable"));
  }
}

function checkNumber(spec: Rec, field: string, causes: StatusCause[]): void {
  const value = spec[field];
  if (typeof value === "number" && value < 0)
    causes.push(invalid(`spec.${field}`, value, "must be greater than or equal to 0"));
}

function checkIntOrPercent(value: unknown, path: string, causes: StatusCause[]): void {
  if (typeof value === "string" && !/^\d+%$/.test(value)) {
    causes.push(invalid(path, value, "a valid percent string must be a numeric string followed by an ending '%'"));
  } else if (typeof value === "number" && (value < 0 || !Number.isInteger(value))) {
    causes.push(invalid(path, value, "must be greater than or equal to 0"));
  }
}

const isZero = (value: unknown): boolean => value === 0 || value === "0%";

/** Rules that all kinds with a selector and a template of always running pods share. */
function running(extra: {
  readonly before?: (spec: Rec) => void;
  readonly after?: (spec: Rec) => void;
  readonly validate?: (spec: Rec, previous: Rec | null, causes: StatusCause[]) => void;
}): KindRules {
  return {
    before: (object) => {
      const spec = ensure(object, "spec");
      extra.before?.(spec);
    },
    after: (object) => {
      const spec = ensure(object, "spec");
      completeTemplate(spec);
      extra.after?.(spec);
    },
    validate: (object, previous, causes) => {
      const spec = record(object["spec"]);
      checkNumber(spec, "replicas", causes);
      checkNumber(spec, "minReadySeconds", causes);
      checkNumber(spec, "revisionHistoryLimit", causes);
      checkSelector(spec, previous, causes);
      checkTemplate(spec, "spec", ["Always"], causes);
      extra.validate?.(spec, previous === null ? null : record(previous["spec"]), causes);
    },
  };
}

export const deploymentRules = running({
  before: (spec) => ensure(spec, "strategy"),
  after(spec) {
    const strategy = ensure(spec, "strategy");
    if (strategy["type"] !== "RollingUpdate") return;
    const rolling = ensure(strategy, "rollingUpdate");
    rolling["maxUnavailable"] ??= "25%";
    rolling["maxSurge"] ??= "25%";
  },
  validate(spec, _previous, causes) {
    const strategy = record(spec["strategy"]);
    const rolling = record(strategy["rollingUpdate"]);
    if (strategy["type"] === "Recreate" && strategy["rollingUpdate"] !== undefined) {
      causes.push(
        fieldForbidden("spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'"),
      );
    }
    checkIntOrPercent(rolling["maxUnavailable"], "spec.strategy.rollingUpdate.maxUnavailable", causes);
    checkIntOrPercent(rolling["maxSurge"], "spec.strategy.rollingUpdate.maxSurge", causes);
    if (isZero(rolling["maxUnavailable"]) && isZero(rolling["maxSurge"])) {
      causes.push(
        invalid(
          "spec.strategy.rollingUpdate.maxUnavailable",
          rolling["maxUnavailable"],
          "may not be 0 when `maxSurge` is 0",
        ),
      );
    }
  },
});

export const replicaSetRules = running({});

export const statefulSetRules = running({
  before: (spec) => ensure(spec, "updateStrategy"),
  after(spec) {
    const strategy = ensure(spec, "updateStrategy");
    if (strategy["type"] === "RollingUpdate") ensure(strategy, "rollingUpdate")["partition"] ??= 0;
    spec["serviceName"] ??= "";
  },
  validate(spec, previous, causes) {
    if (Array.isArray(spec["volumeClaimTemplates"]) && spec["volumeClaimTemplates"].length > 0) {
      causes.push(
        fieldForbidden("spec.volumeClaimTemplates", "this local cluster has no storage; use an emptyDir volume"),
      );
    }
    if (previous === null) return;
    for (const field of ["serviceName", "podManagementPolicy"]) {
      if (spec[field] === previous[field]) continue;
      causes.push(
        fieldForbidden(
          "spec",
          "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        ),
      );
      break;
    }
  },
});

export const daemonSetRules = running({
  before: (spec) => ensure(spec, "updateStrategy"),
  after(spec) {
    const strategy = ensure(spec, "updateStrategy");
    if (strategy["type"] !== "RollingUpdate") return;
    const rolling = ensure(strategy, "rollingUpdate");
    rolling["maxUnavailable"] ??= 1;
    rolling["maxSurge"] ??= 0;
  },
});

const uidLabel = "batch.kubernetes.io/controller-uid";
const nameLabel = "batch.kubernetes.io/job-name";

function completeJob(spec: Rec): void {
  completeTemplate(spec);
  if (spec["completions"] === undefined && spec["parallelism"] === undefined) spec["completions"] = 1;
  spec["parallelism"] ??= 1;
  spec["backoffLimit"] ??= 6;
  spec["podReplacementPolicy"] ??= "TerminatingOrFailed";
}

const jobRestart = ["OnFailure", "Never"];

export const jobRules: KindRules = {
  after(job, previous) {
    const spec = ensure(job, "spec");
    completeJob(spec);
    // A Job's pods are told from others by the Job's uid, unless its author brings a selector.
    if (previous !== null || spec["manualSelector"] === true || spec["template"] === undefined) return;
    const { uid, name } = job.metadata;
    const labels = ensure(ensure(record(spec["template"]), "metadata"), "labels");
    Object.assign(labels, { [uidLabel]: uid, [nameLabel]: name, "controller-uid": uid, "job-name": name });
    spec["selector"] = { matchLabels: { [uidLabel]: uid } };
  },
  validate(job, previous, causes) {
    const spec = record(job["spec"]);
    for (const field of [
      "parallelism",
      "completions",
      "backoffLimit",
      "activeDeadlineSeconds",
      "ttlSecondsAfterFinished",
    ]) {
      checkNumber(spec, field, causes);
    }
    checkTemplate(spec, "spec", jobRestart, causes);
    if (previous === null) return;
    const before = record(previous["spec"]);
    for (const field of ["selector", "template", "completions", "completionMode"]) {
      const settable = field === "template" && before["suspend"] === true;
      if (!settable && !Bun.deepEquals(spec[field], before[field]))
        causes.push(invalid(`spec.${field}`, spec[field], "field is immutable"));
    }
  },
};

export const cronJobRules: KindRules = {
  after(object) {
    const spec = record(record(record(object["spec"])["jobTemplate"])["spec"]);
    completeJob(spec);
  },
  validate(object, _previous, causes) {
    const spec = record(object["spec"]);
    const schedule = text(spec["schedule"]);
    if (!/^(@\w+|\S+(\s+\S+){4})$/.test(schedule.trim())) {
      causes.push(invalid("spec.schedule", schedule, "expected exactly 5 fields"));
    }
    checkTemplate(record(record(spec["jobTemplate"])["spec"]), "spec.jobTemplate.spec", jobRestart, causes);
  },
};
