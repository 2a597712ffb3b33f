/** Pod in, JSON patch out: the one place that decides what an injected pod looks like. */
import { createHash } from "node:crypto";
import type { Values } from "../values.ts";
import { applyAnnotations, inheritedAnnotations } from "./annotations.ts";
import {
  debugContainerOf,
  initContainerOf,
  proxyContainerOf,
  proxyVolumes,
  validatorContainerOf,
} from "./containers.ts";
import {
  additionalEnvAnnotation,
  controlPlaneNsLabel,
  createdByAnnotation,
  defaultContainerAnnotation,
  opaquePortsAnnotation,
  ownerLabels,
  proxyVersionAnnotation,
  serviceAccountMountPath,
  trustRootAnnotation,
  workloadNsLabel,
} from "./keys.ts";
import { plain, type Tree } from "../template/expression.ts";
import { pointer, type PatchOp, type PodTemplate, type VolumeMount } from "./pod.ts";
import { namedPorts, podInboundPorts, podOpaquePorts } from "./ports.ts";
import { proxySettings, type ProxySettings } from "./settings.ts";
import { decideInjection, hasUdpPort, udpWarning, type Decision, type DecidedAt, type SkipReason } from "./skip.ts";

/** What injection needs to know beside the pod. */
export interface InjectContext {
  readonly values: Values;
  readonly controlPlaneNamespace: string;
  readonly origin: "webhook" | "cli";
  /** Annotations of the pod's namespace; none on the command line. */
  readonly namespaceAnnotations: Readonly<Record<string, string>>;
  /** The pod's namespace; "" on the command line when the file doesn't say. */
  readonly namespace: string;
  /** The workload that the pod belongs to at the top (a Deployment, not its ReplicaSet); null for a bare pod. */
  readonly owner: { readonly kind: string; readonly name: string } | null;
  /** Who injects, for the annotation `linkerd.io/created-by`: "linkerd/proxy-injector VERSION". */
  readonly createdBy: string;
  /** Names the pod or workload in messages: "deployment/web". */
  readonly object: string;
  /** More annotations to write, from command-line flags; they count like the pod's own. */
  readonly extraAnnotations?: Readonly<Record<string, string>>;
  /** Ingress mode whatever the annotations say: `linkerd inject --manual --ingress`. */
  readonly ingress?: boolean;
}

export type InjectResult =
  | {
      readonly kind: "injected";
      readonly patch: readonly PatchOp[];
      readonly decidedAt: DecidedAt;
      readonly warnings: readonly string[];
    }
  | { readonly kind: "skipped"; readonly reasons: readonly SkipReason[]; readonly decidedAt: DecidedAt };

/**
 * The patch that adds the proxy to a pod (paths begin with `prefix`, "" for a pod, "/spec/template" for a Deployment).
 * Throws "invalid-argument" for an annotation that can't be understood.
 */
export function injectPod(pod: PodTemplate, context: InjectContext, prefix = ""): InjectResult {
  const decision = decideInjection(pod, {
    namespaceAnnotations: context.namespaceAnnotations,
    origin: context.origin,
    tokenProjection: context.values.identity.serviceAccountTokenProjection,
  });
  if (decision.skip.length > 0) return { kind: "skipped", reasons: decision.skip, decidedAt: decision.decidedAt };
  const written = writtenAnnotations(pod, context);
  const settings = settingsOf(pod, context, written, decision);
  const patch = [...metadataPatch(pod, context, settings, written, prefix), ...specPatch(pod, settings, prefix)];
  const warnings = hasUdpPort(pod.spec ?? {}) ? [udpWarning] : [];
  return { kind: "injected", patch, decidedAt: decision.decidedAt, warnings };
}

/** Configuration that the pod gets written. */
interface Written {
  /** Taken over from the namespace, because the pod has none of its own. */
  readonly inherited: Readonly<Record<string, string>>;
  /** From flags, and the opaque ports that the pod declares. */
  readonly added: Readonly<Record<string, string>>;
}

function writtenAnnotations(pod: PodTemplate, context: InjectContext): Written {
  const own = pod.metadata?.annotations ?? {};
  const inherited: Record<string, string> = {};
  for (const name of inheritedAnnotations) {
    const value = context.namespaceAnnotations[name];
    if (value !== undefined && own[name] === undefined) inherited[name] = value;
  }
  const added: Record<string, string> = { ...context.extraAnnotations };
  if (context.origin === "webhook" && { ...own, ...inherited, ...added }[opaquePortsAnnotation] === undefined) {
    const ports = podOpaquePorts(pod.spec ?? {}, context.values.proxy.opaquePorts);
    if (ports !== "") added[opaquePortsAnnotation] = ports;
  }
  return { inherited, added };
}

