/** What one pod's proxy is to be like: the installation's values with the pod's annotations applied. */
import {
  orElse,
  text,
  unlessBare,
  unlessEmpty,
  type Expr,
  type Expressions,
  type Tree,
} from "../template/expression.ts";
import type { Resources, Values } from "../values.ts";
import type { VolumeMount } from "./pod.ts";

/** A control-plane component whose own proxy must reach it on localhost. */
export type ControlPlaneComponent = "linkerd-identity" | "linkerd-destination" | "linkerd-proxy-injector";

/** What the containers of a proxy are made from. The chart renders them with values that are not known yet. */
export interface ProxyView {
  readonly values: Expressions<Values>;
  /** The namespace of the control plane. */
  readonly controlPlaneNamespace: Expr<string>;
  /** Ports on which the pod listens, "8080,9990": the proxy fetches their policies before the first connection. */
  readonly podInboundPorts: string;
  /** Set for the control plane's own pods, null for all others. */
  readonly component: ControlPlaneComponent | null;
  /** The control plane's pods take the anchors from ConfigMap `linkerd-identity-trust-roots`, all others as literal text. */
  readonly trustBundleFromConfigMap: boolean;
  /** The pod's own ServiceAccount mount, used when identity tokens aren't projected. */
  readonly serviceAccountMount: VolumeMount | null;
}

/** The view of one application pod. */
export interface ProxySettings extends ProxyView {
  /** A private copy: annotations are applied by changing it. */
  readonly values: Values;
  podInboundPorts: string;
  debugSidecar: boolean;
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
export function proxyImage({ proxy, linkerdVersion }: Expressions<Values>): Expr<string> {
  return text`${proxy.image.name}:${orElse(proxy.image.version, linkerdVersion)}`;
}

export const proxyPullPolicy = ({ proxy, imagePullPolicy }: Expressions<Values>): Expr<string> =>
  orElse<string>(proxy.image.pullPolicy, imagePullPolicy);

/** Kubernetes' `resources` of our `{cpu: {limit, request}, …}`; nothing when nothing is set. */
export function containerResources(resources: Expressions<Resources>): Tree {
  const kinds = ["cpu", "memory", "ephemeral-storage"] as const;
  const of = (side: "limit" | "request"): Tree =>
    unlessBare(Object.fromEntries(kinds.map((kind) => [kind, unlessEmpty(resources[kind][side])])));
  return unlessBare({ limits: of("limit"), requests: of("request") });
}
