/** pods/binding: a pod gets its node, once. */
import type { KubeObject } from "../../store/object.ts";
import type { Store } from "../../store/store.ts";
import { conflict, notFound } from "../status-error.ts";
import { record, records } from "./strategy.ts";

const pods = { group: "", resource: "pods" };

/** Throws 404 without the pod, 409 when it is bound already or being deleted. */
export function bindPod(store: Store, namespace: string, name: string, node: string, time = ""): KubeObject {
  const pod = store.get("pods", namespace, name);
  if (pod === null) throw notFound(pods, name);
  const spec = record(pod["spec"]);
  if (pod.metadata.deletionTimestamp !== undefined)
    throw conflict(pods, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  if ((spec["nodeName"] ?? "") !== "")
    throw conflict(pods, name, `pod ${name} is already assigned to node "${String(spec["nodeName"])}"`);
  const status = record(pod["status"]);
  const scheduled = {
    type: "PodScheduled",
    status: "True",
    lastProbeTime: null,
    lastTransitionTime: time === "" ? null : time,
  };
  const conditions = [...records(status["conditions"]).filter((entry) => entry["type"] !== "PodScheduled"), scheduled];
  return store.update("pods", { ...pod, spec: { ...spec, nodeName: node }, status: { ...status, conditions } });
}
