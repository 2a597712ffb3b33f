import type { HostMatch } from "./match.ts";

/** What a route of TLS connections asks of their server name (SNI, RFC 6066 §3). */
export interface NamedRoute {
  /** Alternatives; empty: any name, and none at all. */
  readonly snis: readonly HostMatch[];
}

/** Longer than any name: an exact match beats every suffix. */
const exact = 1_000;

/**
 * The route for a connection: an exact name before a suffix, a longer suffix before a shorter one, any of them before a
 * route for everything; of equals the first (https://gateway-api.sigs.k8s.io/reference/spec/#tlsroutespec). Null: none.
 * @param serverName in lower case; null: the client sent none
 */
export function routeByServerName<T extends NamedRoute>(routes: readonly T[], serverName: string | null): T | null {
  let best: T | null = null;
  let bestRank = -1;
  for (const route of routes) {
    const rank = rankOf(route, serverName);
    if (rank > bestRank) {
      best = route;
      bestRank = rank;
    }
  }
  return best;
}

/** -1: it does not match. */
function rankOf({ snis }: NamedRoute, serverName: string | null): number {
  if (snis.length === 0) return 0;
  let rank = -1;
  if (serverName === null) return rank;
  for (const match of snis) {
    if (match.kind === "exact" ? match.host === serverName : serverName.endsWith(`.${match.suffix}`)) {
      rank = Math.max(rank, match.kind === "exact" ? exact : match.suffix.length + 1);
    }
  }
  return rank;
}
