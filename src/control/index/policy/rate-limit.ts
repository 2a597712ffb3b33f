import { MeshError } from "#lib/errors.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { Field } from "../../admission/field.ts";
import { Findings } from "../../admission/findings.ts";
import { isKind, kindOf, kinds } from "../../admission/rules/reference.ts";
import { checkHttpLocalRateLimitPolicy, rate } from "../../admission/rules/http-local-rate-limit-policy.ts";
import type { IdentityPattern } from "./mesh-tls-authentication.ts";
import { policyRecord, type PolicyRecord, validSpec } from "./policy-record.ts";

/** Requests per second of each proxy; null: no limit. */
export interface RateLimitRecord extends PolicyRecord {
  /** A Server of the same namespace. */
  readonly server: string;
  readonly total: number | null;
  readonly identity: number | null;
  readonly overrides: ReadonlyArray<{ readonly limit: number; readonly clients: readonly IdentityPattern[] }>;
  /** What is wrong with it; null: nothing is. */
  readonly invalid: string | null;
  /** `status` as it is stored. */
  readonly status: unknown;
}

/** One with a mistake limits as far as it can be read: without it there would be no limit. Throws where nothing can be. */
export function decodeRateLimit(object: KubeObject): RateLimitRecord {
  const record = policyRecord(object);
  const spec = new Field("spec", (object as KubeObject & { readonly spec?: unknown }).spec, new Findings());
  const total = rate(spec.at("total"));
  const identity = rate(spec.at("identity"));
  const overrides = spec
    .at("overrides")
    .items()
    .flatMap((override) => {
      const limit = rate(override);
      const references = override.at("clientRefs").items();
      const clients = references.flatMap((reference) => client(reference, record.namespace));
      return limit === null || (clients.length === 0 && references.length > 0) ? [] : [{ limit, clients }];
    });
  const target = spec.at("targetRef");
  const server = isKind(kindOf(target), kinds.server) ? target.at("name").text() : null;
  const invalid = problemsOf(object);
  if (server === null || (invalid !== null && total === null && identity === null && overrides.length === 0)) {
    throw new MeshError("invalid-argument", invalid ?? "The rate limit names no Server");
  }
  const { status = null } = object as KubeObject & { readonly status?: unknown };
  return { ...record, server, total, identity, overrides, invalid, status };
}

function problemsOf(object: KubeObject): string | null {
  try {
    validSpec(object, "policy.linkerd.io", checkHttpLocalRateLimitPolicy);
    return null;
  } catch (thrown) {
    if (!(thrown instanceof MeshError) || thrown.code !== "invalid-argument") throw thrown;
    return thrown.message;
  }
}

function client(reference: Field, own: string): IdentityPattern[] {
  const name = reference.at("name").text();
  if (name === null || !isKind(kindOf(reference), kinds.serviceAccount)) return [];
  return [{ kind: "service-account", namespace: reference.at("namespace").text() ?? own, name }];
}
