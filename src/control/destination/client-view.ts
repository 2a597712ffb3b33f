import type { Endpoint } from "./endpoint.ts";
import type { EndpointSet } from "./endpoint-set.ts";

/** Who asks; "" where unknown. */
export interface ClientPlace {
  readonly node: string;
  readonly zone: string;
}

/**
 * The endpoints that a client should use. `internalTrafficPolicy: Local` keeps those on its node. Zone hints count only when
 * every endpoint has them, and not when they would leave none:
 * https://kubernetes.io/docs/concepts/services-networking/topology-aware-routing/
 */
export function viewFor(set: EndpointSet, client: ClientPlace): ReadonlyMap<string, Endpoint> {
  if (set.nodeLocal && client.node !== "") return keep(set.endpoints, ({ node }) => node === client.node);
  if (client.zone === "" || set.endpoints.size === 0) return set.endpoints;
  for (const { forZones } of set.endpoints.values()) if (forZones.length === 0) return set.endpoints;
  const near = keep(set.endpoints, ({ forZones }) => forZones.includes(client.zone));
  return near.size === 0 ? set.endpoints : near;
}

function keep(
  endpoints: ReadonlyMap<string, Endpoint>,
  accept: (endpoint: Endpoint) => boolean,
): ReadonlyMap<string, Endpoint> {
  const kept = new Map<string, Endpoint>();
  for (const [key, endpoint] of endpoints) if (accept(endpoint)) kept.set(key, endpoint);
  return kept;
}

/** What brings a client from one view to the next. */
export interface ViewChange {
  /** New ones, and changed ones of a known address. */
  readonly add: readonly Endpoint[];
  readonly remove: readonly Endpoint[];
}

export function viewChange(before: ReadonlyMap<string, Endpoint>, after: ReadonlyMap<string, Endpoint>): ViewChange {
  const add: Endpoint[] = [];
  const remove: Endpoint[] = [];
  for (const [key, endpoint] of after) if (before.get(key) !== endpoint) add.push(endpoint);
  for (const [key, endpoint] of before) if (!after.has(key)) remove.push(endpoint);
  return { add, remove };
}
