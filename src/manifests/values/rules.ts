/** What must hold between values, and values that ask for what does not exist. The chart refuses the same with the same words. */
import { and, contains, equal, not, or, some, type Expr, type Expressions } from "../template/expression.ts";
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
    unsupported("enablePSP", values.enablePSP, "Kubernetes has no pod security policies since 1.25"),
    unsupported(
      "enablePprof",
      values.enablePprof,
      "the programs have no Go profiles; see /metrics of their admin ports",
    ),
    unsupported("controller.tracing.enabled", values.controller.tracing.enabled, "the controllers send no traces"),
  ];
}

/** Values that are read so that existing files work, but that nothing here could follow; said once, never silently. */
export interface IgnoredValue {
  readonly path: string;
  readonly why: string;
}

/** Which values of the user's (one layer, as given) have no effect. */
export const ignoredValues: readonly IgnoredValue[] = [
  { path: "disableHeartBeat", why: "nothing reports home here, whatever it says" },
  { path: "heartbeatSchedule", why: "there is no heartbeat" },
  { path: "heartbeatResources", why: "there is no heartbeat" },
  { path: "kubeAPI", why: "the controllers watch and do not poll, so that there is no client rate to limit" },
  { path: "identity.kubeAPI", why: "the controllers watch and do not poll, so that there is no client rate to limit" },
  { path: "partials", why: "it configures a library chart that is not used here" },
];
