/** Defaults of a pod's spec that depend on other fields; the same in pods and in templates (Kubernetes API, PodSpec). */
import { ensure, record, records, text } from "./strategy.ts";
import type { Rec } from "./strategy.ts";

/** "IfNotPresent", or "Always" for an image without a tag or with the tag "latest". */
function pullPolicy(image: string): string {
  if (image.includes("@")) return "IfNotPresent";
  const tag = /:([^/:]+)$/.exec(image)?.[1] ?? "latest";
  return tag === "latest" ? "Always" : "IfNotPresent";
}

function completeContainer(container: Rec, hostNetwork: boolean): void {
  container["imagePullPolicy"] ??= pullPolicy(text(container["image"]));
  const resources = ensure(container, "resources");
  const limits = record(resources["limits"]);
  if (Object.keys(limits).length > 0) resources["requests"] = { ...limits, ...record(resources["requests"]) };
  if (!hostNetwork) return;
  for (const port of records(container["ports"])) port["hostPort"] ??= port["containerPort"];
}

/** Runs after the notation's defaults. */
export function completePodSpec(spec: Rec): void {
  ensure(spec, "securityContext");
  const hostNetwork = spec["hostNetwork"] === true;
  for (const container of [...records(spec["initContainers"]), ...records(spec["containers"])]) {
    completeContainer(container, hostNetwork);
  }
  for (const volume of records(spec["volumes"])) {
    if (Object.keys(volume).length === 1 && volume["name"] !== undefined) volume["emptyDir"] = {};
    const hostPath = volume["hostPath"];
    if (hostPath !== undefined) record(hostPath)["type"] ??= "";
  }
  const account = spec["serviceAccountName"] ?? spec["serviceAccount"];
  if (account !== undefined) {
    spec["serviceAccountName"] = account;
    spec["serviceAccount"] = account;
  }
}

/** The class that Kubernetes computes from requests and limits ("Pod Quality of Service Classes"). */
export function qosClass(spec: Rec): string {
  const containers = [...records(spec["initContainers"]), ...records(spec["containers"])];
  let any = false;
  let guaranteed = true;
  for (const container of containers) {
    const resources = record(container["resources"]);
    const limits = record(resources["limits"]);
    const requests = record(resources["requests"]);
    for (const name of ["cpu", "memory"]) {
      if (limits[name] !== undefined || requests[name] !== undefined) any = true;
      if (limits[name] === undefined || (requests[name] !== undefined && requests[name] !== limits[name]))
        guaranteed = false;
    }
  }
  if (!any) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}
