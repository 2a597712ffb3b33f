import { parseDuration } from "#lib/duration.ts";
import { type PortRange, readPortList } from "#lib/port-list.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { checkServiceProfile } from "../../admission/rules/service-profile.ts";
import { policyRecord, type PolicyRecord, validSpec } from "./policy-record.ts";
import { milliWeight } from "./weight.ts";

export type RequestCondition =
  | { readonly kind: "all" | "any"; readonly of: readonly RequestCondition[] }
  | { readonly kind: "not"; readonly of: RequestCondition }
  | { readonly kind: "path"; readonly regex: string }
  | { readonly kind: "method"; readonly method: string };

export type ResponseCondition =
  | { readonly kind: "all" | "any"; readonly of: readonly ResponseCondition[] }
  | { readonly kind: "not"; readonly of: ResponseCondition }
  /** Both ends included. */
  | { readonly kind: "status"; readonly min: number; readonly max: number };

export interface ProfileRoute {
  readonly name: string;
  readonly condition: RequestCondition;
  /** The first match decides. */
  readonly responses: ReadonlyArray<{ readonly condition: ResponseCondition; readonly isFailure: boolean }>;
  readonly isRetryable: boolean;
  /** ms; null: no limit. */
  readonly timeout: number | null;
}

export interface RetryBudget {
  readonly retryRatio: number;
  readonly minRetriesPerSecond: number;
  /** ms */
  readonly ttl: number;
}

/** Where requests go instead, in thousandths of a share. */
export interface WeightedAuthority {
  readonly authority: string;
  readonly weight: number;
}

export interface ServiceProfileRecord extends PolicyRecord {
  readonly routes: readonly ProfileRoute[];
  readonly retryBudget: RetryBudget | null;
  readonly overrides: readonly WeightedAuthority[];
  readonly opaquePorts: readonly PortRange[];
}

interface ConditionSpec {
  readonly all?: readonly ConditionSpec[];
  readonly any?: readonly ConditionSpec[];
  readonly not?: ConditionSpec;
  readonly pathRegex?: string;
  readonly method?: string;
  readonly status?: { readonly min?: number; readonly max?: number };
}
interface Spec {
  readonly routes?: ReadonlyArray<{
    readonly name: string;
    readonly condition: ConditionSpec;
    readonly responseClasses?: ReadonlyArray<{ readonly condition: ConditionSpec; readonly isFailure?: boolean }>;
    readonly isRetryable?: boolean;
    readonly timeout?: string;
  }>;
  readonly retryBudget?: {
    readonly retryRatio?: number;
    readonly minRetriesPerSecond?: number;
    readonly ttl: string;
  };
  readonly dstOverrides?: ReadonlyArray<{ readonly authority: string; readonly weight: number | string }>;
  readonly opaquePorts?: readonly string[];
}

export function decodeServiceProfile(object: KubeObject): ServiceProfileRecord {
  const spec = validSpec<Spec>(object, "linkerd.io", checkServiceProfile);
  const { retryBudget } = spec;
  return {
    ...policyRecord(object),
    routes: (spec.routes ?? []).map(({ name, condition, responseClasses = [], isRetryable, timeout }) => ({
      name,
      condition: requestCondition(condition),
      responses: responseClasses.map((response) => ({
        condition: responseCondition(response.condition),
        isFailure: response.isFailure ?? false,
      })),
      isRetryable: isRetryable ?? false,
      timeout: parseDuration(timeout ?? "0") || null,
    })),
    retryBudget:
      retryBudget === undefined
        ? null
        : {
            retryRatio: retryBudget.retryRatio ?? 0,
            minRetriesPerSecond: retryBudget.minRetriesPerSecond ?? 0,
            ttl: parseDuration(retryBudget.ttl) ?? 10_000,
          },
    overrides: (spec.dstOverrides ?? []).map(({ authority, weight }) => ({ authority, weight: milliWeight(weight) })),
    opaquePorts: readPortList((spec.opaquePorts ?? []).join(",")).ranges,
  };
}

function requestCondition(spec: ConditionSpec): RequestCondition {
  const parts: RequestCondition[] = [];
  if (spec.all !== undefined) parts.push({ kind: "all", of: spec.all.map(requestCondition) });
  if (spec.any !== undefined) parts.push({ kind: "any", of: spec.any.map(requestCondition) });
  if (spec.not !== undefined) parts.push({ kind: "not", of: requestCondition(spec.not) });
  if (spec.method !== undefined) parts.push({ kind: "method", method: spec.method });
  if (spec.pathRegex !== undefined) parts.push({ kind: "path", regex: spec.pathRegex });
  return one(parts);
}

function responseCondition(spec: ConditionSpec): ResponseCondition {
  const parts: ResponseCondition[] = [];
  if (spec.all !== undefined) parts.push({ kind: "all", of: spec.all.map(responseCondition) });
  if (spec.any !== undefined) parts.push({ kind: "any", of: spec.any.map(responseCondition) });
  if (spec.not !== undefined) parts.push({ kind: "not", of: responseCondition(spec.not) });
  if (spec.status !== undefined) {
    const { min, max } = spec.status;
    // One end alone is that very status.
    parts.push({ kind: "status", min: min ?? max ?? 0, max: max ?? min ?? 0 });
  }
  return one(parts);
}

/** Members of one condition must all hold. */
function one<T>(parts: readonly T[]): T | { readonly kind: "all"; readonly of: readonly T[] } {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : { kind: "all", of: parts };
}
