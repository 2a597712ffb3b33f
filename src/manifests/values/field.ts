/**
 * Descriptions of settings: one description gives the type, the default and the check of a value, so the three can't drift.
 *
 * A field reads what a values file or `--set` gave (YAML, so `1` may be meant as text and "1" as a number) and answers
 * the typed value, or throws "invalid-argument" naming the path of the value, what it is and what it should be.
 */
import { MeshError } from "#lib/errors.ts";
import { parsePortRanges } from "#lib/port-list.ts";
import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import type { SymbolKind } from "../template/expression.ts";
import { nearest } from "./nearest.ts";

export interface Field<T> {
  /** The typed value of `given`; `undefined` and `null` give the default. */
  read(given: Json | undefined, path: string): T;
  /** What the field is made of, for the chart: its values, its schema, its symbols. */
  readonly shape: Shape;
}

export type Shape =
  | { readonly kind: "group"; readonly members: Readonly<Record<string, Field<Json>>> }
  | {
      readonly kind: "leaf";
      readonly symbol: SymbolKind;
      readonly fallback: Json;
      /** JSON schema of what Helm takes. Helm converts nothing, so that it is narrower than `read`. */
      readonly schema: JsonObject;
      /** Whether a number is taken for text, too: Helm's --set makes one of `4567`. */
      readonly numeric?: boolean;
    };

export type FieldType<F> = F extends Field<infer T> ? T : never;

export function invalidValue(path: string, given: Json, expected: string): MeshError {
  return new MeshError("invalid-argument", `Value "${path}" is ${JSON.stringify(given)}; expected ${expected}`);
}

function field<T extends Json>(
  symbol: SymbolKind,
  schema: JsonObject,
  fallback: T,
  read: (given: Json, path: string) => T,
  numeric = false,
): Field<T> {
  return {
    read: (given, path) => (given === undefined || given === null ? structuredClone(fallback) : read(given, path)),
    shape: { kind: "leaf", symbol, schema, fallback, numeric },
  };
}

/** Text. Numbers and booleans are taken as they are written, because YAML turns `version: 1.0` into a number. */
export function text(fallback: string): Field<string> {
  return field("text", { type: "string" }, fallback, (given, path) => {
    if (typeof given === "string") return given;
    if (typeof given === "number" || typeof given === "boolean") return String(given);
    throw invalidValue(path, given, "text");
  });
}

export function flag(fallback: boolean): Field<boolean> {
  return field("flag", { type: "boolean" }, fallback, (given, path) => {
    if (typeof given === "boolean") return given;
    if (given === "true" || given === "false") return given === "true";
    throw invalidValue(path, given, "true or false");
  });
}

/** A whole number between `min` and `max`, both included. */
export function whole(fallback: number, min: number, max: number): Field<number> {
  return field("number", { type: "integer", minimum: min, maximum: max }, fallback, (given, path) => {
    const value = typeof given === "string" && /^-?\d{1,15}$/.test(given) ? Number(given) : given;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
    throw invalidValue(path, given, `a whole number from ${min} to ${max}`);
  });
}

export const port = (fallback: number): Field<number> => whole(fallback, 1, 65535);

/** A number that may be left out (null); `min` < value < `max`. */
export function optionalNumber(min: number, max: number): Field<number | null> {
  const schema = { type: ["number", "null"], exclusiveMinimum: min, exclusiveMaximum: max };
  return field<number | null>("number", schema, null, (given, path) => {
    if (given === "") return null;
    const value = typeof given === "string" ? Number(given) : given;
    if (typeof value === "number" && value > min && value < max) return value;
    throw invalidValue(path, given, `a number above ${min} and below ${max}`);
  });
}

/** One of a closed list of words. YAML reads an unquoted `off` as false: where "off" is a choice, false means it. */
export function choice<const T extends string>(options: readonly T[], fallback: T): Field<T> {
  return field("text", { enum: [...options] }, fallback, (given, path) => {
    const word = given === false && options.some((option) => option === "off") ? "off" : given;
    const found = options.find((option) => option === word);
    if (found !== undefined) return found;
    throw invalidValue(path, given, `one of ${options.map((option) => JSON.stringify(option)).join(", ")}`);
  });
}

/** A list of ports and ranges such as "25,4000-4100"; a YAML number is a list of one. */
export function ports(fallback: string): Field<string> {
  const schema = { type: ["string", "integer"], pattern: "^[0-9, -]*$", minimum: 1, maximum: 65535 };
  return field(
    "text",
    schema,
    fallback,
    (given, path) => {
      const list = Array.isArray(given) ? given.join(",") : String(given);
      if (isJsonObject(given)) throw invalidValue(path, given, `a list of ports such as "25,4000-4100"`);
      try {
        parsePortRanges(list);
      } catch (error) {
        throw new MeshError("invalid-argument", `Value "${path}" is not a list of ports`, { cause: error });
      }
      return list;
    },
    true,
  );
}

