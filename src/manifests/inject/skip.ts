/** Whether a pod is injected, and if not, why. */
import { injectAnnotation, injectValues } from "./keys.ts";
import { allContainers, type PodSpec, type PodTemplate } from "./pod.ts";

/** Why a pod gets no proxy. The words are metric labels and appear in Events. */
export const skipReasons = {
  host_network_enabled: "hostNetwork is enabled",
  sidecar_already_exists: "pod has a sidecar injected already",
  unsupported_resource: "this resource kind is unsupported",
  injection_enable_annotation_absent: `neither the namespace nor the pod have the annotation "${injectAnnotation}:enabled"`,
  injection_disable_annotation_present: `pod has the annotation "${injectAnnotation}:disabled"`,
  invalid_inject_annotation_at_workload: `invalid value for annotation "${injectAnnotation}" at workload`,
  invalid_inject_annotation_at_ns: `invalid value for annotation "${injectAnnotation}" at namespace`,
  disabled_automount_service_account_token_account:
    'automountServiceAccountToken set to "false", with Values.identity.serviceAccountTokenProjection set to "false"',
} as const;

export type SkipReason = keyof typeof skipReasons;

/** The sentence of a warning that doesn't stop injection. */
export const udpWarning = "UDP port(s) configured on pod spec";

/** Where the annotation that decided was found; null when none did. */
export type DecidedAt = "namespace" | "workload" | null;

export interface Decision {
  /** Empty when the pod is to be injected. */
  readonly skip: readonly SkipReason[];
  readonly decidedAt: DecidedAt;
  /** "ingress" when the deciding annotation says so. */
  readonly mode: "enabled" | "ingress";
}

/** Facts beside the pod that decide. */
export interface DecisionContext {
  /** Annotations of the pod's namespace; empty for the command line, which sees only the file. */
  readonly namespaceAnnotations: Readonly<Record<string, string>>;
  /** The command line injects unless told not to; the webhook only where it is told to. */
  readonly origin: "webhook" | "cli";
  readonly tokenProjection: boolean;
}

export function decideInjection(pod: PodTemplate, context: DecisionContext): Decision {
  const spec = pod.spec ?? {};
  const annotation = pod.metadata?.annotations?.[injectAnnotation] ?? "";
  const byAnnotation = decideByAnnotation(annotation, context);
  const skip: SkipReason[] = [];
  if (spec.hostNetwork === true) skip.push("host_network_enabled");
  if (hasSidecar(spec)) skip.push("sidecar_already_exists");
  if (byAnnotation.reason !== null) skip.push(byAnnotation.reason);
  if (spec.automountServiceAccountToken === false && !context.tokenProjection) {
    skip.push("disabled_automount_service_account_token_account");
  }
  return { skip, decidedAt: byAnnotation.decidedAt, mode: byAnnotation.mode };
}

interface ByAnnotation {
  readonly reason: SkipReason | null;
  readonly decidedAt: DecidedAt;
  readonly mode: Decision["mode"];
}

/**
 * The pod's annotation wins over the namespace's; an unknown word at either place skips the pod and says where.
 * Ingress mode is the namespace's unless the pod has a word of its own.
 */
function decideByAnnotation(pod: string, { origin, namespaceAnnotations }: DecisionContext): ByAnnotation {
  const known = (word: string): boolean => word === "" || injectValues.some((value) => value === word);
  const no = (reason: SkipReason, decidedAt: DecidedAt): ByAnnotation => ({ reason, decidedAt, mode: "enabled" });
  const namespace = namespaceAnnotations[injectAnnotation] ?? "";
  if (!known(namespace)) return no("invalid_inject_annotation_at_ns", "namespace");
  if (!known(pod)) return no("invalid_inject_annotation_at_workload", "workload");
  if (pod === "disabled") return no("injection_disable_annotation_present", "workload");
  if (pod !== "") return { reason: null, decidedAt: "workload", mode: pod === "ingress" ? "ingress" : "enabled" };
  if (namespace === "enabled" || namespace === "ingress") {
    return { reason: null, decidedAt: "namespace", mode: namespace };
  }
  if (origin === "cli") return { reason: null, decidedAt: null, mode: "enabled" };
  return no("injection_enable_annotation_absent", namespace === "disabled" ? "namespace" : null);
}

/** Image name beginnings of this mesh's and of Istio's proxies, which can't share a pod. */
const sidecarImages = ["cr.l5d.io/linkerd/proxy:", "gcr.io/istio-release/proxyv2:"];
const initImages = ["cr.l5d.io/linkerd/proxy-init:", "gcr.io/istio-release/proxy_init:"];

export function hasSidecar(spec: PodSpec): boolean {
  const begins = (image: string | undefined, prefixes: readonly string[]): boolean =>
    prefixes.some((prefix) => image?.startsWith(prefix) === true);
  return (
    allContainers(spec).some(
      ({ name, image }) => name === "linkerd-proxy" || name === "istio-proxy" || begins(image, sidecarImages),
    ) ||
    (spec.initContainers ?? []).some(
      ({ name, image }) => name === "linkerd-init" || name === "istio-init" || begins(image, initImages),
    )
  );
}

/** Whether any container declares a UDP port: that traffic is not proxied. */
export function hasUdpPort(spec: PodSpec): boolean {
  return allContainers(spec).some(({ ports }) => (ports ?? []).some(({ protocol }) => protocol === "UDP"));
}
