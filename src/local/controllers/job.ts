/** Jobs: pods that run to their end, a number of times. A pod's sidecars don't keep its Job from ending. */
import { resources } from "../api/resource-ref.ts";
import { timestamp } from "../node/container-record.ts";
import type { KubeObject } from "../store/object.ts";
import type { Condition, Pod, PodTemplate } from "../types.ts";
import { createQueue, ignoreMissing, watchKeys, writeStatus, type ControllerContext } from "./context.ts";
import { keyOf, splitKey } from "./work-queue.ts";
import { controllerOf, isReady, ownedBy, podFromTemplate } from "./workload.ts";

interface JobStatus {
  startTime?: string;
  completionTime?: string;
  active?: number;
  ready?: number;
  succeeded?: number;
  failed?: number;
  terminating?: number;
  conditions?: Condition[];
}

interface Job extends KubeObject {
  spec: {
    template: PodTemplate;
    parallelism?: number;
    completions?: number;
    backoffLimit?: number;
    activeDeadlineSeconds?: number;
    ttlSecondsAfterFinished?: number;
    suspend?: boolean;
    completionMode?: string;
  };
  status?: JobStatus;
}

/** What a Job needs next. Pure (Kubernetes: "Jobs"). */
export interface JobPlan {
  readonly create: number;
  /** Active pods to delete. */
  readonly remove: number;
  readonly outcome: "running" | "complete" | "backoff-limit" | "deadline";
}

export function planJob(input: {
  parallelism: number;
  /** Null: any success ends the Job. */
  completions: number | null;
  backoffLimit: number;
  active: number;
  succeeded: number;
  failed: number;
  /** Container restarts of active pods, which count as failures with restartPolicy OnFailure. */
  restarts: number;
  overdue: boolean;
  suspended: boolean;
}): JobPlan {
  const { active, succeeded, failed } = input;
  const wanted = input.completions ?? 1;
  if (succeeded >= wanted && (input.completions !== null || active === 0))
    return { create: 0, remove: active, outcome: "complete" };
  if (failed + input.restarts > input.backoffLimit) return { create: 0, remove: active, outcome: "backoff-limit" };
  if (input.overdue) return { create: 0, remove: active, outcome: "deadline" };
  if (input.suspended) return { create: 0, remove: active, outcome: "running" };
  const left = input.completions === null ? (succeeded > 0 ? active : input.parallelism) : wanted - succeeded;
  const target = Math.min(input.parallelism, left);
  return { create: Math.max(0, target - active), remove: Math.max(0, active - target), outcome: "running" };
}

function finishedCondition(outcome: "complete" | "backoff-limit" | "deadline", now: string): Condition[] {
  const base = { status: "True" as const, lastProbeTime: now, lastTransitionTime: now };
  if (outcome === "complete") {
    return [
      {
        ...base,
        type: "SuccessCriteriaMet",
        reason: "CompletionsReached",
        message: "Reached expected number of succeeded pods",
      },
      { ...base, type: "Complete", reason: "CompletionsReached", message: "Reached expected number of succeeded pods" },
    ];
  }
  const reason = outcome === "deadline" ? "DeadlineExceeded" : "BackoffLimitExceeded";
  const message =
    outcome === "deadline"
      ? "Job was active longer than specified deadline"
      : "Job has reached the specified backoff limit";
  return [
    { ...base, type: "FailureTarget", reason, message },
    { ...base, type: "Failed", reason, message },
  ];
}

