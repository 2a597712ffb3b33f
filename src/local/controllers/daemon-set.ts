/** DaemonSets: one pod on the one node. */
import { resources } from "../api/resource-ref.ts";
import { nodeName } from "../node/node.ts";
import type { Pod } from "../types.ts";
import { createQueue, ignoreMissing, watchKeys, writeStatus, type ControllerContext } from "./context.ts";
import { unschedulable } from "./scheduler.ts";
import { keyOf, splitKey } from "./work-queue.ts";
import {
  availableIn,
  controllerOf,
  isActive,
  isReady,
  ownedBy,
  podFromTemplate,
  shortHash,
  type Workload,
} from "./workload.ts";

const hashLabel = "controller-revision-hash";

export function startDaemonSets(context: ControllerContext): void {
  const { client, clock, events } = context;
  const queue = createQueue(context, "daemonset", async (key) => {
    const { namespace, name } = splitKey(key);
    const set = client.get<Workload>(resources.daemonSets, namespace, name);
    if (set === null || set.metadata.deletionTimestamp !== undefined) return undefined;
    const hash = shortHash(set.spec.template);
    const owned = (): Pod[] => client.list<Pod>(resources.pods, { namespace }).filter((pod) => ownedBy(pod, set));
    const node = client.get(resources.nodes, "", nodeName);
    const probe = { ...set, spec: set.spec.template.spec } as unknown as Pod;
    const wanted = node !== null && unschedulable(probe, node.metadata.labels ?? {}) === null ? 1 : 0;
    const live = owned();
    const active = live.filter(isActive);
    const outdated = active.filter(({ metadata }) => metadata.labels?.[hashLabel] !== hash);
    const surplus =
      wanted === 0
        ? active
        : set.spec.updateStrategy?.type === "OnDelete"
          ? active.slice(1)
          : [...outdated, ...active.filter((pod) => !outdated.includes(pod)).slice(1)];
    for (const pod of [
      ...surplus,
      ...live.filter(({ status }) => status?.phase === "Failed" || status?.phase === "Succeeded"),
    ]) {
      if (pod.metadata.deletionTimestamp !== undefined) continue;
      await ignoreMissing(client.delete(resources.pods, namespace, pod.metadata.name));
      events.record(set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
    }
    // The old pod has to be gone first: on one node two of them would fight for ports.
    if (wanted === 1 && owned().length === 0) {
      const pod = await client.create<Pod>(
        resources.pods,
        podFromTemplate(set, set.spec.template, { labels: { [hashLabel]: hash } }),
      );
      events.record(set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
    }
    const now = owned().filter(isActive);
    const waits = now.map((pod) => availableIn(pod, set.spec.minReadySeconds ?? 0, clock.wall()));
    const available = waits.filter((wait) => wait === 0).length;
    const latest = client.get<Workload>(resources.daemonSets, namespace, name);
    if (latest === null) return undefined;
    await writeStatus(context, resources.daemonSets, latest, {
      observedGeneration: latest.metadata.generation ?? 1,
      currentNumberScheduled: Math.min(now.length, wanted),
      desiredNumberScheduled: wanted,
      numberMisscheduled: 0,
      numberReady: now.filter(isReady).length,
      numberAvailable: available,
      numberUnavailable: Math.max(0, wanted - available),
      updatedNumberScheduled: now.filter(({ metadata }) => metadata.labels?.[hashLabel] === hash).length,
    });
    const later = waits.filter((wait): wait is number => wait !== null && wait > 0);
    return later.length === 0 ? undefined : Math.min(...later);
  });
  watchKeys(context, resources.daemonSets, queue, (set) => [keyOf(set)]);
  watchKeys<Pod>(context, resources.pods, queue, (pod) => {
    const owner = controllerOf(pod);
    return owner?.kind === "DaemonSet" ? [`${pod.metadata.namespace}/${owner.name}`] : [];
  });
}
