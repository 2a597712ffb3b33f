/** JSON schemas for kubeconform, made from the OpenAPI document that is part of Kubernetes' own sources. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject, type Json, type JsonObject } from "../json.ts";

interface Definition extends JsonObject {
  "x-kubernetes-group-version-kind"?: Array<{ group: string; version: string; kind: string }>;
}

/**
 * Writes one file for each kind, named as kubeconform looks for it: "deployment-apps-v1.json". Members that the API does not
 * know are refused: the API server would drop them without a word.
 */
export function writeSchemas(swaggerFile: string, folder: string, kinds: ReadonlySet<string>): void {
  const { definitions } = JSON.parse(readFileSync(swaggerFile, "utf8")) as { definitions: Record<string, Definition> };
  mkdirSync(folder, { recursive: true });
  for (const [name, definition] of Object.entries(definitions)) {
    for (const { group, version, kind } of definition["x-kubernetes-group-version-kind"] ?? []) {
      if (!kinds.has(kind)) continue;
      const suffix = group === "" ? version : `${group.split(".")[0]}-${version}`;
      const schema = { $ref: `#/definitions/${name}`, definitions: reachable(name, definitions) };
      writeFileSync(join(folder, `${kind.toLowerCase()}-${suffix}.json`), JSON.stringify(schema));
    }
  }
}

/** The definition and all that it refers to, made strict. */
function reachable(start: string, definitions: Record<string, Definition>): JsonObject {
  const result: JsonObject = {};
  const visit = (name: string): void => {
    if (result[name] !== undefined) return;
    const strict = strictly(definitions[name] ?? {});
    result[name] = strict;
    for (const [, found = ""] of JSON.stringify(strict).matchAll(/"#\/definitions\/([^"]+)"/g)) visit(found);
  };
  visit(start);
  return result;
}

function strictly(definition: JsonObject): JsonObject {
  if (definition["format"] === "int-or-string") return { type: ["string", "integer"] };
  // Free-form parts (a CRD's schemas, raw objects) have no members of their own.
  if (!isJsonObject(definition["properties"])) return definition;
  return { ...definition, additionalProperties: false };
}

/** Kinds of a list of objects. */
export const kindsOf = (objects: readonly Json[]): Set<string> =>
  new Set(objects.map((object) => String(isJsonObject(object) ? object["kind"] : "")));
