/** The resources that are served right now: built-in ones, and custom ones as their definitions come and go. */
import type { ResourceInfo } from "./resource-info.ts";
import type { ResourceRef } from "./resource-ref.ts";
import { StatusError } from "./status-error.ts";

/** Kinds that a manifest may name and that this cluster refuses, with the reason that the user reads. */
export interface RefusedResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly why: string;
}

const pathKey = (group: string, version: string, resource: string): string => `${group}/${version}/${resource}`;

export class Catalog {
  private readonly byPath = new Map<string, ResourceInfo>();
  private readonly refusedByPath = new Map<string, RefusedResource>();
  /** Counts changes, so that discovery and OpenAPI documents can be cached. */
  generation = 0;

  constructor(builtin: readonly ResourceInfo[], refused: readonly RefusedResource[] = []) {
    for (const info of builtin) this.byPath.set(pathKey(info.group, info.version, info.resource), info);
    for (const entry of refused) this.refusedByPath.set(pathKey(entry.group, entry.version, entry.resource), entry);
  }

  find(group: string, version: string, resource: string): ResourceInfo | null {
    return this.byPath.get(pathKey(group, version, resource)) ?? null;
  }

  /** As {@link find}, but a resource that isn't served is a thrown 404, or 501 when it is refused on purpose. */
  require({ group, version, resource }: ResourceRef): ResourceInfo {
    const info = this.find(group, version, resource);
    if (info !== null) return info;
    const refused = this.refusedByPath.get(pathKey(group, version, resource));
    if (refused !== undefined) throw new StatusError("NotImplemented", refused.why, { group, kind: resource });
    throw new StatusError("NotFound", "the server could not find the requested resource", { group, kind: resource });
  }

  /** Any served version of the kind, or null. */
  findKind(group: string, kind: string): ResourceInfo | null {
    for (const info of this.byPath.values()) if (info.group === group && info.kind === kind) return info;
    return null;
  }

  /** Any served version of what the store calls `key`, or null. */
  findKey(key: string): ResourceInfo | null {
    for (const info of this.byPath.values()) if (info.key === key) return info;
    return null;
  }

  all(): ResourceInfo[] {
    return [...this.byPath.values()];
  }

  refused(): RefusedResource[] {
    return [...this.refusedByPath.values()];
  }

  /** Replaces the custom resources of one definition (its storage key) by `infos`; an empty list removes them. */
  setCustom(key: string, infos: readonly ResourceInfo[]): void {
    for (const [path, info] of this.byPath) if (info.custom && info.key === key) this.byPath.delete(path);
    for (const info of infos) this.byPath.set(pathKey(info.group, info.version, info.resource), info);
    this.generation++;
  }
}
