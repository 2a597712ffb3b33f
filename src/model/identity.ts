/** Mesh identities: the names that leaf certificates carry. */
import { MeshError } from "#lib/errors.ts";

/** A workload's mesh identity in DNS form, e.g. "web.emojivoto.serviceaccount.identity.linkerd.cluster.local". */
export type Identity = string;

/** Where identities live: the control plane's namespace and the trust domain (default "cluster.local"). */
export interface TrustScope {
  readonly controlPlaneNamespace: string;
  readonly trustDomain: string;
}

/** `SA.NS.serviceaccount.identity.CONTROLPLANE-NS.TRUST-DOMAIN` */
export function serviceAccountIdentity(serviceAccount: string, namespace: string, scope: TrustScope): Identity {
  return `${serviceAccount}.${namespace}.serviceaccount.identity.${scope.controlPlaneNamespace}.${scope.trustDomain}`;
}

/** The ServiceAccount behind an identity of this scope, or null when it is of another form or scope. */
export function parseIdentity(
  identity: Identity,
  scope: TrustScope,
): { readonly serviceAccount: string; readonly namespace: string } | null {
  const suffix = `.serviceaccount.identity.${scope.controlPlaneNamespace}.${scope.trustDomain}`;
  if (!identity.endsWith(suffix)) return null;
  const parts = identity.slice(0, -suffix.length).split(".");
  // A ServiceAccount name may contain dots, a namespace may not: the namespace is the last label.
  const namespace = parts.pop();
  if (namespace === undefined || namespace === "" || parts.length === 0 || parts.includes("")) return null;
  return { serviceAccount: parts.join("."), namespace };
}

/** Checks that a name can be a certificate's DNS name: lower-case labels of 1–63 characters, 253 in all (RFC 1123 §2.1). */
export function assertIdentity(name: string): Identity {
  const label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
  if (name.length > 253 || !new RegExp(`^${label}(\\.${label})+$`).test(name)) {
    throw new MeshError(
      "invalid-argument",
      `Identity "${name}" is not a lower-case DNS name of at most 253 characters`,
    );
  }
  return name;
}
