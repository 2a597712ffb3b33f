/** Deployments: one ReplicaSet per version of the template, and the way from one to the next. */
import { resources } from "../api/resource-ref.ts";
import { timestamp } from "../node/container-record.ts";
import type { Condition, Pod, PodTemplate } from "../types.ts";
import { createQueue, ignoreMissing, watchKeys, writeStatus, type ControllerContext } from "./context.ts";
import { rollout, type SetView } from "./rollout.ts";
import { keyOf, splitKey } from "./work-queue.ts";
import { controllerOf, controllerReference, ownedBy, shortHash, withCondition, type Workload } from "./workload.ts";

const hashLabel = "pod-template-hash";
const revisionAnnotation = "deployment.kubernetes.io/revision";
const desiredAnnotation = "deployment.kubernetes.io/desired-replicas";

function withoutHash(template: PodTemplate): unknown {
  const { [hashLabel]: _, ...labels } = template.metadata?.labels ?? {};
  const { annotations } = template.metadata ?? {};
  return { labels, annotations: annotations ?? {}, spec: template.spec };
}

/** Whether a ReplicaSet is of this version of the template. */
export function sameTemplate(a: PodTemplate, b: PodTemplate): boolean {
  return Bun.deepEquals(withoutHash(a), withoutHash(b));
}

function revisionOf(object: Workload): number {
  return Number(object.metadata.annotations?.[revisionAnnotation] ?? 0);
}

function viewOf(set: Workload): SetView {
  return {
    name: set.metadata.name,
    wanted: set.spec.replicas ?? 1,
    available: set.status?.availableReplicas ?? 0,
    pods: set.status?.replicas ?? 0,
  };
}

function sum(sets: readonly Workload[], field: "replicas" | "readyReplicas" | "availableReplicas"): number {
  return sets.reduce((total, { status }) => total + (status?.[field] ?? 0), 0);
}

