/** Judges a value by a structural schema, in the words of Kubernetes' validation. */
import type { StatusCause } from "../status-error.ts";
import { duplicate, invalid, notSupported, required, tooMany, typeInvalid } from "../validation/causes.ts";
import { isRecord } from "./schema.ts";
import type { Rec, Schema } from "./schema.ts";

/** Errors that one object collects at most. */
const maxCauses = 50;

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function fitsType(schema: Schema, value: unknown): boolean {
  if (schema["x-kubernetes-int-or-string"] === true) return typeof value === "string" || Number.isInteger(value);
  const actual = typeName(value);
  return (
    schema.type === undefined ||
    schema.type === "" ||
    actual === schema.type ||
    (schema.type === "number" && actual === "integer")
  );
}

const formats: Readonly<Record<string, RegExp>> = {
  "date-time": /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/,
  date: /^\d{4}-\d\d-\d\d$/,
  ipv4: /^(\d{1,3}\.){3}\d{1,3}$/,
  uuid: /^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$/,
};

/** Patterns are the definition's author's: one that this runtime can't compile holds for everything. */
function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    // Go's dialect allows escapes that the strict mode doesn't.
    try {
      return new RegExp(pattern).test(value);
    } catch {
      // Nothing to test by.
      return true;
    }
  }
}

function checkText(schema: Schema, value: string, at: string, causes: StatusCause[]): void {
  const length = [...value].length;
  if (schema.minLength !== undefined && length < schema.minLength) {
    causes.push(invalid(at, value, `${at} in body should be at least ${schema.minLength} chars long`));
  }
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    causes.push({
      reason: "FieldValueTooLong",
      field: at,
      message: `Too long: may not be more than ${schema.maxLength} bytes`,
    });
  }
  if (schema.pattern !== undefined && !matches(schema.pattern, value)) {
    causes.push(invalid(at, value, `${at} in body should match '${schema.pattern}'`));
  }
  const format = schema.format === undefined ? undefined : formats[schema.format];
  if (format !== undefined && !format.test(value)) {
    causes.push(invalid(at, value, `${at} in body must be of type ${schema.format}: ${JSON.stringify(value)}`));
  }
}

function checkNumber(schema: Schema, value: number, at: string, causes: StatusCause[]): void {
  const { minimum, maximum } = schema;
  if (minimum !== undefined && (schema.exclusiveMinimum === true ? value <= minimum : value < minimum)) {
    const word = schema.exclusiveMinimum === true ? "greater than" : "greater than or equal to";
    causes.push(invalid(at, value, `${at} in body should be ${word} ${minimum}`));
  }
  if (maximum !== undefined && (schema.exclusiveMaximum === true ? value >= maximum : value > maximum)) {
    const word = schema.exclusiveMaximum === true ? "less than" : "less than or equal to";
    causes.push(invalid(at, value, `${at} in body should be ${word} ${maximum}`));
  }
  if (schema.multipleOf !== undefined && value % schema.multipleOf !== 0) {
    causes.push(invalid(at, value, `${at} in body should be a multiple of ${schema.multipleOf}`));
  }
  const limit = schema.format === "int32" ? 2 ** 31 : Number.MAX_SAFE_INTEGER + 1;
  if (schema.type === "integer" && (value >= limit || value < -limit)) {
    causes.push(invalid(at, value, `${at} in body must be of type ${schema.format ?? "int64"}: ${value}`));
  }
}

function checkList(schema: Schema, value: readonly unknown[], at: string, causes: StatusCause[]): void {
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    causes.push(invalid(at, value.length, `${at} in body should have at least ${schema.minItems} items`));
  }
  if (schema.maxItems !== undefined && value.length > schema.maxItems)
    causes.push(tooMany(at, value.length, schema.maxItems));
  const kind = schema["x-kubernetes-list-type"];
  if (kind === "set" || kind === "map" || schema.uniqueItems === true) {
    const keys = schema["x-kubernetes-list-map-keys"];
    const seen = new Set<string>();
    for (const [index, item] of value.entries()) {
      const id = JSON.stringify(kind === "map" && isRecord(item) ? keys?.map((key) => item[key] ?? null) : item);
      if (seen.has(id)) causes.push(duplicate(`${at}[${index}]`, item));
      seen.add(id);
    }
  }
  if (schema.items === undefined) return;
  for (const [index, item] of value.entries()) {
    if (causes.length >= maxCauses) return;
    validate(schema.items, item, `${at}[${index}]`, causes);
  }
}

