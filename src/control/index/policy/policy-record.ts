/** What records of policy resources share, and how they are read: by the rules of the admission webhook, which may have been away. */
import { MeshError } from "#lib/errors.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { Field } from "../../admission/field.ts";
import { Findings } from "../../admission/findings.ts";
import { checkPatterns } from "../../admission/pattern.ts";
import type { Rule } from "../../admission/rule.ts";
import type { IndexedObject } from "../object-index.ts";

export interface PolicyRecord extends IndexedObject {
  readonly namespace: string;
  readonly name: string;
  /** ms since 1970; 0 when unknown. Of two that claim the same, the older one counts. */
  readonly created: number;
  readonly generation: number;
}

/** The common part of a record. */
export function policyRecord({ metadata }: KubeObject): PolicyRecord {
  const { namespace = "", name, resourceVersion = "", creationTimestamp = "", generation = 0 } = metadata;
  const created = Date.parse(creationTimestamp);
  return {
    metadata: { namespace, name, resourceVersion },
    namespace,
    name,
    created: Number.isNaN(created) ? 0 : created,
    generation,
  };
}

/** Sorts the older one first, then by namespace and name: what Gateway API says for routes, and we for all. */
export function byAge(a: PolicyRecord, b: PolicyRecord): number {
  if (a.created !== b.created) return a.created - b.created;
  const [left, right] = [`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The spec, once the rules found nothing wrong with it. Throws "invalid-argument" with all that is wrong. `patterns`: regular expressions too. */
export function validSpec<T>(object: KubeObject, group: string, rule: Rule, patterns = false): T {
  const findings = new Findings();
  const { namespace = "", name } = object.metadata;
  const spec = new Field("spec", (object as KubeObject & { readonly spec?: unknown }).spec, findings);
  spec.required().object();
  if (findings.problems.length === 0) {
    rule({ namespace, name, group, metadata: new Field("metadata", object.metadata, findings), spec });
    if (patterns) checkPatterns(findings);
  }
  if (findings.problems.length > 0) throw new MeshError("invalid-argument", findings.problems.join("; "));
  return spec.value as T;
}

/** What is wrong with a resource that could not be read, by what reading it threw. */
export function whyInvalid(thrown: unknown): string {
  const told = thrown instanceof MeshError && thrown.code === "invalid-argument";
  return told ? thrown.message : `It has a form that can't be read: ${String(thrown)}`;
}

/** The selector form of policy resources. */
export interface SelectorSpec {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: ReadonlyArray<{
    readonly key: string;
    readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
    readonly values?: readonly string[];
  }>;
}
