/** What the API server knows of a resource it serves, built in or custom. */
import type { KubeObject } from "../store/object.ts";
import type { NameRule } from "./names.ts";
import type { Column } from "./table/column.ts";
import type { StatusCause } from "./status-error.ts";
import type { FieldType } from "./schema/notation.ts";

/** Where /scale reads and writes, as dotted paths. */
export interface ScalePaths {
  readonly specReplicas: string;
  readonly statusReplicas: string;
  /** The path of a label selector: an object, or its string form. */
  readonly selector: string | null;
}

export type FieldValidation = "Ignore" | "Warn" | "Strict";

/** One served version of a resource. */
export interface ResourceInfo {
  readonly group: string;
  readonly version: string;
  /** The plural. */
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** {@link storageKey}; the same for all versions. */
  readonly key: string;
  readonly verbs: readonly string[];
  readonly status: boolean;
  readonly scale: ScalePaths | null;
  /** Other subresources, for discovery: [name, kind, verbs]. */
  readonly extras: ReadonlyArray<readonly [name: string, kind: string, verbs: readonly string[]]>;
  readonly custom: boolean;
  /** A custom resource's schema as it is published in OpenAPI; null for built-in types, which have the notation. */
  readonly published: Readonly<Record<string, unknown>> | null;
  readonly columns: readonly Column[];
  /** Whether metadata.generation counts changes of the spec. */
  readonly generation: boolean;
  readonly nameRule: NameRule;
  readonly strategy: Strategy;
}

/** What differs from kind to kind. All methods but `decode` change or judge a fresh, unfrozen object. */
export interface Strategy {
  /** Checks JSON types, drops unknown fields and reports their paths. */
  decode(raw: Record<string, unknown>, version: string): { value: Record<string, unknown>; unknown: readonly string[] };
  /** Fills defaults. `previous` is null on create. */
  defaults(object: KubeObject, previous: KubeObject | null): void;
  /** Field errors on create and update. */
  validate(object: KubeObject, previous: KubeObject | null): StatusCause[];
  /** What to tell the author of an object that is accepted. */
  readonly warnings?: (object: KubeObject) => readonly string[];
  /** The type of the whole, for patches; null: free-form. */
  readonly root: FieldType | null;
  /** True when a strategic merge patch is understood (built-in types only). */
  readonly strategic: boolean;
}