function checkObject(schema: Schema, value: Rec, path: string, causes: StatusCause[]): void {
  const join = (key: string): string => (path === "" ? key : `${path}.${key}`);
  for (const key of schema.required ?? []) if (value[key] === undefined) causes.push(required(join(key)));
  const size = Object.keys(value).length;
  if (schema.minProperties !== undefined && size < schema.minProperties) {
    causes.push(invalid(path, size, `${path} in body should have at least ${schema.minProperties} properties`));
  }
  if (schema.maxProperties !== undefined && size > schema.maxProperties) {
    causes.push({
      reason: "FieldValueTooMany",
      field: path,
      message: `Too many: ${size}: must have at most ${schema.maxProperties} items`,
    });
  }
  for (const [key, child] of Object.entries(value)) {
    if (causes.length >= maxCauses) return;
    const known = schema.properties?.[key];
    if (known !== undefined) validate(known, child, join(key), causes);
    else if (isRecord(schema.additionalProperties))
      validate(schema.additionalProperties as Schema, child, join(key), causes);
  }
}

function holds(schema: Schema, value: unknown, path: string): boolean {
  const causes: StatusCause[] = [];
  validate(schema, value, path, causes);
  return causes.length === 0;
}

function checkCombinations(schema: Schema, value: unknown, path: string, causes: StatusCause[]): void {
  const where = JSON.stringify(path);
  for (const part of schema.allOf ?? []) validate(part, value, path, causes);
  if (schema.anyOf !== undefined && !schema.anyOf.some((part) => holds(part, value, path))) {
    causes.push({
      reason: "FieldValueInvalid",
      field: path,
      message: `Invalid value: "": ${where} must validate at least one schema (anyOf)`,
    });
  }
  if (schema.oneOf !== undefined) {
    const found = schema.oneOf.filter((part) => holds(part, value, path)).length;
    if (found !== 1) {
      const message = `Invalid value: "": ${where} must validate one and only one schema (oneOf). Found ${found === 0 ? "none" : String(found)} valid`;
      causes.push({ reason: "FieldValueInvalid", field: path, message });
    }
  }
  if (schema.not !== undefined && holds(schema.not, value, path)) {
    causes.push({
      reason: "FieldValueInvalid",
      field: path,
      message: `Invalid value: "": ${where} must not validate the schema (not)`,
    });
  }
}

/** Adds what is wrong with `value` to `causes`. */
export function validate(schema: Schema, value: unknown, path: string, causes: StatusCause[]): void {
  if (value === null && schema.nullable === true) return;
  if (!fitsType(schema, value)) {
    const wanted = schema["x-kubernetes-int-or-string"] === true ? "integer or string" : (schema.type ?? "object");
    causes.push(
      typeInvalid(
        path,
        typeName(value),
        `${path} in body must be of type ${wanted}: ${JSON.stringify(typeName(value))}`,
      ),
    );
    return;
  }
  if (schema.enum !== undefined && !schema.enum.some((item) => Bun.deepEquals(item, value))) {
    causes.push(
      notSupported(
        path,
        value,
        schema.enum.map((item) => (typeof item === "string" ? item : JSON.stringify(item))),
      ),
    );
  }
  if (typeof value === "string") checkText(schema, value, path, causes);
  else if (typeof value === "number") checkNumber(schema, value, path, causes);
  else if (Array.isArray(value)) checkList(schema, value, path, causes);
  else if (isRecord(value)) checkObject(schema, value, path, causes);
  checkCombinations(schema, value, path, causes);
}
