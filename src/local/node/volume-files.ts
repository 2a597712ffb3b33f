/** What a ConfigMap, Secret, downward API or projected volume contains. Pure, except for tokens, which the caller brings. */
import { MeshError } from "#lib/errors.ts";
import type { DownwardItem, KeyToPath, Pod, Volume, VolumeProjection } from "../types.ts";
import { fieldValue, resourceValue, type Capacity, type PodFacts, type References } from "./environment.ts";

export interface VolumeFile {
  readonly data: Buffer;
  readonly mode: number;
}

/** Files by relative path. */
export type VolumeFiles = Map<string, VolumeFile>;

export interface VolumeContext {
  readonly pod: Pod;
  readonly facts: PodFacts;
  readonly references: References;
  readonly capacity: Capacity;
  /** Tokens of projected serviceAccountToken sources, by path within the volume. */
  readonly tokens: ReadonlyMap<string, string>;
}

const defaultMode = 0o644;

function addKeyed(
  files: VolumeFiles,
  data: ReadonlyMap<string, Buffer>,
  items: readonly KeyToPath[] | undefined,
  options: { mode: number; optional: boolean; what: string },
): void {
  if (items === undefined || items.length === 0) {
    for (const [key, value] of data) files.set(key, { data: value, mode: options.mode });
    return;
  }
  for (const { key, path, mode } of items) {
    const value = data.get(key);
    if (value !== undefined) files.set(safePath(path), { data: value, mode: mode ?? options.mode });
    else if (!options.optional)
      throw new MeshError("not-found", `${options.what} references non-existent config key: ${key}`);
  }
}

/** Paths come from the pod: they must stay inside the volume. */
function safePath(path: string): string {
  if (
    path === "" ||
    path.startsWith("/") ||
    path.split("/").some((part) => part === ".." || part === "" || part === ".")
  ) {
    throw new MeshError("invalid-argument", `Path "${path}" does not stay inside the volume`);
  }
  return path;
}

function addConfigMap(
  files: VolumeFiles,
  source: { name: string; items?: KeyToPath[]; optional?: boolean },
  mode: number,
  context: VolumeContext,
): void {
  const object = context.references.configMap(source.name);
  if (object === null) {
    if (source.optional === true) return;
    throw new MeshError("not-found", `configmap "${source.name}" not found`);
  }
  const data = new Map<string, Buffer>();
  for (const [key, value] of Object.entries(object.data ?? {})) data.set(key, Buffer.from(value));
  for (const [key, value] of Object.entries(object.binaryData ?? {})) data.set(key, Buffer.from(value, "base64"));
  addKeyed(files, data, source.items, { mode, optional: source.optional === true, what: `configmap "${source.name}"` });
}

function addSecret(
  files: VolumeFiles,
  source: { name: string; items?: KeyToPath[]; optional?: boolean },
  mode: number,
  context: VolumeContext,
): void {
  const object = context.references.secret(source.name);
  if (object === null) {
    if (source.optional === true) return;
    throw new MeshError("not-found", `secret "${source.name}" not found`);
  }
  const data = new Map<string, Buffer>();
  for (const [key, value] of Object.entries(object.data ?? {})) data.set(key, Buffer.from(value, "base64"));
  addKeyed(files, data, source.items, { mode, optional: source.optional === true, what: `secret "${source.name}"` });
}

function addDownward(files: VolumeFiles, items: readonly DownwardItem[], mode: number, context: VolumeContext): void {
  for (const item of items) {
    const { pod, facts, capacity } = context;
    const [first] = pod.spec.containers;
    let text = "";
    if (item.fieldRef !== undefined) text = fieldValue(pod, facts, item.fieldRef.fieldPath);
    else if (item.resourceFieldRef !== undefined && first !== undefined)
      text = resourceValue(pod, first, item.resourceFieldRef, capacity);
    files.set(safePath(item.path), { data: Buffer.from(text), mode: item.mode ?? mode });
  }
}

function addProjection(files: VolumeFiles, source: VolumeProjection, mode: number, context: VolumeContext): void {
  if (source.configMap !== undefined) addConfigMap(files, source.configMap, mode, context);
  if (source.secret !== undefined) addSecret(files, source.secret, mode, context);
  if (source.downwardAPI !== undefined) addDownward(files, source.downwardAPI.items ?? [], mode, context);
  if (source.serviceAccountToken !== undefined) {
    const { path } = source.serviceAccountToken;
    const token = context.tokens.get(path);
    if (token === undefined) throw new MeshError("unavailable", `Token for "${path}" is not there yet`);
    files.set(safePath(path), { data: Buffer.from(token), mode });
  }
}

/** Kinds of volumes, as far as they are supported. */
export type VolumeKind = "files" | "emptyDir" | "hostPath" | { readonly unsupported: string };

export function volumeKind(volume: Volume): VolumeKind {
  if (volume.configMap ?? volume.secret ?? volume.downwardAPI ?? volume.projected) return "files";
  if (volume.hostPath !== undefined) return "hostPath";
  if (volume.emptyDir !== undefined) return "emptyDir";
  const source = Object.keys(volume).find((key) => key !== "name");
  // Kubernetes: a volume without a source is an emptyDir.
  return source === undefined ? "emptyDir" : { unsupported: source };
}

/** The files of a volume. Throws "not-found" when something that is needed is not there yet. */
export function volumeFiles(volume: Volume, context: VolumeContext): VolumeFiles {
  const files: VolumeFiles = new Map();
  if (volume.configMap !== undefined)
    addConfigMap(files, volume.configMap, volume.configMap.defaultMode ?? defaultMode, context);
  if (volume.secret !== undefined) {
    const { secretName, defaultMode: mode = defaultMode, ...rest } = volume.secret;
    addSecret(files, { ...rest, name: secretName }, mode, context);
  }
  if (volume.downwardAPI !== undefined) {
    addDownward(files, volume.downwardAPI.items ?? [], volume.downwardAPI.defaultMode ?? defaultMode, context);
  }
  if (volume.projected !== undefined) {
    for (const source of volume.projected.sources ?? [])
      addProjection(files, source, volume.projected.defaultMode ?? defaultMode, context);
  }
  return files;
}

/** The tokens that a pod's volumes need. */
export interface TokenNeed {
  readonly volume: string;
  readonly path: string;
  readonly audience: string | null;
  /** Seconds, at least 600 (Kubernetes' minimum). */
  readonly lifetime: number;
}

export function tokenNeeds(pod: Pod): TokenNeed[] {
  const needs: TokenNeed[] = [];
  for (const volume of pod.spec.volumes ?? []) {
    for (const source of volume.projected?.sources ?? []) {
      const token = source.serviceAccountToken;
      if (token === undefined) continue;
      needs.push({
        volume: volume.name,
        path: token.path,
        audience: token.audience ?? null,
        lifetime: Math.max(600, token.expirationSeconds ?? 3600),
      });
    }
  }
  return needs;
}

/** Names of the ConfigMaps and Secrets that a pod's volumes show. */
export function volumeReferences(pod: Pod): { configMaps: Set<string>; secrets: Set<string> } {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  for (const volume of pod.spec.volumes ?? []) {
    if (volume.configMap !== undefined) configMaps.add(volume.configMap.name);
    if (volume.secret !== undefined) secrets.add(volume.secret.secretName);
    for (const source of volume.projected?.sources ?? []) {
      if (source.configMap !== undefined) configMaps.add(source.configMap.name);
      if (source.secret !== undefined) secrets.add(source.secret.name);
    }
  }
  return { configMaps, secrets };
}