export function startJobs(context: ControllerContext): void {
  const { client, clock, events } = context;
  /** Delay before a failed pod's successor: 10 s, 20 s, … 6 min. */
  const backoff = (failed: number): number =>
    failed === 0 ? 0 : Math.min(360_000, 10_000 * 2 ** Math.min(failed - 1, 10));

  const afterEnd = async (job: Job, finished: Condition): Promise<number | undefined> => {
    const ttl = job.spec.ttlSecondsAfterFinished;
    if (ttl === undefined) return undefined;
    const left = Date.parse(finished.lastTransitionTime ?? "") + ttl * 1000 - clock.wall();
    if (left > 0) return left;
    await ignoreMissing(client.delete(resources.jobs, job.metadata.namespace ?? "", job.metadata.name));
    return undefined;
  };

  const queue = createQueue(context, "job", async (key) => {
    const { namespace, name } = splitKey(key);
    const job = client.get<Job>(resources.jobs, namespace, name);
    if (job === null || job.metadata.deletionTimestamp !== undefined) return undefined;
    const finished = job.status?.conditions?.find(
      ({ type, status }) => (type === "Complete" || type === "Failed") && status === "True",
    );
    if (finished !== undefined) return await afterEnd(job, finished);
    if (job.spec.completionMode === "Indexed") {
      events.record(job, "Warning", "Unsupported", "A local cluster does not support Indexed Jobs");
      return undefined;
    }
    const pods = client.list<Pod>(resources.pods, { namespace }).filter((pod) => ownedBy(pod, job));
    const over = (pod: Pod): boolean => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
    const active = pods.filter((pod) => !over(pod) && pod.metadata.deletionTimestamp === undefined);
    const succeeded = pods.filter(({ status }) => status?.phase === "Succeeded").length;
    const failedPods = pods.filter(({ status }) => status?.phase === "Failed");
    const now = clock.wall();
    const started = Date.parse(job.status?.startTime ?? "") || now;
    const deadline =
      job.spec.activeDeadlineSeconds === undefined ? null : started + job.spec.activeDeadlineSeconds * 1000;
    const plan = planJob({
      parallelism: job.spec.parallelism ?? 1,
      completions: job.spec.completions ?? (job.spec.parallelism === undefined ? 1 : null),
      backoffLimit: job.spec.backoffLimit ?? 6,
      active: active.length,
      succeeded,
      failed: failedPods.length,
      restarts: active
        .flatMap(({ status }) => status?.containerStatuses ?? [])
        .reduce((sum, { restartCount }) => sum + restartCount, 0),
      overdue: deadline !== null && now >= deadline,
      suspended: job.spec.suspend === true,
    });
    const lastEnd = Math.max(
      0,
      ...failedPods
        .flatMap(({ status }) => status?.containerStatuses ?? [])
        .map(({ state }) => Date.parse(state.terminated?.finishedAt ?? "") || 0),
    );
    const wait = lastEnd + backoff(failedPods.length) - now;
    let again = deadline === null ? undefined : Math.max(0, deadline - now);
    if (plan.create > 0 && wait > 0) again = Math.min(again ?? wait, wait);
    else {
      const labels = {
        "batch.kubernetes.io/job-name": name,
        "job-name": name,
        "batch.kubernetes.io/controller-uid": job.metadata.uid,
        "controller-uid": job.metadata.uid,
      };
      for (let i = 0; i < plan.create; i++) {
        const pod = await client.create<Pod>(resources.pods, podFromTemplate(job, job.spec.template, { labels }));
        events.record(job, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
      }
    }
    for (const pod of active.slice(0, plan.remove))
      await ignoreMissing(client.delete(resources.pods, namespace, pod.metadata.name));
    const latest = client.get<Job>(resources.jobs, namespace, name);
    if (latest === null) return undefined;
    const left = client.list<Pod>(resources.pods, { namespace }).filter((pod) => ownedBy(pod, job) && !over(pod));
    const time = timestamp(now);
    const ended = plan.outcome !== "running";
    const stillActive = left.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const status: JobStatus = {
      ...(job.spec.suspend === true ? {} : { startTime: job.status?.startTime ?? time }),
      ...(plan.outcome === "complete" ? { completionTime: time } : {}),
      ...(stillActive.length > 0 ? { active: stillActive.length } : {}),
      ready: stillActive.filter(isReady).length,
      ...(succeeded > 0 ? { succeeded } : {}),
      ...(failedPods.length > 0 ? { failed: failedPods.length } : {}),
      terminating: left.length - stillActive.length,
      ...(plan.outcome === "running" ? {} : { conditions: finishedCondition(plan.outcome, time) }),
    };
    await writeStatus(context, resources.jobs, latest, status);
    if (ended) {
      if (plan.outcome === "complete") events.record(job, "Normal", "Completed", "Job completed");
      else
        events.record(
          job,
          "Warning",
          plan.outcome === "deadline" ? "DeadlineExceeded" : "BackoffLimitExceeded",
          "Job failed",
        );
    }
    return again;
  });
  watchKeys(context, resources.jobs, queue, (job) => [keyOf(job)]);
  watchKeys<Pod>(context, resources.pods, queue, (pod) => {
    const owner = controllerOf(pod);
    return owner?.kind === "Job" ? [`${pod.metadata.namespace}/${owner.name}`] : [];
  });
}
