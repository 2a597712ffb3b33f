/** From a storage key and an object back to the resource that the client wants. */
import type { ResourceRef } from "../api/resource-ref.ts";
import type { KubeObject } from "../store/object.ts";

/** `key` as `storageKey` makes it: "pods" or "deployments.apps". */
export function resourceOf(key: string, object: KubeObject): ResourceRef {
  const dot = key.indexOf(".");
  const version = object.apiVersion.slice(object.apiVersion.indexOf("/") + 1);
  return dot < 0
    ? { group: "", version, resource: key }
    : { group: key.slice(dot + 1), version, resource: key.slice(0, dot) };
}
