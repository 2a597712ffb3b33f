/** The parts of a pod that injection reads. Everything else passes through untouched, because injection answers patches. */
import type { Json } from "../json.ts";
import type { TreeObject } from "../template/expression.ts";

/** A pod, or the pod template of a workload. */
export interface PodTemplate {
  readonly metadata?: PodMetadata | null;
  readonly spec?: PodSpec | null;
}

export interface PodMetadata {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>> | null;
  readonly annotations?: Readonly<Record<string, string>> | null;
}

export interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly automountServiceAccountToken?: boolean;
  readonly initContainers?: readonly Container[] | null;
  readonly containers?: readonly Container[] | null;
  readonly volumes?: ReadonlyArray<{ readonly name?: string }> | null;
}

export interface Container {
  readonly name?: string;
  readonly image?: string;
  readonly ports?: readonly ContainerPort[] | null;
  readonly readinessProbe?: Probe | null;
  readonly livenessProbe?: Probe | null;
  readonly startupProbe?: Probe | null;
  readonly volumeMounts?: readonly VolumeMount[] | null;
}

export interface ContainerPort {
  readonly name?: string;
  readonly containerPort?: number;
  readonly protocol?: string;
}

export interface Probe {
  readonly httpGet?: { readonly port?: number | string } | null;
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
}

/** One step of a JSON patch (RFC 6902); only the operations that injection needs. */
export type PatchOp =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: Json }
  | { readonly op: "remove"; readonly path: string };

/** A container or volume as we make it. */
export type Part = TreeObject;

/** All containers in the order in which they start. */
export function allContainers(spec: PodSpec): readonly Container[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
}

/** A JSON pointer (RFC 6901) of these members. */
export function pointer(...members: ReadonlyArray<string | number>): string {
  return members.map((member) => `/${String(member).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
