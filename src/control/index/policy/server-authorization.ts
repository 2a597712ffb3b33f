import type { Requirement } from "#model/label-selector.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { checkServerAuthorization } from "../../admission/rules/server-authorization.ts";
import { type IdentityPattern, identityPattern } from "./mesh-tls-authentication.ts";
import { everywhere, networksOf, type NetworkRange, type NetworkSpec } from "./networks.ts";
import { policyRecord, type PolicyRecord, type SelectorSpec, validSpec } from "./policy-record.ts";
import { requirementsOf } from "./selector.ts";

export interface ServerAuthorizationRecord extends PolicyRecord {
  /** Which Servers of the namespace. */
  readonly server: { readonly name: string } | { readonly selector: readonly Requirement[] };
  readonly networks: readonly NetworkRange[];
  readonly clients:
    | { readonly kind: "any" }
    /** TLS of the mesh, whoever the client is. */
    | { readonly kind: "any-tls" }
    | { readonly kind: "identities"; readonly identities: readonly IdentityPattern[] };
}

interface Spec {
  readonly server: { readonly name?: string; readonly selector?: SelectorSpec };
  readonly client: {
    readonly networks?: readonly NetworkSpec[] | null;
    readonly unauthenticated?: boolean;
    readonly meshTLS?: {
      readonly unauthenticatedTLS?: boolean;
      readonly identities?: readonly string[];
      readonly serviceAccounts?: ReadonlyArray<{ readonly name: string; readonly namespace?: string }>;
    };
  };
}

export function decodeServerAuthorization(object: KubeObject): ServerAuthorizationRecord {
  const { server, client } = validSpec<Spec>(object, "policy.linkerd.io", checkServerAuthorization);
  const record = policyRecord(object);
  return {
    ...record,
    server: server.name === undefined ? { selector: requirementsOf(server.selector ?? {}) } : { name: server.name },
    networks: client.networks === undefined || client.networks === null ? everywhere : networksOf(client.networks),
    clients: clientsOf(client, record.namespace),
  };
}

/** Who says nothing of clients permits none. */
function clientsOf(
  { unauthenticated, meshTLS = {} }: Spec["client"],
  ns: string,
): ServerAuthorizationRecord["clients"] {
  if (unauthenticated === true) return { kind: "any" };
  if (meshTLS.unauthenticatedTLS === true) return { kind: "any-tls" };
  const accounts = (meshTLS.serviceAccounts ?? []).map(({ name, namespace = ns }): IdentityPattern => ({
    kind: "service-account",
    namespace,
    name,
  }));
  return { kind: "identities", identities: [...(meshTLS.identities ?? []).map(identityPattern), ...accounts] };
}
