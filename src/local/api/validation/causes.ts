/** Field errors in Kubernetes' words (k8s.io/apimachinery, field errors). */
import { StatusError } from "../status-error.ts";
import type { StatusCause } from "../status-error.ts";

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : (JSON.stringify(value) ?? "null");
}

export function required(field: string, detail = ""): StatusCause {
  return { reason: "FieldValueRequired", message: `Required value${detail === "" ? "" : `: ${detail}`}`, field };
}

export function invalid(field: string, value: unknown, detail: string): StatusCause {
  return { reason: "FieldValueInvalid", message: `Invalid value: ${shown(value)}: ${detail}`, field };
}

export function notSupported(field: string, value: unknown, supported: readonly string[]): StatusCause {
  const words = supported.map((word) => JSON.stringify(word)).join(", ");
  return {
    reason: "FieldValueNotSupported",
    message: `Unsupported value: ${shown(value)}: supported values: ${words}`,
    field,
  };
}

export function duplicate(field: string, value: unknown): StatusCause {
  return { reason: "FieldValueDuplicate", message: `Duplicate value: ${shown(value)}`, field };
}

export function fieldForbidden(field: string, detail: string): StatusCause {
  return { reason: "FieldValueForbidden", message: `Forbidden: ${detail}`, field };
}

export function typeInvalid(field: string, value: unknown, detail: string): StatusCause {
  return { reason: "FieldValueTypeInvalid", message: `Invalid value: ${shown(value)}: ${detail}`, field };
}

export function tooMany(field: string, actual: number, max: number): StatusCause {
  return { reason: "FieldValueTooMany", message: `Too many: ${actual}: must have at most ${max} items`, field };
}

/** The 422 for an object with field errors: `Deployment.apps "web" is invalid: spec.selector: Required value`. */
export function invalidObject(group: string, kind: string, name: string, causes: readonly StatusCause[]): StatusError {
  const lines = causes.map((cause) => `${cause.field ?? ""}: ${cause.message}`);
  const list = lines.length === 1 ? lines[0] : `[${lines.join(", ")}]`;
  const qualified = group === "" ? kind : `${kind}.${group}`;
  return new StatusError("Invalid", `${qualified} "${name}" is invalid: ${list}`, { name, group, kind, causes });
}
