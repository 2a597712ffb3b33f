/** What must hold between values, and values that ask for what does not exist. The chart refuses the same with the same words. */
import { and, contains, equal, not, or, some, type Expr, type Expressions } from "../template/expression.ts";
import { isJsonObject, type Json } from "../json.ts";
import type { Values } from "./control-plane.ts";

export interface ValueRule {
  readonly holds: Expr<boolean>;
  readonly message: string;
}

export function valueRules(values: Expressions<Values>): ValueRule[] {
  const { proxyInit, proxy, identity, certManager } = values;
  const { collector } = proxy.tracing;
  const unsupported = (path: string, asked: Expr<boolean>, why: string): ValueRule => ({
    holds: not(asked),
    message: `Value "${path}" is true, but ${why}; leave it false`,
  });
  return [
    {
      holds: or(not(some(proxyInit.closeWaitTimeoutSecs)), proxyInit.runAsRoot),
      message: `Value "proxyInit.closeWaitTimeoutSecs" needs "proxyInit.runAsRoot" to be true`,
    },
    {
      holds: or(
        not(proxy.tracing.enabled),
        and(
          some(collector.endpoint),
          some(collector.meshIdentity.serviceAccountName),
          some(collector.meshIdentity.namespace),
        ),
      ),
      message: `Value "proxy.tracing.enabled" needs "proxy.tracing.collector.endpoint" and the names in "proxy.tracing.collector.meshIdentity"`,
    },
    {
      holds: or(not(certManager.enabled), and(identity.externalCA, equal(identity.issuer.scheme, "kubernetes.io/tls"))),
      message: `Value "certManager.enabled" needs "identity.externalCA" to be true and "identity.issuer.scheme" to be "kubernetes.io/tls"`,
    },
    ...(["controller", "serviceMirror", "proxy"] as const).map((target) => ({
      holds: not(contains(values.podMonitor[target].namespaceSelector, "{{")),
      message: `Value "podMonitor.${target}.namespaceSelector" has a template; write the YAML of a namespace selector as it is to be`,
    })),
    {
      holds: values.enableEndpointSlices,
      message: `Value "enableEndpointSlices" is false, but the controllers read EndpointSlices only; leave it true`,
    },
    unsupported("enablePSP", values.enablePSP, "Kubernetes has no pod security policies since 1.25"),
    unsupported(
      "enablePprof",
      values.enablePprof,
      "the programs have no Go profiles; see /metrics of their admin ports",
    ),
    unsupported("controller.tracing.enabled", values.controller.tracing.enabled, "the controllers send no traces"),
  ];
}

/** A value that is read so that existing files work, but that nothing here could follow; it is said, never silent. */
export interface IgnoredValue {
  readonly path: string;
  readonly why: string;
}

const noRate = "the controllers watch and do not poll, so that there is no client rate to limit";

export const ignoredValues: readonly IgnoredValue[] = [
  { path: "disableHeartBeat", why: "nothing reports home here, whatever it says" },
  { path: "heartbeatSchedule", why: "there is no heartbeat" },
  { path: "heartbeatResources", why: "there is no heartbeat" },
  { path: "prometheusUrl", why: "only the heartbeat asked Prometheus; for viz it is a value of viz" },
  { path: "kubeAPI", why: noRate },
  { path: "identity.kubeAPI", why: noRate },
  { path: "controller.tracing", why: "the controllers send no traces" },
  { path: "policyController.image", why: "its program is a part of the controllers' image" },
  { path: "proxyInit.image", why: "its program is a part of the proxy's image" },
  { path: "proxyInit.resources", why: "the init container has those of the proxy" },
  { path: "proxyInit.iptablesMode", why: "the rules go to the kernel directly, without iptables" },
  { path: "partials", why: "it configures a library chart that is not used here" },
];

/** Which of the values that somebody set (all layers as one) have no effect. */
export function ignoredSettings(user: Json): IgnoredValue[] {
  return ignoredValues.filter(({ path }) => {
    let at: Json | undefined = user;
    for (const name of path.split(".")) at = isJsonObject(at) ? at[name] : undefined;
    return at !== undefined && at !== null;
  });
}