function settingsOf(pod: PodTemplate, context: InjectContext, written: Written, decision: Decision): ProxySettings {
  const settings = proxySettings(context.values, context.controlPlaneNamespace);
  const spec = pod.spec ?? {};
  const names = namedPorts(spec);
  settings.podInboundPorts = podInboundPorts(spec);
  settings.serviceAccountMount = serviceAccountMount(pod, settings);
  if (decision.mode === "ingress" || context.ingress === true) settings.values.proxy.isIngress = true;
  // The namespace's environment variables are merged with the pod's own, not replaced by them.
  const inherited = { ...written.inherited };
  const env = context.namespaceAnnotations[additionalEnvAnnotation];
  if (env !== undefined) inherited[additionalEnvAnnotation] = env;
  applyAnnotations(settings, inherited, names, `namespace/${context.namespace}`);
  applyAnnotations(settings, { ...pod.metadata?.annotations, ...written.added }, names, context.object);
  return settings;
}

function serviceAccountMount(pod: PodTemplate, { values }: ProxySettings): VolumeMount | null {
  if (values.identity.serviceAccountTokenProjection) return null;
  const mounts = pod.spec?.containers?.[0]?.volumeMounts ?? [];
  return mounts.find(({ mountPath }) => mountPath === serviceAccountMountPath) ?? null;
}

function metadataPatch(
  pod: PodTemplate,
  context: InjectContext,
  { values }: ProxySettings,
  written: Written,
  prefix: string,
): PatchOp[] {
  const annotations: Record<string, string> = {
    ...written.inherited,
    ...written.added,
    [createdByAnnotation]: context.createdBy,
    [proxyVersionAnnotation]: values.proxy.image.version || values.linkerdVersion,
    [trustRootAnnotation]: createHash("sha256").update(values.identityTrustAnchorsPEM).digest("hex"),
  };
  // With the proxy in front, kubectl's `logs` and `exec` would pick it instead of the application.
  const first = pod.spec?.containers?.[0]?.name;
  const proxyFirst = !values.proxy.nativeSidecar && values.proxy.await;
  if (proxyFirst && first !== undefined && pod.metadata?.annotations?.[defaultContainerAnnotation] === undefined) {
    annotations[defaultContainerAnnotation] = first;
  }
  const labels: Record<string, string> = { [controlPlaneNsLabel]: context.controlPlaneNamespace };
  const ownerLabel = context.owner === null ? undefined : ownerLabels[context.owner.kind.toLowerCase()];
  if (context.owner !== null && ownerLabel !== undefined) labels[ownerLabel] = labelValue(context.owner.name);
  if (context.namespace !== "") labels[workloadNsLabel] = context.namespace;
  return addToMetadata(pod.metadata, { annotations, labels }, prefix);
}

/** Label values end at 63 characters, names of owners at 253. */
function labelValue(name: string): string {
  return name.slice(0, 63).replace(/[^A-Za-z0-9]+$/, "");
}

/** Adds annotations and labels one by one, so that others' entries stay where they are. */
export function addToMetadata(
  metadata: PodTemplate["metadata"],
  added: {
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  },
  prefix: string,
): PatchOp[] {
  const patch: PatchOp[] = [];
  const sets = (["annotations", "labels"] as const).filter((set) => Object.keys(added[set] ?? {}).length > 0);
  if (sets.length === 0) return [];
  if (metadata === undefined || metadata === null) patch.push({ op: "add", path: `${prefix}/metadata`, value: {} });
  for (const set of sets) {
    const existing = metadata?.[set];
    if (existing === undefined || existing === null) {
      patch.push({ op: "add", path: `${prefix}/metadata/${set}`, value: {} });
    }
    for (const [name, value] of Object.entries(added[set] ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const op = existing?.[name] === undefined ? "add" : "replace";
      if (existing?.[name] !== value) patch.push({ op, path: `${prefix}/metadata/${set}${pointer(name)}`, value });
    }
  }
  return patch;
}

function specPatch(pod: PodTemplate, settings: ProxySettings, prefix: string): PatchOp[] {
  const { values } = settings;
  const spec = pod.spec ?? {};
  const patch: PatchOp[] = [];
  const ensureList = (name: "volumes" | "initContainers" | "containers"): void => {
    if (!Array.isArray(spec[name])) patch.push({ op: "add", path: `${prefix}/spec/${name}`, value: [] });
  };
  const add = (list: string, at: number | "-", value: Tree): void => {
    patch.push({ op: "add", path: `${prefix}/spec/${list}/${at}`, value: plain(value) });
  };
  ensureList("volumes");
  for (const volume of proxyVolumes(settings)) if (volume !== undefined) add("volumes", "-", volume);
  ensureList("initContainers");
  const redirect = values.cniEnabled ? validatorContainerOf(settings) : initContainerOf(settings);
  if (values.proxy.nativeSidecar) {
    // In front of the pod's own init containers, so that their traffic is proxied, too.
    add("initContainers", 0, redirect);
    add("initContainers", 1, proxyContainerOf(settings));
  } else {
    // Behind them: until the proxy runs, redirected traffic would go nowhere.
    add("initContainers", "-", redirect);
    ensureList("containers");
    add("containers", values.proxy.await ? 0 : "-", proxyContainerOf(settings));
  }
  if (settings.debugSidecar) add("containers", "-", debugContainerOf(settings));
  return patch;
}
