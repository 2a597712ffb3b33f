import type { Shared } from "../shared.ts";
import type { HttpRouteRecord, ParentRef } from "./route.ts";
import type { ObjectRef } from "./authorization-policy.ts";

/** The same route, whose parts are those of other routes where they are alike: all but names, as a rule. */
export function sharedRoute(route: HttpRouteRecord, shared: Shared): HttpRouteRecord {
  const reference = <R extends ObjectRef>(ref: R): R => ({
    ...ref,
    group: shared.text(ref.group),
    kind: shared.text(ref.kind),
    namespace: shared.text(ref.namespace),
  });
  return {
    ...route,
    annotations: shared.value(route.annotations),
    hostnames: shared.value(route.hostnames),
    parents: route.parents.map((parent): ParentRef => ({
      ...reference(parent),
      written: shared.value(parent.written),
    })),
    status: route.status.map((entry) => sharedEntry(entry, shared)),
    about: shared.value(route.about),
    rules: route.rules.map((rule) => ({
      matches: shared.value(rule.matches),
      filters: shared.value(rule.filters),
      backends:
        rule.backends?.map((backend) => ({ ...reference(backend), filters: shared.value(backend.filters) })) ?? null,
      requestTimeout: rule.requestTimeout,
      backendTimeout: rule.backendTimeout,
    })),
  };
}

/** An entry of `status.parents`; the same as the parent says in its `parentRef`, and as others in its conditions. */
function sharedEntry(entry: unknown, shared: Shared): unknown {
  if (typeof entry !== "object" || entry === null) return entry;
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(entry)) {
    if (typeof value === "string") out[key] = shared.text(value);
    else out[key] = typeof value === "object" && value !== null ? shared.value(value) : value;
  }
  return out;
}
