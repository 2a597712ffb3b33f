/** What becomes of a route at each of its parents: conditions as the Gateway API names them. Pure. */
import type { ClusterIndex } from "../index/cluster-index.ts";
import { untracked } from "../index/derivations.ts";
import { ourController, type ParentRef, type RouteRecord } from "../index/policy/route.ts";
import { problemOf } from "../policy/outbound/parent-routes.ts";
import { type Condition, sameConditions, stampConditions } from "./condition.ts";

const controllerName = ourController;

interface ParentStatus {
  readonly parentRef: Readonly<Record<string, unknown>>;
  readonly controllerName: string;
  readonly conditions: readonly unknown[];
}

/** The `status.parents` that should be stored; null: it is as it should be. Entries of other controllers stay. */
export function routeStatus(index: ClusterIndex, route: RouteRecord, now: string): readonly unknown[] | null {
  const own = route.status.filter(isOurs);
  const others = route.status.filter((entry) => !isOurs(entry));
  let changed = false;
  const parents: ParentStatus[] = [];
  for (const parent of route.parents) {
    const conditions = conditionsAt(index, route, parent);
    if (conditions === null) continue;
    const stored = own.find(({ parentRef }) => Bun.deepEquals(parentRef, parent.written));
    if (stored === undefined || !sameConditions(conditions, stored.conditions)) changed = true;
    parents.push({
      parentRef: parent.written,
      controllerName,
      conditions: stampConditions(conditions, Array.isArray(stored?.conditions) ? stored.conditions : [], now),
    });
  }
  if (parents.length !== own.length) changed = true;
  return changed ? [...others, ...parents] : null;
}

function isOurs(entry: unknown): entry is ParentStatus {
  return (entry as Partial<ParentStatus> | null)?.controllerName === controllerName;
}

/** Null for a parent that is not ours to judge. */
function conditionsAt(index: ClusterIndex, route: RouteRecord, parent: ParentRef): Condition[] | null {
  const condition = (type: string, reason: string, message: string): Condition => ({
    type,
    status: reason === type || reason === "Accepted" ? "True" : "False",
    reason,
    message,
    observedGeneration: route.generation,
  });
  const accepted = acceptedAt(index, route, parent);
  if (accepted === null) return null;
  const [reason, message] = route.invalid === null ? accepted : ["UnsupportedValue", `Not valid: ${route.invalid}`];
  const [refs, refsMessage] = refsOf(index, route, parent);
  return [condition("Accepted", reason, message), condition("ResolvedRefs", refs, refsMessage)];
}

function acceptedAt(index: ClusterIndex, route: RouteRecord, parent: ParentRef): readonly [string, string] | null {
  const { group, kind, namespace, name, port } = parent;
  if (group === "policy.linkerd.io" && kind === "server") {
    if (namespace !== route.namespace) return ["NoMatchingParent", "A Server must be in the namespace of its route"];
    return index.policy.servers.get(namespace, name) === undefined
      ? ["NoMatchingParent", `Server "${name}" does not exist`]
      : unsupported(route);
  }
  if (group === "policy.linkerd.io" && kind === "egressnetwork") {
    return index.policy.egressNetworks.get(namespace, name) === undefined
      ? ["NoMatchingParent", `EgressNetwork "${name}" in namespace "${namespace}" does not exist`]
      : unsupported(route);
  }
  if (group !== "" || kind !== "service") return null;
  const service = index.service(namespace, name, untracked);
  if (service === undefined && parent.assumed) return null;
  if (service === undefined)
    return ["NoMatchingParent", `Service "${name}" in namespace "${namespace}" does not exist`];
  if (service.kind === "external-name") {
    return ["NoMatchingParent", `Service "${name}" only stands for an outside name`];
  }
  if (port !== null && !service.ports.some((declared) => declared.port === port)) {
    return ["NoMatchingParent", `Service "${name}" has no port ${port}`];
  }
  const stronger = strongerKind(index, route.kind, parent);
  if (stronger !== null) {
    return ["RouteReasonConflicted", `A ${stronger} of Service "${name}" says more of its traffic and counts instead`];
  }
  const [reason, message] = unsupported(route);
  return parent.assumed && message === ""
    ? [reason, `The parent is taken for the Service "${name}", because no controller of Gateways knows it`]
    : [reason, message];
}

function unsupported(route: RouteRecord): readonly [string, string] {
  const filters = route.rules.flatMap((rule) => [
    ...rule.filters,
    ...(rule.backends ?? []).flatMap((backend) => backend.filters),
  ]);
  const failing = filters.find((filter) => filter.kind === "failure");
  return failing?.kind === "failure" ? ["UnsupportedValue", failing.message] : ["Accepted", ""];
}

/** The kind of another route of the parent that is looked at instead of this one; null: there is none. */
function strongerKind(index: ClusterIndex, kind: RouteRecord["kind"], parent: ParentRef): RouteRecord["kind"] | null {
  const { policy } = index;
  const kinds = [
    ["GRPCRoute", policy.grpcRoutesOf(parent, untracked)],
    ["HTTPRoute", policy.httpRoutesOf(parent, untracked)],
    ["TLSRoute", policy.tlsRoutesOf(parent, untracked)],
    ["TCPRoute", policy.tcpRoutesOf(parent, untracked)],
  ] as const;
  for (const [other, routes] of kinds) {
    if (other === kind) return null;
    if (routes.some(({ parents }) => parents.some((ref) => samePlace(ref, parent)))) return other;
  }
  return null;
}

function samePlace(a: ParentRef, b: ParentRef): boolean {
  if (a.kind !== b.kind || a.namespace !== b.namespace || a.name !== b.name) return false;
  return a.port === null || b.port === null || a.port === b.port;
}

/** Routes of Servers have no backends. */
function refsOf(index: ClusterIndex, route: RouteRecord, parent: ParentRef): readonly [string, string] {
  if (parent.kind === "server") return ["ResolvedRefs", ""];
  for (const { backends } of route.rules) {
    for (const backend of backends ?? []) {
      // An EgressNetwork as its own backend: on to where the client wanted to go.
      if (backend.kind === parent.kind && backend.name === parent.name && parent.kind === "egressnetwork") continue;
      if (backend.group !== "" || backend.kind !== "service") {
        return ["InvalidKind", `A backend of kind ${backend.kind} is not supported`];
      }
      const problem = problemOf(index, backend, untracked);
      if (problem !== null) return ["BackendNotFound", problem];
    }
  }
  return ["ResolvedRefs", ""];
}
