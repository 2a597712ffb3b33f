/** Values that an older version, or Linkerd itself, stored and that this version does not know. */
import { isJsonObject, type Json, type JsonObject } from "#manifests/json.ts";
import { controlPlaneValues } from "#manifests/values/control-plane.ts";
import type { Field } from "#manifests/values/field.ts";

export interface KnownValues {
  readonly values: JsonObject;
  /** Paths of what was left out, such as "proxyInit.image". */
  readonly dropped: readonly string[];
}

/** Only what a user types now is worth an error; what was stored long ago must not keep anybody from upgrading. */
export function knownValues(stored: JsonObject): KnownValues {
  const dropped: string[] = [];
  return { values: keep(stored, controlPlaneValues.shape, "", dropped), dropped };
}

function keep(stored: JsonObject, shape: Field<Json>["shape"], path: string, dropped: string[]): JsonObject {
  if (shape.kind === "leaf") return stored;
  const kept: JsonObject = {};
  for (const [name, value] of Object.entries(stored)) {
    const at = path === "" ? name : `${path}.${name}`;
    const member = Object.hasOwn(shape.members, name) ? shape.members[name] : undefined;
    if (member === undefined) dropped.push(at);
    else kept[name] = isJsonObject(value) ? keep(value, member.shape, at, dropped) : value;
  }
  return kept;
}
