import type { TrustScope } from "#model/identity.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Track } from "../index/derivations.ts";
import type { RateLimitRecord } from "../index/policy/rate-limit.ts";
import type { ServerRecord } from "../index/policy/server.ts";
import { identityMatch } from "./identities.ts";
import type { RateLimit } from "./inbound-policy.ts";

/** Which of several HTTPLocalRateLimitPolicies counts for a Server: the oldest, and only then one with a mistake. */
export function countingRateLimit(
  index: ClusterIndex,
  { namespace, name }: Pick<ServerRecord, "namespace" | "name">,
  track: Track,
): RateLimitRecord | undefined {
  const all = index.policy.rateLimitsIn(namespace, track).filter(({ server }) => server === name);
  return all.find(({ invalid }) => invalid === null) ?? all[0];
}

/** The limit of a Server. */
export function rateLimitOf(
  index: ClusterIndex,
  scope: TrustScope,
  server: ServerRecord,
  track: Track,
): RateLimit | null {
  const found = countingRateLimit(index, server, track);
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
