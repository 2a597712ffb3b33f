/** What one pod's proxy is to be like: the installation's values with the pod's annotations applied. */
import type { JsonObject } from "../json.ts";
import type { Values } from "../values.ts";
import type { VolumeMount } from "./pod.ts";

/** A control-plane component whose own proxy must reach it on localhost. */
export type ControlPlaneComponent = "linkerd-identity" | "linkerd-destination" | "linkerd-proxy-injector";

export interface ProxySettings {
  /** A private copy: annotations are applied by changing it. */
  readonly values: Values;
  /** The namespace of the control plane. */
  readonly controlPlaneNamespace: string;
  /** Ports on which the pod listens, "8080,9990": the proxy fetches their policies before the first connection. */
  podInboundPorts: string;
  debugSidecar: boolean;
  /** Set for the control plane's own pods, null for all others. */
  component: ControlPlaneComponent | null;
  /** The control plane's pods take the anchors from ConfigMap `linkerd-identity-trust-roots`, all others as literal text. */
  trustBundleFromConfigMap: boolean;
  /** The pod's own ServiceAccount mount, needed when identity tokens aren't projected. */
  serviceAccountMount: VolumeMount | null;
}

export function proxySettings(values: Values, controlPlaneNamespace: string): ProxySettings {
  return {
    values: structuredClone(values),
    controlPlaneNamespace,
    podInboundPorts: "",
    debugSidecar: false,
    component: null,
    trustBundleFromConfigMap: false,
    serviceAccountMount: null,
  };
}

/** `name:tag` of the proxy image. */
export function proxyImage(values: Values): string {
  return `${values.proxy.image.name}:${values.proxy.image.version || values.linkerdVersion}`;
}

export const proxyPullPolicy = (values: Values): string => values.proxy.image.pullPolicy || values.imagePullPolicy;

/** Kubernetes' `resources` of our `{cpu: {limit, request}, …}`; undefined when nothing is set. */
export function containerResources(resources: {
  readonly [kind: string]: { readonly limit: string; readonly request: string };
}): JsonObject | undefined {
  const limits: JsonObject = {};
  const requests: JsonObject = {};
  for (const [kind, { limit, request }] of Object.entries(resources)) {
    if (limit !== "") limits[kind] = limit;
    if (request !== "") requests[kind] = request;
  }
  const result: JsonObject = {};
  if (Object.keys(limits).length > 0) result["limits"] = limits;
  if (Object.keys(requests).length > 0) result["requests"] = requests;
  return Object.keys(result).length > 0 ? result : undefined;
}
