import type { KubeObject } from "#kube/types/meta.ts";
import { checkHttpLocalRateLimitPolicy } from "../../admission/rules/http-local-rate-limit-policy.ts";
import type { IdentityPattern } from "./mesh-tls-authentication.ts";
import { policyRecord, type PolicyRecord, validSpec } from "./policy-record.ts";

/** Requests per second of each proxy; null: no limit. */
export interface RateLimitRecord extends PolicyRecord {
  /** A Server of the same namespace. */
  readonly server: string;
  readonly total: number | null;
  readonly identity: number | null;
  readonly overrides: ReadonlyArray<{ readonly limit: number; readonly clients: readonly IdentityPattern[] }>;
  /** `status` as it is stored. */
  readonly status: unknown;
}

interface Limit {
  readonly requestsPerSecond: number;
}
interface Spec {
  readonly targetRef: { readonly name: string };
  readonly total?: Limit;
  readonly identity?: Limit;
  readonly overrides?: ReadonlyArray<
    Limit & { readonly clientRefs: ReadonlyArray<{ readonly name: string; readonly namespace?: string }> }
  >;
}

export function decodeRateLimit(object: KubeObject): RateLimitRecord {
  const spec = validSpec<Spec>(object, "policy.linkerd.io", checkHttpLocalRateLimitPolicy);
  const record = policyRecord(object);
  return {
    ...record,
    server: spec.targetRef.name,
    status: (object as KubeObject & { readonly status?: unknown }).status ?? null,
    total: spec.total?.requestsPerSecond ?? null,
    identity: spec.identity?.requestsPerSecond ?? null,
    overrides: (spec.overrides ?? []).map(({ requestsPerSecond, clientRefs }) => ({
      limit: requestsPerSecond,
      clients: clientRefs.map(({ name, namespace = record.namespace }): IdentityPattern => ({
        kind: "service-account",
        namespace,
        name,
      })),
    })),
  };
}
