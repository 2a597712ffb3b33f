import { MeshError } from "#lib/errors.ts";
import type { Chosen, Properties } from "./create.ts";
import { type DescMessage, type Field, type MessageShape, fieldType } from "./types.ts";
import type { Duration, Timestamp } from "./well-known.ts";

export type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue };

/** The message as JSON (protobuf.dev/programming-guides/json): for people and scripts, never for the wire. Zero values are left out. */
export function toJson<D extends DescMessage>(desc: D, message: MessageShape<D>): JsonValue {
  return messageJson(desc, message as unknown as Properties);
}

function messageJson(desc: DescMessage, message: Properties): JsonValue {
  if (desc.typeName === "google.protobuf.Duration") return durationJson(message as unknown as Duration);
  if (desc.typeName === "google.protobuf.Timestamp") return timestampJson(message as unknown as Timestamp);
  const json: Record<string, JsonValue> = {};
  for (const field of desc.fields) {
    if (field.oneof !== null) {
      const chosen = message[field.oneof] as Chosen | undefined;
      if (chosen?.case === field.localName) json[field.localName] = valueJson(field, chosen.value);
      continue;
    }
    const value = message[field.localName];
    if (value === undefined || value === 0 || value === 0n || value === "" || value === false) continue;
    if (field.map !== null) {
      const { value: item } = field.map;
      const entries = Object.entries(value as Properties).map(([key, entry]) => [key, valueJson(item, entry)] as const);
      if (entries.length > 0) json[field.localName] = Object.fromEntries(entries);
    } else if (field.repeated) {
      const items = (value as unknown[]).map((item) => valueJson(field, item));
      if (items.length > 0) json[field.localName] = items;
    } else if (!(value instanceof Uint8Array && value.length === 0)) json[field.localName] = valueJson(field, value);
  }
  return json;
}

function valueJson(field: Field, value: unknown): JsonValue {
  if (field.message !== null) return messageJson(field.message, value as Properties);
  if (field.type === fieldType.enum) return field.enum?.values.get(value as number) ?? (value as number);
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (typeof value === "number" || typeof value === "string" || typeof value === "boolean") return value;
  throw new MeshError("internal", `Writing JSON failed: the field "${field.name}" holds a ${typeof value}`);
}

/** Nine digits at most, in groups of three, as other implementations print them. */
function fraction(nanos: number): string {
  if (nanos === 0) return "";
  return `.${String(Math.abs(nanos))
    .padStart(9, "0")
    .replace(/(?:000){1,2}$/, "")}`;
}

function durationJson({ seconds, nanos }: Duration): string {
  const sign = seconds === 0n && nanos < 0 ? "-" : "";
  return `${sign}${seconds}${fraction(nanos)}s`;
}

function timestampJson({ seconds, nanos }: Timestamp): string {
  return new Date(Number(seconds) * 1000).toISOString().replace(/\.000Z$/, `${fraction(nanos)}Z`);
}
