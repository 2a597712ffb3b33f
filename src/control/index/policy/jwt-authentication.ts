import type { KubeObject } from "#kube/types/meta.ts";
import { checkJwtAuthentication } from "../../admission/rules/jwt-authentication.ts";
import { policyRecord, type PolicyRecord, validSpec } from "./policy-record.ts";

export interface JwtAuthenticationRecord extends PolicyRecord {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly claims: ReadonlyArray<{ readonly name: string; readonly values: readonly string[] }>;
  readonly keys:
    /** As it was written: readable, with a key at least. */
    | { readonly kind: "inline"; readonly keySet: string }
    /** To be fetched. */
    | { readonly kind: "uri"; readonly uri: string };
}

interface Spec extends Pick<JwtAuthenticationRecord, "issuer" | "audiences"> {
  readonly claims?: JwtAuthenticationRecord["claims"];
  readonly jwks?: string;
  readonly jwksUri?: string;
}

/** Throws "invalid-argument" for one with any mistake: then it counts as absent, and who asks for it permits nobody. */
export function decodeJwtAuthentication(object: KubeObject): JwtAuthenticationRecord {
  const spec = validSpec<Spec>(object, "policy.linkerd-ts.dev", checkJwtAuthentication);
  const { issuer, audiences, claims = [], jwks, jwksUri = "" } = spec;
  return {
    ...policyRecord(object),
    issuer,
    audiences,
    claims: claims.map(({ name, values }) => ({ name, values })),
    keys: jwks === undefined ? { kind: "uri", uri: jwksUri } : { kind: "inline", keySet: jwks },
  };
}
