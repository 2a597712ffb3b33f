/** Assigns pods to the one node, when they may run there. */
import { resources } from "../api/resource-ref.ts";
import { timestamp } from "../node/container-record.ts";
import { nodeName } from "../node/node.ts";
import type { Condition, Pod } from "../types.ts";
import { createQueue, ignoreMissing, watchKeys, type ControllerContext } from "./context.ts";
import { keyOf, splitKey } from "./work-queue.ts";

/** Why a pod can't run on a node with these labels, or null. */
export function unschedulable(pod: Pod, labels: Readonly<Record<string, string>>): string | null {
  for (const [key, value] of Object.entries(pod.spec.nodeSelector ?? {})) {
    if (labels[key] !== value) return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";
  }
  return null;
}

export function startScheduler(context: ControllerContext): void {
  const { client, clock, events } = context;
  const queue = createQueue(context, "scheduler", async (key) => {
    const { namespace, name } = splitKey(key);
    const pod = client.get<Pod>(resources.pods, namespace, name);
    if (pod === null || (pod.spec.nodeName ?? "") !== "" || pod.metadata.deletionTimestamp !== undefined)
      return undefined;
    if ((pod.spec.schedulingGates?.length ?? 0) > 0) return undefined;
    const node = client.get(resources.nodes, "", nodeName);
    const reason =
      node === null ? "no nodes available to schedule pods" : unschedulable(pod, node.metadata.labels ?? {});
    if (reason === null) {
      await ignoreMissing(client.bind(namespace, name, nodeName));
      events.record(pod, "Normal", "Scheduled", `Successfully assigned ${key} to ${nodeName}`);
      return undefined;
    }
    const old = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
    if (old?.message !== reason) {
      events.record(pod, "Warning", "FailedScheduling", reason);
      const lastTransitionTime = timestamp(clock.wall());
      const condition: Condition = {
        type: "PodScheduled",
        status: "False",
        reason: "Unschedulable",
        message: reason,
        lastTransitionTime,
      };
      const conditions = [...(pod.status?.conditions ?? []).filter(({ type }) => type !== "PodScheduled"), condition];
      await ignoreMissing(
        client.patch(resources.pods, namespace, name, { status: { conditions } }, { subresource: "status" }),
      );
    }
    return undefined;
  });
  watchKeys<Pod>(context, resources.pods, queue, (pod) => ((pod.spec.nodeName ?? "") === "" ? [keyOf(pod)] : []));
  context.onStop(
    client.watch(resources.nodes, {}, () => {
      for (const pod of client.list<Pod>(resources.pods)) if ((pod.spec.nodeName ?? "") === "") queue.add(keyOf(pod));
    }),
  );
}
