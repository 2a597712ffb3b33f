import { describe, expect, test } from "bun:test";
import { outboundMessage } from "../../api/outbound-message.ts";
import { judge } from "../../admission/testing.ts";
import { parseAuthority } from "../../destination/authority.ts";
import { service } from "../../testing/builders.ts";
import { policyObject } from "../../testing/policy-objects.ts";
import { type PolicyObject, TestCluster } from "../../testing/test-cluster.ts";
import { watchOutbound } from "../outbound.ts";

const fault = (spec: string, name = "f", namespace = "web") =>
  policyObject("FaultInjection", name, spec, { namespace });
const route = (name: string, path: string, namespace = "web") =>
  policyObject(
    "HTTPRoute",
    name,
    `{parentRefs: [{group: core, kind: Service, name: api, namespace: web}], rules: [{matches: [{path: {value: ${path}}}]}]}`,
    { namespace },
  );

function faults(clientNamespace: string, ...objects: PolicyObject[]) {
  const cluster = new TestCluster().services(service({ name: "api" })).policies(...objects);
  return { cluster, faults: () => faultsIn(cluster, clientNamespace) };
}

function faultsIn(cluster: TestCluster, clientNamespace: string) {
  const settings = { ...cluster.settings, clusterNetworks: [], globalEgressNamespace: "egress" };
  const target = parseAuthority("10.96.0.10:80", "cluster.local");
  const policy = watchOutbound(cluster.index, settings, target, clientNamespace).value.get();
  const kind = outboundMessage(policy, "")?.protocol?.kind;
  if (kind?.case !== "detect") throw new Error(`protocol ${kind?.case}`);
  return (kind.value.http1?.routes ?? []).flatMap(({ rules }) => rules.map((rule) => rule.faults));
}

describe("A FaultInjection", () => {
  test("for a Service is in the route that nobody wrote, with gate, share, delay and end", () => {
    const spec =
      "{targetRef: {kind: Service, name: api}, header: {name: X-Test, value: 'yes'}, percent: 2.5, delay: 200ms, abort: {httpStatus: 503}}";
    expect(faults("web", fault(spec)).faults()).toMatchObject([
      [
        {
          headers: [{ name: "x-test", value: { case: "exact", value: Buffer.from("yes") } }],
          ratio: { numerator: 25_000, denominator: 1_000_000 },
          delay: { seconds: 0n, nanos: 200_000_000 },
          end: { case: "abort", value: { httpStatus: 503, grpcStatus: 14 } },
        },
      ],
    ]);
  });

  test("for a route is in its rules only, and one for the Service in all of them", () => {
    const { faults: read } = faults(
      "web",
      route("a", "/a"),
      route("b", "/b"),
      fault("{targetRef: {kind: HTTPRoute, name: b}, reset: true}", "one"),
      fault("{targetRef: {kind: Service, name: api}, bytesPerSecond: 1000}", "two"),
    );
    const told = read().map((list) => list.map(({ end, bytesPerSecond }) => `${end.case ?? ""}${bytesPerSecond}`));
    expect(told).toEqual([["1000"], ["1000", "reset0"]]);
  });

  test("is about its own namespace", () => {
    const spec = "{targetRef: {kind: Service, name: api}, reset: true}";
    expect(faults("other", fault(spec, "f", "other")).faults()).toEqual([[]]);
    const forRoute = fault("{targetRef: {kind: HTTPRoute, name: mine}, reset: true}", "f", "other");
    expect(faults("other", route("mine", "/", "other"), forRoute).faults()).toMatchObject([
      [{ end: { case: "reset" } }],
    ]);
    expect(faults("web", route("mine", "/", "other"), forRoute).faults()).toEqual([[]]);
  });

  test("comes and goes while the policy is watched", () => {
    const { cluster, faults: read } = faults("web");
    expect(read()).toEqual([[]]);
    cluster.policies(fault("{targetRef: {kind: Service, name: api}, reset: true}"));
    cluster.settle();
    expect(read()[0]?.length).toBe(1);
    cluster.index.policy.faultInjections.delete("web", "f");
    cluster.settle();
    expect(read()).toEqual([[]]);
  });

  test.each([
    ["{targetRef: {kind: Service, name: api}}", "spec: one of abort, reset, delay and bytesPerSecond is needed"],
    ["{targetRef: {kind: Pod, name: api}, reset: true}", 'spec.targetRef: "Pod" can\'t be a target; use a Service'],
    ["{targetRef: {kind: Service}, reset: true}", "spec.targetRef.name: is required"],
    ["{reset: true}", "spec.targetRef: is required"],
    ["{targetRef: {kind: Service, name: api}, delay: 2 s}", 'spec.delay: "2 s" is not a duration'],
    ["{targetRef: {kind: Service, name: api}, delay: 2h}", "spec.delay: is longer than an hour"],
    ["{targetRef: {kind: Service, name: api}, reset: true, percent: 101}", "spec.percent: 101 is not a number from 0"],
    ["{targetRef: {kind: Service, name: api}, reset: true, headers: []}", "spec.headers: is not a known field"],
    ["{targetRef: {kind: Service, name: api}, reset: true, header: {name: a}}", "spec.header.value: is required"],
    ["{targetRef: {kind: Service, name: api}, reset: true, abort: {}}", "spec: abort and reset exclude each other"],
    ["{targetRef: {kind: Service, name: api}, abort: {httpStatus: 100}}", "spec.abort.httpStatus: 100 is not a whole"],
  ])("%s is refused, and does nothing when it was stored anyway", async (spec, message) => {
    const { problems } = await judge("policy.linkerd-ts.dev/v1alpha1", "FaultInjection", spec);
    expect(problems.join("; ")).toContain(message);
    expect(faults("web", fault(spec)).faults()).toEqual([[]]);
  });
});
