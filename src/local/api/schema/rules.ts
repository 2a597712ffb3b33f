/** Defaults, required fields and closed word lists, all read from the notation. */
import type { StatusCause } from "../status-error.ts";
import { notSupported, required } from "../validation/causes.ts";
import type { Field, FieldType, Types } from "./notation.ts";

type Rec = Record<string, unknown>;

/** Fills defaults into `value` in place, at every depth where an object of a type is present. */
export function applyDefaults(types: Types, name: string, value: Rec): void {
  for (const field of types.get(name)?.fields.values() ?? []) {
    if (value[field.name] === undefined && field.fallback !== undefined) value[field.name] = field.fallback;
    const child = value[field.name];
    if (child !== undefined) defaultsOf(types, field.type, child);
  }
}

function defaultsOf(types: Types, type: FieldType, value: unknown): void {
  if (type.kind === "object") applyDefaults(types, type.name, value as Rec);
  else if (type.kind === "list") for (const item of value as unknown[]) defaultsOf(types, type.item, item);
  else if (type.kind === "map") for (const item of Object.values(value as Rec)) defaultsOf(types, type.value, item);
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === "") return true;
  return Array.isArray(value) && value.length === 0;
}

/** Reports missing required fields and words outside a closed list. `metadata` and `status` are checked elsewhere. */
export function checkRules(types: Types, name: string, value: Rec, path: string, causes: StatusCause[]): void {
  for (const field of types.get(name)?.fields.values() ?? []) {
    if (path === "" && (field.name === "metadata" || field.name === "status")) continue;
    const at = path === "" ? field.name : `${path}.${field.name}`;
    const child = value[field.name];
    if (isEmpty(child)) {
      if (field.required) causes.push(...missing(types, field, at, child));
    } else checkValue(types, field.type, child, at, causes);
  }
}

/** A missing object is reported by its own required fields, as Kubernetes does for "spec.selector" of an absent spec. */
function missing(types: Types, field: Field, at: string, value: unknown): StatusCause[] {
  if (field.type.kind !== "object" || value !== undefined) return [required(at)];
  const inner: StatusCause[] = [];
  checkRules(types, field.type.name, {}, at, inner);
  return inner.length > 0 ? inner : [required(at)];
}

function checkValue(types: Types, type: FieldType, value: unknown, at: string, causes: StatusCause[]): void {
  switch (type.kind) {
    case "object":
      checkRules(types, type.name, value as Rec, at, causes);
      break;
    case "list":
      for (const [index, item] of (value as unknown[]).entries()) {
        checkValue(types, type.item, item, `${at}[${index}]`, causes);
      }
      break;
    case "map":
      for (const [key, item] of Object.entries(value as Rec)) {
        checkValue(types, type.value, item, `${at}[${key}]`, causes);
      }
      break;
    case "enum":
      if (!type.values.includes(value as string)) causes.push(notSupported(at, value, type.values));
      break;
    default:
  }
}
