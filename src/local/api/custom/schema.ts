/** Structural schemas of custom resources (Kubernetes "Extend the Kubernetes API with CustomResourceDefinitions"). */

/** The keywords that are read. CEL rules (x-kubernetes-validations) are kept and not evaluated. */
export interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly not?: Schema;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-validations"?: readonly unknown[];
}

export type Rec = Record<string, unknown>;

export function isRecord(value: unknown): value is Rec {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Removes fields that the schema doesn't have, in place, and collects their paths (at most 50). */
export function prune(schema: Schema, value: unknown, path: string, unknown: string[]): void {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items !== undefined)
      for (const [index, item] of value.entries()) prune(items, item, `${path}[${index}]`, unknown);
    return;
  }
  if (!isRecord(value)) return;
  const keep = schema["x-kubernetes-preserve-unknown-fields"] === true;
  for (const [key, child] of Object.entries(value)) {
    const at = path === "" ? key : `${path}.${key}`;
    const known = schema.properties?.[key];
    const extra = schema.additionalProperties;
    if (known !== undefined) prune(known, child, at, unknown);
    else if (isRecord(extra)) prune(extra as Schema, child, at, unknown);
    else if (extra !== true && !keep && !(schema["x-kubernetes-embedded-resource"] === true && isEmbedded(key))) {
      delete value[key];
      if (unknown.length < 50) unknown.push(at);
    }
  }
}

function isEmbedded(key: string): boolean {
  return key === "apiVersion" || key === "kind" || key === "metadata";
}

/** Fills defaults in place, at every depth that exists after the level above was filled. */
export function fillDefaults(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    if (schema.items !== undefined) for (const item of value) fillDefaults(schema.items, item);
    return;
  }
  if (!isRecord(value)) return;
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    const current = value[key];
    // A null that isn't allowed counts as absent where there is a default.
    const absent = current === undefined || (current === null && child.nullable !== true);
    if (absent && child.default !== undefined) value[key] = structuredClone(child.default);
    if (value[key] !== undefined) fillDefaults(child, value[key]);
  }
  const extra = schema.additionalProperties;
  if (!isRecord(extra)) return;
  for (const [key, child] of Object.entries(value)) {
    if (schema.properties?.[key] === undefined) fillDefaults(extra as Schema, child);
  }
}

/** True when any part of the schema has CEL rules. */
export function hasExpressions(schema: Schema, depth = 0): boolean {
  if (depth > 50) return false;
  if ((schema["x-kubernetes-validations"]?.length ?? 0) > 0) return true;
  const children = [
    ...Object.values(schema.properties ?? {}),
    ...(schema.items === undefined ? [] : [schema.items]),
    ...(isRecord(schema.additionalProperties) ? [schema.additionalProperties as Schema] : []),
  ];
  return children.some((child) => hasExpressions(child, depth + 1));
}
