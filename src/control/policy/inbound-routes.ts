/** The routes of a Server. */
import type { TrustScope } from "#model/identity.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Track } from "../index/derivations.ts";
import type { GrpcMatch, HttpMatch, RouteRecord } from "../index/policy/route.ts";
import type { RouteFilter } from "../index/policy/route-filter.ts";
import type { ServerRecord } from "../index/policy/server.ts";
import { routeAuthorizations } from "./authorizations.ts";
import type { InboundRoute } from "./inbound-policy.ts";

/** What the routes of a Server say; none: there are no routes. */
export interface ServerRoutes<M> {
  readonly valid: ReadonlyArray<InboundRoute<M>>;
  /** Those that can't be understood. They fail what they are about: left out, they would leave it to wider ones. */
  readonly broken: ReadonlyArray<InboundRoute<M>>;
}

export function httpRoutesOfServer(
  index: ClusterIndex,
  scope: TrustScope,
  server: ServerRecord,
  track: Track,
): ServerRoutes<HttpMatch> {
  const parent = parentOf(server);
  return {
    valid: ofNamespace(server, index.policy.httpRoutesOf(parent, track)).map((route) => ({
      ...base(index, scope, route, track),
      rules: route.rules.map(({ matches, filters }) => ({ matches, filters })),
    })),
    broken: ofNamespace(server, index.policy.brokenHttpRoutesOf(parent, track)).map((route) => ({
      ...base(index, scope, route, track),
      rules: [{ matches: route.about, filters: [failure(route)] }],
    })),
  };
}

export function grpcRoutesOfServer(
  index: ClusterIndex,
  scope: TrustScope,
  server: ServerRecord,
  track: Track,
): ServerRoutes<GrpcMatch> {
  const parent = parentOf(server);
  return {
    valid: ofNamespace(server, index.policy.grpcRoutesOf(parent, track)).map((route) => ({
      ...base(index, scope, route, track),
      rules: route.rules.map(({ matches, filters }) => ({ matches, filters })),
    })),
    broken: ofNamespace(server, index.policy.brokenGrpcRoutesOf(parent, track)).map((route) => ({
      ...base(index, scope, route, track),
      rules: [{ matches: route.about, filters: [failure(route)] }],
    })),
  };
}

/** Why is for the route's owner, whom its status tells, and not for clients. */
function failure({ name }: RouteRecord): RouteFilter {
  return { kind: "failure", status: 500, message: `The route "${name}" is not valid` };
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
