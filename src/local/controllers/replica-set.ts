/** ReplicaSets: as many pods as wanted. */
import { resources } from "../api/resource-ref.ts";
import { errorChain } from "#lib/errors.ts";
import type { Pod } from "../types.ts";
import { createQueue, ignoreMissing, watchKeys, writeStatus, type ControllerContext } from "./context.ts";
import { keyOf, splitKey } from "./work-queue.ts";
import { availableIn, controllerOf, isActive, isReady, ownedBy, podFromTemplate, type Workload } from "./workload.ts";

/** Pods made or deleted at a time. */
const burst = 50;

/** Which pods to give up first: not assigned, not running, not ready, then the youngest. */
export function deletionOrder(pods: readonly Pod[]): Pod[] {
  const rank = (pod: Pod): number => {
    if ((pod.spec.nodeName ?? "") === "") return 0;
    if (pod.status?.phase !== "Running") return 1;
    return isReady(pod) ? 3 : 2;
  };
  const newest = (pod: Pod): number => -Date.parse(pod.metadata.creationTimestamp);
  return pods.toSorted(
    (a, b) => rank(a) - rank(b) || newest(a) - newest(b) || (a.metadata.name < b.metadata.name ? 1 : -1),
  );
}

export function startReplicaSets(context: ControllerContext): void {
  const { client, clock, events } = context;
  const queue = createQueue(context, "replicaset", async (key) => {
    const { namespace, name } = splitKey(key);
    const set = client.get<Workload>(resources.replicaSets, namespace, name);
    if (set === null) return undefined;
    const owned = client.list<Pod>(resources.pods, { namespace }).filter((pod) => ownedBy(pod, set));
    let active = owned.filter(isActive);
    let failure: string | null = null;
    if (set.metadata.deletionTimestamp === undefined) {
      const missing = (set.spec.replicas ?? 1) - active.length;
      if (missing > 0) failure = await create(set, Math.min(missing, burst));
      else if (missing < 0) {
        const doomed = deletionOrder(active).slice(0, Math.min(-missing, burst));
        await Promise.all(
          doomed.map(async (pod) => {
            await ignoreMissing(client.delete(resources.pods, namespace, pod.metadata.name, { uid: pod.metadata.uid }));
            events.record(set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
          }),
        );
      }
    }
    active = client.list<Pod>(resources.pods, { namespace }).filter((pod) => ownedBy(pod, set) && isActive(pod));
    const now = clock.wall();
    const waits = active.map((pod) => availableIn(pod, set.spec.minReadySeconds ?? 0, now));
    const later = waits.filter((wait): wait is number => wait !== null && wait > 0);
    const template = set.spec.template.metadata?.labels ?? {};
    const latest = client.get<Workload>(resources.replicaSets, namespace, name);
    if (latest === null) return undefined;
    await writeStatus(context, resources.replicaSets, latest, {
      observedGeneration: latest.metadata.generation ?? 1,
      replicas: active.length,
      fullyLabeledReplicas: active.filter(({ metadata }) =>
        Object.entries(template).every(([k, v]) => metadata.labels?.[k] === v),
      ).length,
      readyReplicas: active.filter(isReady).length,
      availableReplicas: waits.filter((wait) => wait === 0).length,
      ...(failure === null
        ? {}
        : {
            conditions: [
              {
                type: "ReplicaFailure",
                status: "True",
                reason: "FailedCreate",
                message: failure,
                lastTransitionTime: null,
              },
            ],
          }),
    });
    // A refused pod (a webhook that is down, a bad template) is tried again later.
    if (failure !== null) return 2_000;
    if ((latest.spec.replicas ?? 1) !== active.length) queue.add(key);
    return later.length === 0 ? undefined : Math.min(...later);
  });

  const create = async (set: Workload, count: number): Promise<string | null> => {
    let failure: string | null = null;
    await Promise.all(
      Array.from({ length: count }, async () => {
        try {
          const pod = await client.create<Pod>(resources.pods, podFromTemplate(set, set.spec.template, {}));
          events.record(set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
        } catch (thrown) {
          failure = errorChain(thrown);
        }
      }),
    );
    if (failure !== null) events.record(set, "Warning", "FailedCreate", `Error creating: ${String(failure)}`);
    return failure;
  };

  watchKeys(context, resources.replicaSets, queue, (set) => [keyOf(set)]);
  watchKeys<Pod>(context, resources.pods, queue, (pod) => {
    const owner = controllerOf(pod);
    return owner?.kind === "ReplicaSet" ? [`${pod.metadata.namespace}/${owner.name}`] : [];
  });
}
