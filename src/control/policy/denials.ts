/** Who may not use a port, whatever permits it: the DenyPolicies of its Server and namespace. */
import type { TrustScope } from "#model/identity.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Track } from "../index/derivations.ts";
import { identityMatch } from "./identities.ts";
import type { Authorization } from "./inbound-policy.ts";

/** `server`: null where none selects the port. */
export function denialsOf(
  { policy }: ClusterIndex,
  scope: TrustScope,
  of: { readonly namespace: string; readonly server: string | null },
  track: Track,
): readonly Authorization[] {
  return policy
    .denyPoliciesIn(of.namespace, track)
    .filter(({ server }) => server === null || server === of.server)
    .flatMap(({ name, clients }) =>
      clients.map(({ networks, identities }): Authorization => ({
        networks,
        clients: identities === null ? { kind: "any" } : identityMatch(identities, scope),
        origin: { group: "policy.linkerd-ts.dev", kind: "denypolicy", name },
      })),
    );
}
