/**
 * A short notation for the built-in types, the one source of decoding, defaults, required fields, merge keys and OpenAPI.
 *
 * One line per type: `Name = 1.field:type 2.other!:type third:A|B=A`. The number is the field's in Kubernetes' protobuf form
 * (two numbers when it lies in an inlined message there, none when it has no such form). `!` is required, `=` gives a
 * default. Types: string, int,
 * number, bool, quantity, intstr, time, bytes, any, another type's name, `A|B` (one of these words), `[T]` (list, replaced
 * as a whole by a patch), `[T]@key` (list merged by that field), `[T]@` (list merged as a set), `{T}` (map).
 */
import { MeshError } from "#lib/errors.ts";

export type Scalar = "string" | "int" | "number" | "bool" | "quantity" | "intstr" | "time" | "bytes" | "any";

export type FieldType =
  | { readonly kind: Scalar }
  | { readonly kind: "enum"; readonly values: readonly string[] }
  | { readonly kind: "object"; readonly name: string }
  | { readonly kind: "list"; readonly item: FieldType; readonly merge: string | null }
  | { readonly kind: "map"; readonly value: FieldType };

export interface Field {
  readonly name: string;
  /** "7", "2.1" for field 1 of the inlined message 2, or "" when there is none. */
  readonly number: string;
  readonly type: FieldType;
  readonly required: boolean;
  /** Undefined: none. */
  readonly fallback: string | number | boolean | undefined;
}

export interface ObjectType {
  readonly name: string;
  readonly fields: ReadonlyMap<string, Field>;
}

/** Types by name. */
export type Types = ReadonlyMap<string, ObjectType>;

const scalars = new Set<string>(["string", "int", "number", "bool", "quantity", "intstr", "time", "bytes", "any"]);

function parseType(text: string): FieldType {
  const list = /^\[(.+)\](?:@(\w*))?$/.exec(text);
  if (list?.[1] !== undefined) return { kind: "list", item: parseType(list[1]), merge: list[2] ?? null };
  if (text.startsWith("{") && text.endsWith("}")) return { kind: "map", value: parseType(text.slice(1, -1)) };
  if (text.includes("|")) return { kind: "enum", values: text.split("|") };
  if (scalars.has(text)) return { kind: text as Scalar };
  return { kind: "object", name: text };
}

function parseDefault(text: string | undefined): string | number | boolean | undefined {
  if (text === undefined) return undefined;
  if (text === "true" || text === "false") return text === "true";
  return /^\d+$/.test(text) ? Number(text) : text;
}

/** Reads lines of the notation; a name used twice or a type that nobody defines is an error. */
export function parseTypes(...texts: string[]): Types {
  const types = new Map<string, ObjectType>();
  for (const line of texts.join("\n").split("\n")) {
    if (line.trim() === "") continue;
    const [name, body = ""] = line.split(" = ", 2);
    if (name === undefined || types.has(name)) throw new MeshError("internal", `Type "${name}" is written twice`);
    const fields = new Map<string, Field>();
    for (const part of body.trim().split(/\s+/)) {
      const match = /^([\d.]*?)\.?([A-Za-z$]\w*)(!?):([^=]+)(?:=(.+))?$/.exec(part);
      const [, number = "", field, mark, type, fallback] = match ?? [];
      if (field === undefined || type === undefined) {
        throw new MeshError("internal", `Type "${name}" has the unreadable field "${part}"`);
      }
      fields.set(field, {
        name: field,
        number,
        type: parseType(type),
        required: mark === "!",
        fallback: parseDefault(fallback),
      });
    }
    types.set(name, { name, fields });
  }
  for (const type of types.values())
    for (const field of type.fields.values()) assertKnown(types, type.name, field.type);
  return types;
}

function assertKnown(types: Types, owner: string, type: FieldType): void {
  if (type.kind === "list") assertKnown(types, owner, type.item);
  else if (type.kind === "map") assertKnown(types, owner, type.value);
  else if (type.kind === "object" && !types.has(type.name)) {
    throw new MeshError("internal", `Type "${owner}" uses the unknown type "${type.name}"`);
  }
}