/**
 * Text that the given test accepts, or empty if the default is empty. `expected` says what the test wants; `pattern` is
 * as much of it as a regular expression can say.
 */
export function matching(
  fallback: string,
  accepts: (value: string) => boolean,
  expected: string,
  pattern: string,
): Field<string> {
  const schema = { type: "string", pattern: fallback === "" ? `^$|${pattern}` : pattern };
  return field("text", schema, fallback, (given, path) => {
    const value = typeof given === "number" ? String(given) : given;
    if (typeof value === "string" && ((value === "" && fallback === "") || accepts(value))) return value;
    throw invalidValue(path, given, expected);
  });
}

/** A map of text to text: labels, annotations, selectors. */
export function textMap(fallback: Record<string, string> = {}): Field<Record<string, string>> {
  const schema = { type: "object", additionalProperties: { type: "string" } };
  return field("json", schema, fallback, (given, path) => {
    if (!isJsonObject(given)) throw invalidValue(path, given, "a map of text to text");
    const result: Record<string, string> = {};
    for (const [name, member] of Object.entries(given)) result[name] = text("").read(member, `${path}.${name}`);
    return result;
  });
}

/** A list of fields of one kind. */
export function list<T extends Json>(item: Field<T>, fallback: T[] = []): Field<T[]> {
  return field<T[]>("json", { type: "array", items: jsonSchema(item) }, fallback, (given, path) => {
    if (!Array.isArray(given)) throw invalidValue(path, given, "a list");
    return given.map((entry, index) => item.read(entry, `${path}[${index}]`));
  });
}

/** A piece of Kubernetes API that is passed on as it is (tolerations, affinity, security contexts …). */
export function passthrough(fallback: JsonObject): Field<JsonObject> {
  return field("json", { type: "object" }, fallback, (given, path) => {
    if (isJsonObject(given)) return given;
    throw invalidValue(path, given, "an object");
  });
}

/** An object with exactly these members; an unknown member is an error that names its path and the nearest known one. */
export function group<S extends Record<string, Field<Json>>>(members: S): Field<{ [K in keyof S]: FieldType<S[K]> }> {
  return {
    shape: { kind: "group", members },
    read(given, path) {
      const from = given ?? {};
      if (!isJsonObject(from)) throw invalidValue(path, from, "an object");
      const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
      for (const name of Object.keys(from)) {
        if (!Object.hasOwn(members, name)) {
          const hint = nearest(name, Object.keys(members));
          const ending = hint === null ? "" : `; did you mean "${at(hint)}"`;
          throw new MeshError("invalid-argument", `There is no value "${at(name)}"${ending}`);
        }
      }
      const result: JsonObject = {};
      for (const [name, member] of Object.entries(members)) result[name] = member.read(from[name], at(name));
      return result as { [K in keyof S]: FieldType<S[K]> };
    },
  };
}

/** What Helm is to check before it renders. */
export function jsonSchema({ shape }: Field<Json>): JsonObject {
  if (shape.kind === "leaf") return shape.schema;
  const properties: JsonObject = {};
  for (const [name, member] of Object.entries(shape.members)) properties[name] = jsonSchema(member);
  // A group that is missing means that the values are older than the chart (helm upgrade --reuse-values).
  const required = Object.keys(shape.members).filter((name) => shape.members[name]?.shape.kind === "group");
  return {
    type: "object",
    additionalProperties: false,
    ...(required.length > 0 ? { required } : {}),
    properties,
  };
}

/** The values with maps and lists that a `null` took away empty, as they are for Helm. `given` was laid over the defaults. */
export function emptied({ shape }: Field<Json>, given: Json): Json {
  if (shape.kind === "leaf" || !isJsonObject(given)) return given;
  const result: JsonObject = { ...given };
  for (const [name, member] of Object.entries(shape.members)) {
    const value = result[name];
    if (value !== undefined) result[name] = emptied(member, value);
    else if (member.shape.kind === "leaf" && member.shape.symbol === "json") {
      result[name] = Array.isArray(member.shape.fallback) ? [] : {};
    }
  }
  return result;
}

/** The defaults. */
export function defaultsOf({ shape }: Field<Json>): Json {
  if (shape.kind === "leaf") return shape.fallback;
  return Object.fromEntries(Object.entries(shape.members).map(([name, member]) => [name, defaultsOf(member)]));
}
