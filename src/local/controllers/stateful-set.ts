/** StatefulSets: pods with lasting names, made and replaced one after the other. Volumes that outlive pods are not supported. */
import { resources } from "../api/resource-ref.ts";
import type { Pod } from "../types.ts";
import {
  createQueue,
  ignoreExisting,
  ignoreMissing,
  watchKeys,
  writeStatus,
  type ControllerContext,
} from "./context.ts";
import { keyOf, splitKey } from "./work-queue.ts";
import { availableIn, controllerOf, isReady, ownedBy, podFromTemplate, shortHash, type Workload } from "./workload.ts";

const revisionLabel = "controller-revision-hash";

/** The number at the end of a pod's name, or null. */
export function ordinalOf(
  set: { readonly metadata: { readonly name: string } },
  pod: { readonly metadata: { readonly name: string } },
): number | null {
  const match = new RegExp(`^(.+)-(\\d+)$`).exec(pod.metadata.name);
  return match !== null && match[1] === set.metadata.name ? Number(match[2]) : null;
}

/** One pod as the plan sees it. */
export interface OrdinalView {
  readonly ordinal: number;
  readonly available: boolean;
  readonly terminating: boolean;
  /** It ended for good and has to be made anew. */
  readonly over: boolean;
  readonly updated: boolean;
}

export interface OrdinalPlan {
  readonly create: readonly number[];
  readonly remove: readonly number[];
}

/** What to do next. "OrderedReady" does one thing at a time and waits for each pod. Pure (Kubernetes: "StatefulSets"). */
export function planOrdinals(
  replicas: number,
  pods: readonly OrdinalView[],
  options: { parallel: boolean; onDelete: boolean; partition: number },
): OrdinalPlan {
  const byOrdinal = new Map(pods.map((pod) => [pod.ordinal, pod]));
  const create: number[] = [];
  const remove: number[] = pods.filter((pod) => pod.over && !pod.terminating).map(({ ordinal }) => ordinal);
  for (let ordinal = 0; ordinal < replicas; ordinal++) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) create.push(ordinal);
    if (!options.parallel && (pod === undefined || !pod.available || pod.terminating)) break;
  }
  const waiting =
    create.length > 0 || pods.some((pod) => pod.ordinal < replicas && (!pod.available || pod.terminating));
  const surplus = pods.filter(({ ordinal }) => ordinal >= replicas).toSorted((a, b) => b.ordinal - a.ordinal);
  if (surplus.length > 0) {
    if (options.parallel)
      remove.push(...surplus.filter(({ terminating }) => !terminating).map(({ ordinal }) => ordinal));
    else if (!waiting && surplus[0]?.terminating === false) remove.push(surplus[0].ordinal);
    if (!options.parallel) return { create, remove };
  }
  if (options.onDelete) return { create, remove };
  // From the highest ordinal down; one that is not available holds the next ones back, but is itself replaced.
  for (let ordinal = replicas - 1; ordinal >= options.partition; ordinal--) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined || pod.terminating) break;
    if (!pod.updated) {
      if (!remove.includes(ordinal)) remove.push(ordinal);
      break;
    }
    if (!pod.available) break;
  }
  return { create, remove };
}

export function startStatefulSets(context: ControllerContext): void {
  const { client, clock, events } = context;
  const queue = createQueue(context, "statefulset", async (key) => {
    const { namespace, name } = splitKey(key);
    const set = client.get<Workload>(resources.statefulSets, namespace, name);
    if (set === null || set.metadata.deletionTimestamp !== undefined) return undefined;
    if ((set.spec.volumeClaimTemplates?.length ?? 0) > 0) {
      events.record(
        set,
        "Warning",
        "FailedCreate",
        "A local cluster has no persistent volumes: volumeClaimTemplates are not supported",
      );
      return undefined;
    }
    const replicas = set.spec.replicas ?? 1;
    const revision = `${name}-${shortHash(set.spec.template)}`;
    const owned = (): Pod[] =>
      client
        .list<Pod>(resources.pods, { namespace })
        .filter((pod) => ownedBy(pod, set) && ordinalOf(set, pod) !== null);
    const minReady = set.spec.minReadySeconds ?? 0;
    const view = (pod: Pod): OrdinalView => ({
      ordinal: ordinalOf(set, pod) ?? 0,
      available: availableIn(pod, minReady, clock.wall()) === 0,
      terminating: pod.metadata.deletionTimestamp !== undefined,
      over: pod.status?.phase === "Failed" || pod.status?.phase === "Succeeded",
      updated: pod.metadata.labels?.[revisionLabel] === revision,
    });
    const plan = planOrdinals(replicas, owned().map(view), {
      parallel: set.spec.podManagementPolicy === "Parallel",
      onDelete: set.spec.updateStrategy?.type === "OnDelete",
      partition: set.spec.updateStrategy?.rollingUpdate?.partition ?? 0,
    });
    for (const ordinal of plan.create) {
      const podName = `${name}-${ordinal}`;
      const pod = podFromTemplate(set, set.spec.template, {
        name: podName,
        labels: {
          [revisionLabel]: revision,
          "statefulset.kubernetes.io/pod-name": podName,
          "apps.kubernetes.io/pod-index": String(ordinal),
        },
      });
      pod.spec.hostname = podName;
      if (set.spec.serviceName !== undefined && set.spec.serviceName !== "") pod.spec.subdomain = set.spec.serviceName;
      await ignoreExisting(client.create(resources.pods, pod));
      events.record(set, "Normal", "SuccessfulCreate", `create Pod ${podName} in StatefulSet ${name} successful`);
    }
    for (const ordinal of plan.remove) {
      await ignoreMissing(client.delete(resources.pods, namespace, `${name}-${ordinal}`));
      events.record(
        set,
        "Normal",
        "SuccessfulDelete",
        `delete Pod ${name}-${ordinal} in StatefulSet ${name} successful`,
      );
    }
    const pods = owned().filter((pod) => (ordinalOf(set, pod) ?? 0) < replicas);
    const updated = pods.filter((pod) => view(pod).updated).length;
    const waits = pods
      .map((pod) => availableIn(pod, minReady, clock.wall()))
      .filter((wait): wait is number => wait !== null);
    const done = updated === replicas && pods.length === replicas;
    const latest = client.get<Workload>(resources.statefulSets, namespace, name);
    if (latest === null) return undefined;
    const before = latest.status?.["currentRevision"];
    await writeStatus(context, resources.statefulSets, latest, {
      observedGeneration: latest.metadata.generation ?? 1,
      replicas: pods.length,
      readyReplicas: pods.filter(isReady).length,
      availableReplicas: waits.filter((wait) => wait === 0).length,
      currentReplicas: done ? replicas : pods.length - updated,
      updatedReplicas: updated,
      currentRevision: done || typeof before !== "string" ? revision : before,
      updateRevision: revision,
      collisionCount: 0,
    });
    const later = waits.filter((wait) => wait > 0);
    return later.length === 0 ? undefined : Math.min(...later);
  });
  watchKeys(context, resources.statefulSets, queue, (set) => [keyOf(set)]);
  watchKeys<Pod>(context, resources.pods, queue, (pod) => {
    const owner = controllerOf(pod);
    return owner?.kind === "StatefulSet" ? [`${pod.metadata.namespace}/${owner.name}`] : [];
  });
}
