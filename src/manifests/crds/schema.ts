/** Short words for structural schemas (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/). */
import type { Json, JsonObject } from "../json.ts";

export type Schema = JsonObject;

const dnsLabel = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const dnsName = `${dnsLabel}(\\.${dnsLabel})*`;

/** An object; names that end in `*` are required. */
export function object(members: Readonly<Record<string, Schema>>, more: JsonObject = {}): Schema {
  const required = Object.keys(members).filter((name) => name.endsWith("*"));
  const properties: JsonObject = {};
  for (const [name, schema] of Object.entries(members)) properties[name.replace(/\*$/, "")] = schema;
  return {
    type: "object",
    ...(required.length > 0 ? { required: required.map((name) => name.slice(0, -1)) } : {}),
    properties,
    ...more,
  };
}

export const array = (items: Schema, more: JsonObject = {}): Schema => ({ type: "array", items, ...more });

/** A list whose entries are told apart by these members. */
export const mapList = (keys: string[], items: Schema, more: JsonObject = {}): Schema =>
  array(items, { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys, ...more });

export const string = (more: JsonObject = {}): Schema => ({ type: "string", ...more });
export const text = (min: number, max: number, more: JsonObject = {}): Schema =>
  string({ minLength: min, maxLength: max, ...more });
export const boolean: Schema = { type: "boolean" };
export const integer = (format: "int32" | "int64", more: JsonObject = {}): Schema => ({
  type: "integer",
  format,
  ...more,
});
export const oneOf = (values: Json[], more: JsonObject = {}): Schema => string({ enum: values, ...more });

export const port: Schema = integer("int32", { minimum: 1, maximum: 65535 });
/** A port by number or name. */
export const intOrString: Schema = { "x-kubernetes-int-or-string": true };
/** Anything; for parts whose shape is recursive, which structural schemas can't say. */
export const anyObject: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
export const dateTime: Schema = string({ format: "date-time" });

export const group = (more: JsonObject = {}): Schema => string({ maxLength: 253, pattern: `^$|^${dnsName}$`, ...more });
export const kind = (more: JsonObject = {}): Schema =>
  text(1, 63, { pattern: "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$", ...more });
export const name: Schema = text(1, 253);
export const namespace: Schema = text(1, 63, { pattern: `^${dnsLabel}$` });
export const label: Schema = string({ pattern: `^${dnsLabel}$` });
export const hostname: Schema = text(1, 253, { pattern: `^${dnsName}$` });
export const wildcardHostname: Schema = text(1, 253, { pattern: `^(\\*\\.)?${dnsName}$` });
/** A mesh identity, `*`, or `*.` and the end of one. */
export const identityPattern: Schema = string({ pattern: `^(\\*|${dnsLabel})(\\.${dnsLabel})*$` });

/** A selector of labels; empty selects all. */
export const labelSelector = (more: JsonObject = {}): Schema =>
  object(
    {
      matchLabels: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      matchExpressions: array(
        object({
          "key*": string(),
          "operator*": oneOf(["In", "NotIn", "Exists", "DoesNotExist"]),
          values: array(string()),
        }),
      ),
    },
    more,
  );

/** Exactly one of these members. */
export const exactlyOne = (...members: string[]): JsonObject => ({
  oneOf: members.map((member) => ({ required: [member] })),
});

/** A rule in CEL (https://kubernetes.io/docs/reference/using-api/cel/) that the API server itself holds to, webhook or not. */
export const cel = (expression: string, message: string): JsonObject => ({ rule: expression, message });
export const holding = (...list: JsonObject[]): JsonObject => ({ "x-kubernetes-validations": list });

/** An address block and the parts of it that don't count. */
export const network: Schema = object({ "cidr*": string(), except: array(string()) });

const conditionType = text(1, 316, {
  pattern: `^(${dnsName}/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$`,
});
const conditionReason = text(1, 1024, { pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$" });

/** A status condition. `strict` asks for all members, as route statuses do. */
export function condition(strict: boolean): Schema {
  const star = strict ? "*" : "";
  return object({
    [`lastTransitionTime${star}`]: dateTime,
    [`message${star}`]: string({ maxLength: 32768 }),
    [`reason${star}`]: conditionReason,
    "status*": oneOf(["True", "False", "Unknown"]),
    "type*": conditionType,
    observedGeneration: integer("int64", { minimum: 0 }),
  });
}
