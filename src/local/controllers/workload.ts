/** What the workload controllers have in common: ownership, selectors, templates, readiness. Pure. */
import type { KubeObject, NewObject, OwnerReference } from "../store/object.ts";
import type { Condition, LabelSelector, Pod, PodTemplate } from "../types.ts";

export interface Workload extends KubeObject {
  spec: {
    replicas?: number;
    selector?: LabelSelector;
    template: PodTemplate;
    minReadySeconds?: number;
    paused?: boolean;
    revisionHistoryLimit?: number;
    progressDeadlineSeconds?: number;
    strategy?: { type?: string; rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string } };
    updateStrategy?: { type?: string; rollingUpdate?: { partition?: number; maxUnavailable?: number | string } };
    podManagementPolicy?: string;
    serviceName?: string;
    volumeClaimTemplates?: unknown[];
  };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    readyReplicas?: number;
    availableReplicas?: number;
    conditions?: Condition[];
    [field: string]: unknown;
  };
}

/** Kubernetes: "Labels and Selectors". An absent selector matches nothing, an empty one everything. */
export function matchesSelector(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>> = {},
): boolean {
  if (selector === undefined) return false;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (labels[key] !== value) return false;
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const value = labels[key];
    if (operator === "Exists" && value === undefined) return false;
    if (operator === "DoesNotExist" && value !== undefined) return false;
    if (operator === "In" && (value === undefined || !values.includes(value))) return false;
    if (operator === "NotIn" && value !== undefined && values.includes(value)) return false;
  }
  return true;
}

/** The reference that makes `owner` the manager of a new object. */
export function controllerReference(owner: KubeObject): OwnerReference {
  const { name, uid } = owner.metadata;
  return { apiVersion: owner.apiVersion, kind: owner.kind, name, uid, controller: true, blockOwnerDeletion: true };
}

export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(({ controller }) => controller === true);
}

export function ownedBy(object: KubeObject, owner: KubeObject): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

/** Neither over nor on its way out. */
export function isActive(pod: Pod): boolean {
  return (
    pod.metadata.deletionTimestamp === undefined && pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed"
  );
}

export function readyCondition(pod: Pod): Condition | undefined {
  return pod.status?.conditions?.find(({ type }) => type === "Ready");
}

export function isReady(pod: Pod): boolean {
  return readyCondition(pod)?.status === "True";
}

/** Ready for `minReadySeconds`. @returns ms until then (0: available now), or null when it isn't ready. */
export function availableIn(pod: Pod, minReadySeconds: number, now: number): number | null {
  const ready = readyCondition(pod);
  if (ready?.status !== "True") return null;
  if (minReadySeconds === 0) return 0;
  const since = Date.parse(ready.lastTransitionTime ?? "");
  return Math.max(0, since + minReadySeconds * 1000 - now);
}

/** The letters that Kubernetes uses in generated names: none that make words. */
const alphabet = "bcdfghjklmnpqrstvwxz2456789";

/** A short stable name part for a value, independent of the order of its keys. */
export function shortHash(value: unknown, length = 10): string {
  const bytes = new Bun.CryptoHasher("sha256").update(stable(value)).digest();
  return Array.from(bytes.subarray(0, length), (byte) => alphabet.charAt(byte % alphabet.length)).join("");
}

function stable(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stable).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).filter(([, child]) => child !== undefined);
  return `{${entries
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, child]) => `${JSON.stringify(key)}:${stable(child)}`)
    .join(",")}}`;
}

/** A pod of a template. `extra` adds labels; `name` names it exactly, else its name starts with `prefix`. */
export function podFromTemplate(
  owner: KubeObject,
  template: PodTemplate,
  options: { prefix?: string; name?: string; labels?: Record<string, string>; annotations?: Record<string, string> },
): NewObject & { spec: PodTemplate["spec"] } {
  const { metadata = {} } = template;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...(options.name === undefined
        ? { generateName: options.prefix ?? `${owner.metadata.name}-` }
        : { name: options.name }),
      namespace: owner.metadata.namespace ?? "",
      labels: { ...metadata.labels, ...options.labels },
      annotations: { ...metadata.annotations, ...options.annotations },
      ...(metadata.finalizers === undefined ? {} : { finalizers: [...metadata.finalizers] }),
      ownerReferences: [controllerReference(owner)],
    },
    spec: structuredClone(template.spec),
  };
}

/** "25%" or 1 of `total`. Surge is rounded up, unavailability down (Kubernetes: Deployments). */
export function countOf(
  value: number | string | undefined,
  total: number,
  fallback: number | string,
  round: "up" | "down",
): number {
  const given = value ?? fallback;
  if (typeof given === "number") return given;
  const percent = Number.parseFloat(given);
  const exact = given.endsWith("%") ? (percent * total) / 100 : percent;
  return round === "up" ? Math.ceil(exact) : Math.floor(exact);
}

/** Sets a condition, keeping its transition time when the status stays. `now` is RFC 3339. */
export function withCondition(
  conditions: readonly Condition[],
  next: Omit<Condition, "lastTransitionTime">,
  now: string,
): Condition[] {
  const old = conditions.find(({ type }) => type === next.type);
  if (old !== undefined && old.status === next.status && old.reason === next.reason && old.message === next.message)
    return [...conditions];
  const lastTransitionTime = old?.status === next.status ? (old.lastTransitionTime ?? now) : now;
  const entry: Condition = { ...next, lastTransitionTime };
  return [...conditions.filter(({ type }) => type !== next.type), entry];
}