export function startDeployments(context: ControllerContext): void {
  const { client, clock, events } = context;

  const setsOf = (deployment: Workload): Workload[] =>
    client
      .list<Workload>(resources.replicaSets, { namespace: deployment.metadata.namespace ?? "" })
      .filter((set) => ownedBy(set, deployment));

  const createSet = async (deployment: Workload, revision: number): Promise<Workload> => {
    const { name, namespace = "" } = deployment.metadata;
    const { template, selector, minReadySeconds } = deployment.spec;
    let collisions = 0;
    for (;;) {
      const hash = shortHash(collisions === 0 ? withoutHash(template) : [withoutHash(template), collisions]);
      const labels = { ...template.metadata?.labels, [hashLabel]: hash };
      if (client.get(resources.replicaSets, namespace, `${name}-${hash}`) !== null) {
        collisions++;
        continue;
      }
      return await client.create<Workload>(resources.replicaSets, {
        apiVersion: "apps/v1",
        kind: "ReplicaSet",
        metadata: {
          name: `${name}-${hash}`,
          namespace,
          labels,
          annotations: {
            [revisionAnnotation]: String(revision),
            [desiredAnnotation]: String(deployment.spec.replicas ?? 1),
          },
          ownerReferences: [controllerReference(deployment)],
        },
        spec: {
          replicas: 0,
          ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
          selector: { ...selector, matchLabels: { ...selector?.matchLabels, [hashLabel]: hash } },
          template: { ...template, metadata: { ...template.metadata, labels } },
        },
      });
    }
  };

  const scale = async (deployment: Workload, set: Workload, size: number): Promise<void> => {
    const { name, namespace = "" } = set.metadata;
    const before = set.spec.replicas ?? 1;
    await ignoreMissing(client.patch(resources.replicaSets, namespace, name, { spec: { replicas: size } }));
    const word = size > before ? "up" : "down";
    events.record(
      deployment,
      "Normal",
      "ScalingReplicaSet",
      `Scaled ${word} replica set ${name} from ${before} to ${size}`,
    );
  };

  /** Finds or makes the ReplicaSet of the current template and numbers it as the newest. */
  const newest = async (deployment: Workload, sets: readonly Workload[]): Promise<Workload | null> => {
    const { namespace = "", name } = deployment.metadata;
    const found = sets.find((set) => sameTemplate(set.spec.template, deployment.spec.template)) ?? null;
    if (found === null && deployment.spec.paused === true) return null;
    const highest = Math.max(0, ...sets.filter((set) => set !== found).map(revisionOf));
    const revision = found !== null && revisionOf(found) > highest ? revisionOf(found) : highest + 1;
    let set = found ?? (await createSet(deployment, revision));
    // A rollback reuses its old ReplicaSet, which becomes the newest again.
    if (revisionOf(set) !== revision) {
      const metadata = { annotations: { [revisionAnnotation]: String(revision) } };
      set = await client.patch<Workload>(resources.replicaSets, namespace, set.metadata.name, { metadata });
    }
    if (revisionOf(deployment) !== revision) {
      await client.patch(resources.deployments, namespace, name, {
        metadata: { annotations: { [revisionAnnotation]: String(revision) } },
      });
    }
    return set;
  };

  const cleanUp = async (deployment: Workload, old: readonly Workload[]): Promise<void> => {
    const limit = deployment.spec.revisionHistoryLimit ?? 10;
    const idle = old.filter(({ spec, status }) => (spec.replicas ?? 1) === 0 && (status?.replicas ?? 0) === 0);
    const surplus = idle.toSorted((a, b) => revisionOf(a) - revisionOf(b)).slice(0, Math.max(0, idle.length - limit));
    for (const set of surplus) {
      await ignoreMissing(client.delete(resources.replicaSets, set.metadata.namespace ?? "", set.metadata.name));
    }
  };

  const queue = createQueue(context, "deployment", async (key) => {
    const { namespace, name } = splitKey(key);
    let deployment = client.get<Workload>(resources.deployments, namespace, name);
    if (deployment === null || deployment.metadata.deletionTimestamp !== undefined) return undefined;
    const sets = setsOf(deployment);
    const next = await newest(deployment, sets);
    const old = sets.filter((set) => set.metadata.uid !== next?.metadata.uid);
    const replicas = deployment.spec.replicas ?? 1;
    const { strategy, paused } = deployment.spec;
    if (paused !== true && next !== null) {
      const oldNames = new Set(old.map(({ metadata }) => metadata.name));
      const oldPodsLeft = client
        .list<Pod>(resources.pods, { namespace })
        .filter(
          (pod) =>
            oldNames.has(controllerOf(pod)?.name ?? "") &&
            pod.status?.phase !== "Succeeded" &&
            pod.status?.phase !== "Failed",
        ).length;
      const sizes = rollout({
        replicas,
        strategy: strategy?.type === "Recreate" ? "Recreate" : "RollingUpdate",
        maxSurge: strategy?.rollingUpdate?.maxSurge,
        maxUnavailable: strategy?.rollingUpdate?.maxUnavailable,
        next: viewOf(next),
        old: old.filter(({ spec }) => (spec.replicas ?? 1) > 0).map(viewOf),
        oldPodsLeft,
      });
      for (const set of [next, ...old]) {
        const size = sizes.get(set.metadata.name);
        if (size !== undefined) await scale(deployment, set, size);
      }
    } else if (paused === true) {
      // A paused Deployment still follows its size, with the ReplicaSet that has the pods.
      const [main] = [...(next === null ? [] : [next]), ...old].toSorted(
        (a, b) => (b.spec.replicas ?? 0) - (a.spec.replicas ?? 0),
      );
      const total = [...(next === null ? [] : [next]), ...old].reduce(
        (count, { spec }) => count + (spec.replicas ?? 0),
        0,
      );
      if (main !== undefined && total !== replicas)
        await scale(deployment, main, Math.max(0, (main.spec.replicas ?? 0) + replicas - total));
    }
    deployment = client.get<Workload>(resources.deployments, namespace, name);
    if (deployment === null) return undefined;
    const fresh = setsOf(deployment);
    const current = fresh.find(({ metadata }) => metadata.uid === next?.metadata.uid) ?? null;
    const { status, again } = deploymentStatus(deployment, current, fresh, clock.wall());
    await writeStatus(context, resources.deployments, deployment, status);
    if (isComplete(status, replicas)) await cleanUp(deployment, old);
    return again;
  });

  watchKeys(context, resources.deployments, queue, (deployment) => [keyOf(deployment)]);
  watchKeys(context, resources.replicaSets, queue, (set) => {
    const owner = controllerOf(set);
    return owner?.kind === "Deployment" ? [`${set.metadata.namespace}/${owner.name}`] : [];
  });
  // Recreate waits for pods, not for ReplicaSets.
  watchKeys<Pod>(context, resources.pods, queue, (pod) => {
    const owner = controllerOf(pod);
    if (owner?.kind !== "ReplicaSet") return [];
    const set = client.get<Workload>(resources.replicaSets, pod.metadata.namespace ?? "", owner.name);
    const above = set === null ? undefined : controllerOf(set);
    return above?.kind === "Deployment" ? [`${pod.metadata.namespace}/${above.name}`] : [];
  });
}

