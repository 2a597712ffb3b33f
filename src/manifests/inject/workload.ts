/** Where the pod is in each kind of object that can be injected. */
import type { Json, JsonObject } from "../json.ts";
import { isJsonObject } from "../json.ts";
import type { PodTemplate } from "./pod.ts";

/** The path from an object to its pod, by kind in lower case. "" is the object itself. */
const podPaths: Readonly<Record<string, readonly string[]>> = {
  pod: [],
  deployment: ["spec", "template"],
  replicationcontroller: ["spec", "template"],
  replicaset: ["spec", "template"],
  job: ["spec", "template"],
  daemonset: ["spec", "template"],
  statefulset: ["spec", "template"],
  cronjob: ["spec", "jobTemplate", "spec", "template"],
};

/** Kinds without a pod that still carry annotations for the mesh. */
export const annotatableKinds = ["namespace", "service"];

/** Whether a kind (as {@link kindOf} gives it) can be injected or annotated. */
export const isSupportedKind = (kind: string): boolean =>
  Object.hasOwn(podPaths, kind) || annotatableKinds.includes(kind);

/** API groups that use these kinds' names for something else must not be touched. */
const groups: Readonly<Record<string, readonly string[]>> = {
  pod: [""],
  replicationcontroller: [""],
  namespace: [""],
  service: [""],
  deployment: ["apps", "extensions"],
  replicaset: ["apps", "extensions"],
  daemonset: ["apps", "extensions"],
  statefulset: ["apps"],
  job: ["batch"],
  cronjob: ["batch"],
};

/** Kind in lower case, for messages and look-ups; "" when the object doesn't say. A namesake of another API group keeps its group. */
export function kindOf(object: JsonObject): string {
  const kind = typeof object["kind"] === "string" ? object["kind"].toLowerCase() : "";
  const apiVersion = typeof object["apiVersion"] === "string" ? object["apiVersion"] : "";
  const group = apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
  const allowed = groups[kind];
  // Without apiVersion the kind alone decides: the API server will complain about the rest.
  if (allowed === undefined || apiVersion === "" || allowed.includes(group)) return kind;
  return `${kind}.${group}`;
}

/** The object's name, or what it is generated from; "" when it has none. */
export function nameOf(object: JsonObject): string {
  const metadata = object["metadata"];
  if (!isJsonObject(metadata)) return "";
  const name = metadata["name"] ?? metadata["generateName"];
  return typeof name === "string" ? name : "";
}

export function namespaceOf(object: JsonObject): string {
  const metadata = object["metadata"];
  return isJsonObject(metadata) && typeof metadata["namespace"] === "string" ? metadata["namespace"] : "";
}

export interface FoundPod {
  readonly pod: PodTemplate;
  /** Members from the object to the pod. */
  readonly path: readonly string[];
  /** The same as a JSON pointer. */
  readonly prefix: string;
}

/** The pod in an object, or null when its kind has none. */
export function findPod(object: JsonObject): FoundPod | null {
  const path = podPaths[kindOf(object)];
  if (path === undefined) return null;
  let at: Json | undefined = object;
  for (const member of path) at = isJsonObject(at) ? at[member] : undefined;
  if (!isJsonObject(at) || !isJsonObject(at["spec"])) return null;
  return { pod: at as PodTemplate, path, prefix: path.map((member) => `/${member}`).join("") };
}
