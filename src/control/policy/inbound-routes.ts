/** The routes of a Server. */
import type { TrustScope } from "#model/identity.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Track } from "../index/derivations.ts";
import type { GrpcMatch, HttpMatch, RouteRecord } from "../index/policy/route.ts";
import type { ServerRecord } from "../index/policy/server.ts";
import { routeAuthorizations } from "./authorizations.ts";
import type { InboundRoute } from "./inbound-policy.ts";

export function httpRoutesOfServer(
  index: ClusterIndex,
  scope: TrustScope,
  server: ServerRecord,
  track: Track,
): Array<InboundRoute<HttpMatch>> {
  return ofNamespace(server, index.policy.httpRoutesOf(parentOf(server), track)).map((route) => ({
    ...base(index, scope, route, track),
    rules: route.rules.map(({ matches, filters }) => ({ matches, filters })),
  }));
}

export function grpcRoutesOfServer(
  index: ClusterIndex,
  scope: TrustScope,
  server: ServerRecord,
  track: Track,
): Array<InboundRoute<GrpcMatch>> {
  return ofNamespace(server, index.policy.grpcRoutesOf(parentOf(server), track)).map((route) => ({
    ...base(index, scope, route, track),
    rules: route.rules.map(({ matches, filters }) => ({ matches, filters })),
  }));
}

function parentOf({ namespace, name }: ServerRecord) {
  return { group: "policy.linkerd.io", kind: "server", namespace, name };
}

/** A route of another namespace brings that one's AuthorizationPolicies along: it could let anybody in here. */
function ofNamespace<R extends RouteRecord>(server: ServerRecord, routes: readonly R[]): R[] {
  return routes.filter(({ namespace }) => namespace === server.namespace);
}

function base(
  index: ClusterIndex,
  scope: TrustScope,
  route: RouteRecord,
  track: Track,
): Omit<InboundRoute<never>, "rules"> {
  return {
    origin: { group: route.group, kind: route.kind, name: route.name },
    hosts: route.hostnames,
    authorizations: routeAuthorizations(index, scope, route, track),
  };
}