type DeploymentStatus = NonNullable<Workload["status"]>;

function isComplete(status: DeploymentStatus, replicas: number): boolean {
  return status.updatedReplicas === replicas && status.replicas === replicas && status.availableReplicas === replicas;
}

/** The status, and when to look again for a rollout that makes no progress, ms. Pure. */
export function deploymentStatus(
  deployment: Workload,
  current: Workload | null,
  sets: readonly Workload[],
  now: number,
): { status: DeploymentStatus; again: number | undefined } {
  const replicas = deployment.spec.replicas ?? 1;
  const time = timestamp(now);
  const available = sum(sets, "availableReplicas");
  const total = sum(sets, "replicas");
  const updated = current?.status?.replicas ?? 0;
  const before = deployment.status ?? {};
  const allowed = deployment.spec.strategy?.type === "Recreate" ? 0 : replicas - minimumAvailable(deployment);
  let conditions: Condition[] = withCondition(
    before.conditions ?? [],
    available >= replicas - allowed
      ? {
          type: "Available",
          status: "True",
          reason: "MinimumReplicasAvailable",
          message: "Deployment has minimum availability.",
          lastUpdateTime: time,
        }
      : {
          type: "Available",
          status: "False",
          reason: "MinimumReplicasUnavailable",
          message: "Deployment does not have minimum availability.",
          lastUpdateTime: time,
        },
    time,
  );
  const status: DeploymentStatus = {
    observedGeneration: deployment.metadata.generation ?? 1,
    replicas: total,
    updatedReplicas: updated,
    readyReplicas: sum(sets, "readyReplicas"),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, Math.max(total, replicas) - available),
  };
  const name = current?.metadata.name ?? "";
  const moved =
    before.updatedReplicas !== updated ||
    before.availableReplicas !== available ||
    before.replicas !== total ||
    before.observedGeneration !== status.observedGeneration;
  const old = conditions.find(({ type }) => type === "Progressing");
  let again: number | undefined;
  if (deployment.spec.paused === true) {
    conditions = withCondition(
      conditions,
      {
        type: "Progressing",
        status: "Unknown",
        reason: "DeploymentPaused",
        message: "Deployment is paused",
        lastUpdateTime: time,
      },
      time,
    );
  } else if (isComplete(status, replicas)) {
    conditions = withCondition(
      conditions,
      {
        type: "Progressing",
        status: "True",
        reason: "NewReplicaSetAvailable",
        message: `ReplicaSet "${name}" has successfully progressed.`,
        lastUpdateTime: time,
      },
      time,
    );
  } else {
    const deadline = (deployment.spec.progressDeadlineSeconds ?? 600) * 1000;
    const since = moved ? now : Date.parse(old?.lastUpdateTime ?? "") || now;
    if (now - since >= deadline) {
      conditions = withCondition(
        conditions,
        {
          type: "Progressing",
          status: "False",
          reason: "ProgressDeadlineExceeded",
          message: `ReplicaSet "${name}" has timed out progressing.`,
          lastUpdateTime: time,
        },
        time,
      );
    } else {
      const entry: Condition = {
        type: "Progressing",
        status: "True",
        reason: "ReplicaSetUpdated",
        message: `ReplicaSet "${name}" is progressing.`,
        lastUpdateTime: timestamp(since),
      };
      conditions = withCondition(
        conditions.filter(({ type }) => type !== "Progressing"),
        entry,
        old?.lastTransitionTime ?? time,
      );
      again = since + deadline - now;
    }
  }
  return { status: { ...status, conditions: conditions.toSorted((a, b) => (a.type < b.type ? -1 : 1)) }, again };
}

function minimumAvailable(deployment: Workload): number {
  const replicas = deployment.spec.replicas ?? 1;
  const given = deployment.spec.strategy?.rollingUpdate?.maxUnavailable ?? "25%";
  const unavailable = typeof given === "number" ? given : Math.floor((Number.parseFloat(given) * replicas) / 100);
  return Math.max(0, replicas - unavailable);
}
