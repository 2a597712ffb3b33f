import { serviceAccountIdentity, type TrustScope } from "#model/identity.ts";
import type { IdentityPattern } from "../index/policy/mesh-tls-authentication.ts";
import type { ClientMatch } from "./inbound-policy.ts";

/** The names of the mesh behind patterns and references. */
export function identityMatch(patterns: readonly IdentityPattern[], scope: TrustScope): ClientMatch {
  const names: string[] = [];
  const suffixes: string[] = [];
  for (const pattern of patterns) {
    switch (pattern.kind) {
      case "name":
        names.push(pattern.name);
        break;
      case "suffix":
        suffixes.push(pattern.suffix);
        break;
      case "service-account":
        names.push(serviceAccountIdentity(pattern.name, pattern.namespace, scope));
        break;
      case "namespace":
        suffixes.push(`${pattern.name}.serviceaccount.identity.${scope.controlPlaneNamespace}.${scope.trustDomain}`);
        break;
    }
  }
  return { kind: "identities", names, suffixes };
}
