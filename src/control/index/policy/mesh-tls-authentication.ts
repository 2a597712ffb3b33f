import type { KubeObject } from "#kube/types/meta.ts";
import { checkMeshTlsAuthentication } from "../../admission/rules/mesh-tls-authentication.ts";
import { policyRecord, type PolicyRecord, validSpec } from "./policy-record.ts";

/** Who a client may be. Identities of references depend on the mesh's trust domain, which is not known here. */
export type IdentityPattern =
  /** A whole name. */
  | { readonly kind: "name"; readonly name: string }
  /** Every name that ends in "." and this; "" is every name. */
  | { readonly kind: "suffix"; readonly suffix: string }
  | { readonly kind: "service-account"; readonly namespace: string; readonly name: string }
  /** Every ServiceAccount of it. */
  | { readonly kind: "namespace"; readonly name: string };

export interface MeshTlsAuthenticationRecord extends PolicyRecord {
  readonly identities: readonly IdentityPattern[];
}

interface Reference {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

export function decodeMeshTlsAuthentication(object: KubeObject): MeshTlsAuthenticationRecord {
  const spec = validSpec<{ identities?: readonly string[]; identityRefs?: readonly Reference[] }>(
    object,
    "policy.linkerd.io",
    checkMeshTlsAuthentication,
  );
  const record = policyRecord(object);
  const references = (spec.identityRefs ?? []).map(({ kind, name, namespace = record.namespace }): IdentityPattern =>
    kind.toLowerCase() === "namespace" ? { kind: "namespace", name } : { kind: "service-account", namespace, name },
  );
  return { ...record, identities: [...(spec.identities ?? []).map(identityPattern), ...references] };
}

/** "*", "*.suffix" or a whole name. */
export function identityPattern(text: string): IdentityPattern {
  if (text === "*") return { kind: "suffix", suffix: "" };
  return text.startsWith("*.") ? { kind: "suffix", suffix: text.slice(2) } : { kind: "name", name: text };
}
