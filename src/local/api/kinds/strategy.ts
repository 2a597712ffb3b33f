/** Strategies of built-in kinds: the notation's rules, and what a kind adds to them. */
import type { KubeObject } from "../../store/object.ts";
import type { Strategy } from "../resource-info.ts";
import { decode } from "../schema/decode.ts";
import type { Types } from "../schema/notation.ts";
import { applyDefaults, checkRules } from "../schema/rules.ts";
import type { StatusCause } from "../status-error.ts";

/** A JSON object of unknown content. */
export type Rec = Record<string, unknown>;

/** What one kind adds. */
export interface KindRules {
  /** Runs before the notation's defaults, for those that depend on what was left out. */
  readonly before?: (object: KubeObject, previous: KubeObject | null) => void;
  /** Runs after the notation's defaults. */
  readonly after?: (object: KubeObject, previous: KubeObject | null) => void;
  readonly validate?: (object: KubeObject, previous: KubeObject | null, causes: StatusCause[]) => void;
  /** What to tell the author of an object that is accepted. */
  readonly warnings?: (object: KubeObject) => readonly string[];
}

export function builtinStrategy(types: Types, kind: string, rules: KindRules = {}): Strategy {
  return {
    root: { kind: "object", name: kind },
    strategic: true,
    ...(rules.warnings === undefined ? {} : { warnings: rules.warnings }),
    decode: (raw, version) => decode(types, kind, raw, version),
    defaults(object, previous) {
      rules.before?.(object, previous);
      applyDefaults(types, kind, object);
      rules.after?.(object, previous);
    },
    validate(object, previous) {
      const causes: StatusCause[] = [];
      checkRules(types, kind, object, "", causes);
      // What a kind checks presumes that required parts are there.
      if (causes.length === 0) rules.validate?.(object, previous, causes);
      return causes;
    },
  };
}

/** A nested object, made when it is missing. */
export function ensure(parent: Rec, field: string): Rec {
  const existing = parent[field];
  if (typeof existing === "object" && existing !== null) return existing as Rec;
  const created: Rec = {};
  parent[field] = created;
  return created;
}

/** The list in a field; empty when it is missing. */
export function records(value: unknown): Rec[] {
  return Array.isArray(value) ? (value as Rec[]) : [];
}

export function record(value: unknown): Rec {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Rec) : {};
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
