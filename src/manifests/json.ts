/** JSON as data: what manifests, values and patches are made of. */
import { MeshError } from "#lib/errors.ts";

export type Json = null | boolean | number | string | Json[] | JsonObject;

/** A JSON object; members that are `undefined` are left out when it is printed. */
export interface JsonObject {
  [member: string]: Json | undefined;
}

/** Anything the Kubernetes API takes: an object with a type, a name and the rest. */
export interface Manifest extends JsonObject {
  apiVersion: string;
  kind: string;
  metadata: ManifestMetadata;
}

export interface ManifestMetadata extends JsonObject {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Names that would reach an object's prototype instead of its members. */
const forbidden = new Set(["__proto__", "constructor", "prototype"]);

/** Throws when a member name could change a prototype: for names that come from users. */
export function assertMemberName(name: string): void {
  if (forbidden.has(name)) throw new MeshError("invalid-argument", `The name "${name}" is not allowed in an object`);
}

/** A deep copy without `undefined` members, so that two values that print alike compare alike. */
export function compact(value: Json | undefined): Json {
  if (value === undefined) return null;
  if (Array.isArray(value)) return value.map(compact);
  if (!isJsonObject(value)) return value;
  const result: JsonObject = {};
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined) result[name] = compact(member);
  }
  return result;
}

/**
 * Lays `overlay` over `base` as Helm lays value files over one another: objects are merged member by member, everything
 * else (lists too) is replaced, `null` removes a member. Neither argument is changed.
 */
export function mergeJson(base: Json | undefined, overlay: Json): Json {
  if (!isJsonObject(base) || !isJsonObject(overlay)) return overlay;
  const result: JsonObject = { ...base };
  for (const [name, member] of Object.entries(overlay)) {
    assertMemberName(name);
    if (member === undefined) continue;
    if (member === null) delete result[name];
    else result[name] = mergeJson(result[name], member);
  }
  return result;
}
