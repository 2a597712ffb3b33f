import type { TrustScope } from "#model/identity.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Track } from "../index/derivations.ts";
import type { ServerRecord } from "../index/policy/server.ts";
import { identityMatch } from "./identities.ts";
import type { RateLimit } from "./inbound-policy.ts";

/** The limit of a Server; of several HTTPLocalRateLimitPolicies the oldest. */
export function rateLimitOf(
  index: ClusterIndex,
  scope: TrustScope,
  { namespace, name }: ServerRecord,
  track: Track,
): RateLimit | null {
  const found = index.policy.rateLimitsIn(namespace, track).find(({ server }) => server === name);
  if (found === undefined) return null;
  return {
    origin: { group: "policy.linkerd.io", kind: "httplocalratelimitpolicy", name: found.name },
    total: found.total,
    identity: found.identity,
    overrides: found.overrides.map(({ limit, clients }) => {
      const match = identityMatch(clients, scope);
      return { limit, names: match.kind === "identities" ? match.names : [] };
    }),
  };
}
