/** JSON → an object of a built-in type: types are checked, unknown fields are found and dropped, null counts as absent. */
import { StatusError } from "../status-error.ts";
import type { FieldType, Types } from "./notation.ts";

/** What decoding found besides the object. */
export interface Decoded {
  readonly value: Record<string, unknown>;
  /** Paths of fields that the type doesn't have, at most 50. */
  readonly unknown: readonly string[];
}

const goTypes: Readonly<Record<string, string>> = { int: "int32", number: "float64", bool: "bool", enum: "string" };

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

class Decoder {
  readonly unknown: string[] = [];
  private readonly types: Types;
  private readonly kind: string;
  private readonly version: string;

  constructor(types: Types, kind: string, version: string) {
    this.types = types;
    this.kind = kind;
    this.version = version;
  }

  fail(value: unknown, path: string, wanted: string): StatusError {
    const got = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
    return new StatusError(
      "BadRequest",
      `${this.kind} in version "${this.version}" cannot be handled as a ${this.kind}: json: cannot unmarshal ${got} into field ${path} of type ${wanted}`,
    );
  }

  object(name: string, value: unknown, path: string): Record<string, unknown> {
    if (!isRecord(value)) throw this.fail(value, path, name);
    const fields = this.types.get(name)?.fields;
    const result: Record<string, unknown> = {};
    for (const [key, child] of Object.entries(value)) {
      const field = fields?.get(key);
      const at = path === "" ? key : `${path}.${key}`;
      if (field === undefined) {
        if (this.unknown.length < 50) this.unknown.push(at);
      } else if (child !== null && child !== undefined) result[key] = this.value(field.type, child, at);
    }
    return result;
  }

  value(type: FieldType, value: unknown, path: string): unknown {
    switch (type.kind) {
      case "object":
        return this.object(type.name, value, path);
      case "list":
        if (!Array.isArray(value)) throw this.fail(value, path, "array");
        return value.map((item: unknown, index) => this.value(type.item, item, `${path}[${index}]`));
      case "map": {
        if (!isRecord(value)) throw this.fail(value, path, "map");
        const result: Record<string, unknown> = {};
        for (const [key, child] of Object.entries(value)) {
          result[key] =
            child === null && type.value.kind === "string" ? "" : this.value(type.value, child, `${path}.${key}`);
        }
        return result;
      }
      case "int":
      case "number":
        if (typeof value !== "number" || (type.kind === "int" && !Number.isSafeInteger(value))) {
          throw this.fail(value, path, goTypes[type.kind] ?? type.kind);
        }
        return value;
      case "bool":
        if (typeof value !== "boolean") throw this.fail(value, path, "bool");
        return value;
      case "quantity":
      case "intstr":
        if (typeof value !== "string" && typeof value !== "number") throw this.fail(value, path, type.kind);
        return type.kind === "quantity" ? String(value) : value;
      case "any":
        return value;
      default:
        if (typeof value !== "string") throw this.fail(value, path, goTypes[type.kind] ?? type.kind);
        return value;
    }
  }
}

/** Decodes `value` as the built-in type `name`. A value of the wrong JSON type is a thrown 400. */
export function decode(types: Types, name: string, value: unknown, version: string): Decoded {
  const decoder = new Decoder(types, name, version);
  return { value: decoder.object(name, value, ""), unknown: decoder.unknown };
}
