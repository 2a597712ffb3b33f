/** Pieces that the charts have in common: metadata, values with their descriptions, schemas. */
import type { Json, JsonObject } from "../json.ts";
import { isJsonObject, mergeJson } from "../json.ts";
import { defaultsOf, jsonSchema, type Field } from "../values/field.ts";
import { yamlOf } from "../yaml.ts";

/** The files of a chart by their paths inside of its folder. */
export interface ChartFiles {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
}

/** Stands above everything that is generated. */
export const templateHeader =
  "Made from src/manifests by UPDATE_GOLDEN=1 sh scripts/bun test src/manifests/charts; edit the source";

export function chartYaml(name: string, version: string, description: string): string {
  return yamlOf({
    apiVersion: "v2",
    name,
    version,
    appVersion: version,
    type: "application",
    description,
    // policy/v1 is there from 1.21 on. Clusters before 1.29 have no native sidecars: proxy.nativeSidecar=false.
    kubeVersion: ">=1.21.0-0",
    keywords: ["service-mesh", "mtls", "linkerd"],
    annotations: {
      "artifacthub.io/license": "Apache-2.0",
      "artifacthub.io/category": "networking",
      "artifacthub.io/prerelease": "true",
    },
  });
}

/** Path of a value → what it does, in one line. */
export type Descriptions = Readonly<Record<string, string>>;

/** A values file: the defaults of a field, or a preset as it is, with a comment above each value that has a description. */
export function valuesText(
  values: Field<Json> | JsonObject,
  options: { readonly title: string; readonly descriptions: Descriptions; readonly changed?: JsonObject },
): string {
  const defaults = "read" in values && "shape" in values ? defaultsOf(values as Field<Json>) : (values as JsonObject);
  const data = mergeJson(defaults, options.changed ?? {}) as JsonObject;
  for (const path of Object.keys(options.descriptions)) {
    if (valueAt(data, path) === undefined) throw new Error(`There is no value "${path}" to describe`);
  }
  const lines = [`# ${options.title}`, `# ${templateHeader}.`, ""];
  for (const [name, member] of Object.entries(data))
    lines.push(...memberText(name, member ?? null, "", "", options.descriptions));
  return `${lines.join("\n")}\n`;
}

function valueAt(data: Json, path: string): Json | undefined {
  return path.split(".").reduce<Json | undefined>((at, name) => (isJsonObject(at) ? at[name] : undefined), data);
}

function memberText(name: string, member: Json, path: string, indent: string, descriptions: Descriptions): string[] {
  const at = path === "" ? name : `${path}.${name}`;
  const description = descriptions[at];
  const comment = description === undefined ? [] : [`${indent}# ${description}`];
  const described = Object.keys(descriptions).some((other) => other.startsWith(`${at}.`));
  if (described && isJsonObject(member)) {
    const inner = Object.entries(member).flatMap(([inside, value]) =>
      memberText(inside, value ?? null, at, `${indent}  `, descriptions),
    );
    return [...comment, `${indent}${name}:`, ...inner];
  }
  const text = yamlOf({ [name]: member }).trimEnd();
  return [...comment, ...text.split("\n").map((line) => `${indent}${line}`)];
}

/** `values.schema.json`: what Helm refuses before it renders. */
export function schemaText(field: Field<Json>): string {
  const schema = jsonSchema(field);
  const properties = { ...(schema["properties"] as JsonObject), global: { type: "object" } };
  return `${JSON.stringify({ $schema: "http://json-schema.org/draft-07/schema#", ...schema, properties }, null, 2)}\n`;
}
