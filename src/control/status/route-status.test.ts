import { describe, expect, test } from "bun:test";
import { parseCidrs } from "#lib/net-addr.ts";
import { service } from "../testing/builders.ts";
import { policyObject } from "../testing/policy-objects.ts";
import { type PolicyObject, TestCluster } from "../testing/test-cluster.ts";
import { routeStatus } from "./route-status.ts";
import { wanted } from "./status-writer.ts";

const now = "2026-01-02T00:00:00Z";
const toService = "{group: core, kind: Service, name: api, port: 80}";
const toServer = "{group: policy.linkerd.io, kind: Server, name: srv}";

function world(...objects: PolicyObject[]): TestCluster {
  return new TestCluster().services(service({ name: "api" })).policies(...objects);
}

/** "Accepted/reason ResolvedRefs/reason" of each parent. */
function told(cluster: TestCluster): string[] {
  const [route] = cluster.index.policy.httpRoutes.values();
  if (route === undefined) throw new Error("no route");
  const parents = routeStatus(cluster.index, route, now) as ReadonlyArray<{
    conditions: ReadonlyArray<{ type: string; status: string; reason: string }>;
  }> | null;
  return (parents ?? []).map(({ conditions }) =>
    conditions.map(({ status, reason }) => `${reason}=${status}`).join(" "),
  );
}
const route = (parents: string, rules = "[{}]", more = {}) =>
  policyObject("HTTPRoute", "route", `{parentRefs: [${parents}], rules: ${rules}}`, more);

describe("A route's status", () => {
  test.each([
    [toService, "[{}]", "Accepted=True ResolvedRefs=True"],
    ["{group: core, kind: Service, name: gone}", "[{}]", "NoMatchingParent=False ResolvedRefs=True"],
    ["{group: core, kind: Service, name: api, port: 81}", "[{}]", "NoMatchingParent=False ResolvedRefs=True"],
    [toServer, "[{}]", "NoMatchingParent=False ResolvedRefs=True"],
    [toService, "[{backendRefs: [{name: api, port: 80}]}]", "Accepted=True ResolvedRefs=True"],
    [toService, "[{backendRefs: [{name: gone, port: 80}]}]", "Accepted=True BackendNotFound=False"],
    [
      toService,
      "[{backendRefs: [{group: apps, kind: Deployment, name: api, port: 80}]}]",
      "Accepted=True InvalidKind=False",
    ],
    [
      "{group: policy.linkerd.io, kind: EgressNetwork, name: gone, port: 443}",
      "[{}]",
      "NoMatchingParent=False ResolvedRefs=True",
    ],
    [toService, "[{matches: [{path: {value: api}}]}]", "UnsupportedValue=False ResolvedRefs=True"],
    [toService, "[{filters: [{type: ExtensionRef}]}]", "UnsupportedValue=False ResolvedRefs=True"],
  ])("%s with %s", (parent, rules, expected) => {
    expect(told(world(route(parent, rules)))).toEqual([expected]);
  });

  test("is told for each parent of ours, and for no other", () => {
    const srv = policyObject("Server", "srv", "{podSelector: {}, port: 80}");
    const cluster = world(route(`${toService}, ${toServer}, {name: ingress}`), srv);
    expect(told(cluster)).toEqual(["Accepted=True ResolvedRefs=True", "Accepted=True ResolvedRefs=True"]);
  });

  test("says that a GRPCRoute of the same Service has the say", () => {
    const rpc = policyObject("GRPCRoute", "rpc", `{parentRefs: [${toService}]}`);
    expect(told(world(route(toService), rpc))).toEqual(["RouteReasonConflicted=False ResolvedRefs=True"]);
  });

  test("is not written again while it is right, keeps its time while only words change, and leaves others' entries", () => {
    const cluster = world(route(toService));
    const [before] = cluster.index.policy.httpRoutes.values();
    if (before === undefined) throw new Error("no route");
    const theirs = { controllerName: "example.com/other", parentRef: { name: "ingress" }, conditions: [] };
    const first = routeStatus(cluster.index, { ...before, status: [theirs] }, now);
    expect(first?.[0]).toEqual(theirs);
    expect(first?.[1]).toMatchObject({
      parentRef: { group: "core", kind: "Service", name: "api", port: 80 },
      controllerName: "linkerd.io/policy-controller",
      conditions: [{ type: "Accepted", lastTransitionTime: now }, { type: "ResolvedRefs" }],
    });
    const stored = { ...before, status: first ?? [] };
    expect(routeStatus(cluster.index, stored, "2026-01-03T00:00:00Z")).toBeNull();
    const later = routeStatus(cluster.index, { ...stored, generation: 7 }, "2026-01-03T00:00:00Z");
    expect(later?.[1]).toMatchObject({ conditions: [{ observedGeneration: 7, lastTransitionTime: now }, {}] });
    cluster.index.services.delete("web", "api");
    const gone = routeStatus(cluster.index, stored, "2026-01-03T00:00:00Z");
    expect(gone?.[1]).toMatchObject({
      conditions: [{ reason: "NoMatchingParent", lastTransitionTime: "2026-01-03T00:00:00Z" }, {}],
    });
  });
});

describe("An EgressNetwork's status", () => {
  test.each([
    ["{trafficPolicy: Allow}", "Accepted"],
    ["{trafficPolicy: Allow, networks: [{cidr: 192.0.2.0/24}]}", "Accepted"],
    ["{trafficPolicy: Allow, networks: [{cidr: 10.1.0.0/16}]}", "EgressReasonNetworkOverlap"],
    ["{trafficPolicy: Allow, networks: [{cidr: 0.0.0.0/0}]}", "EgressReasonNetworkOverlap"],
    ["{trafficPolicy: Allow, networks: [{cidr: 0.0.0.0/0, except: [10.0.0.0/8]}]}", "Accepted"],
    ["{trafficPolicy: Deny, networks: [{cidr: nonsense}]}", "UnsupportedValue"],
  ])("%s: %s", (spec, reason) => {
    const cluster = world(policyObject("EgressNetwork", "all", spec));
    const [write] = wanted(cluster.index, parseCidrs("10.0.0.0/8"), now);
    expect(write?.status).toMatchObject({ conditions: [{ reason }] });
  });
});

describe("A rate limit's status", () => {
  const limit = (name: string, created: string) =>
    policyObject(
      "HTTPLocalRateLimitPolicy",
      name,
      "{targetRef: {group: policy.linkerd.io, kind: Server, name: srv}, total: {requestsPerSecond: 1}}",
      { created },
    );
  test("says whether its Server is there, and which of two is older", () => {
    const cluster = world(limit("b", "2026-01-01T00:00:00Z"), limit("a", "2026-01-01T00:00:01Z"));
    const reasons = () =>
      wanted(cluster.index, [], now).map(({ record, status }) => {
        const [condition] = (status as { conditions: ReadonlyArray<{ reason: string }> }).conditions;
        return `${record.name} ${condition?.reason ?? ""}`;
      });
    expect(reasons()).toEqual(["b NoMatchingTarget", "a NoMatchingTarget"]);
    cluster.policies(policyObject("Server", "srv", "{podSelector: {}, port: 80}"));
    expect(reasons()).toEqual(["b Accepted", "a RateLimitReasonAlreadyExists"]);
  });
});
