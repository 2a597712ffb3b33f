import { describe, expect, test } from "bun:test";
import { weightedAddr } from "../api/destination-message.ts";
import { judge } from "../admission/testing.ts";
import { endpointFor, pod, service, slice } from "../testing/builders.ts";
import { policyObject } from "../testing/policy-objects.ts";
import { TestCluster } from "../testing/test-cluster.ts";
import { parseAuthority } from "./authority.ts";
import { watchEndpoints } from "./endpoint-set.ts";
import { computeProfile } from "./profile.ts";
import { untracked } from "../index/derivations.ts";

const plain = pod({ name: "a", ip: "10.0.0.1", meshed: false });
const ofService = "{targetRef: {kind: Service, name: api}}";
const ofNamespace = "{targetRef: {kind: Namespace, name: web}}";

function cluster(...specs: string[]): TestCluster {
  return new TestCluster()
    .services(service({ name: "api" }), service({ name: "other", ip: "10.96.0.11" }))
    .pods(plain)
    .slices(slice({ service: "api", endpoints: [endpointFor(plain)] }))
    .slices(slice({ service: "other", name: "other", endpoints: [endpointFor(plain)] }))
    .policies(...specs.map((spec, at) => policyObject("MeshTLSRequirement", `r${at}`, spec)));
}

function endpoint(of: TestCluster, name: string) {
  const query = { namespace: "web", service: name, port: 80, hostname: null };
  return [...watchEndpoints(of.index, of.settings, query).value.get().endpoints.values()][0];
}

function direct(of: TestCluster) {
  return computeProfile(of.index, of.settings, parseAuthority("10.0.0.1:8080", "cluster.local"), "", untracked).endpoint
    ?.tlsRequiredBy;
}

describe("A MeshTLSRequirement", () => {
  test("for a Service is in its endpoints and their messages, in no other Service's, and in those meant by address", () => {
    const of = cluster(ofService);
    const found = endpoint(of, "api");
    expect(found?.tlsRequiredBy).toBe("web/r0");
    expect(found && weightedAddr(found, "")?.tlsRequiredBy).toBe("web/r0");
    expect(endpoint(of, "other")?.tlsRequiredBy).toBeUndefined();
    expect(direct(of)).toBe("web/r0");
    expect(direct(cluster())).toBeUndefined();
  });

  test("for a namespace is about every Service and pod there", () => {
    const of = cluster(ofNamespace);
    expect([endpoint(of, "api")?.tlsRequiredBy, endpoint(of, "other")?.tlsRequiredBy]).toEqual(["web/r0", "web/r0"]);
    expect(direct(of)).toBe("web/r0");
  });

  test("reaches proxies that watch already, and is gone when it is deleted", () => {
    const of = cluster();
    const { value } = watchEndpoints(of.index, of.settings, {
      namespace: "web",
      service: "api",
      port: 80,
      hostname: null,
    });
    const now = () => [...value.get().endpoints.values()][0]?.tlsRequiredBy;
    const stop = value.watch(() => {});
    expect(now()).toBeUndefined();
    of.policies(policyObject("MeshTLSRequirement", "late", ofService));
    of.settle();
    expect(now()).toBe("web/late");
    of.index.policy.meshTlsRequirements.delete("web", "late");
    of.settle();
    expect(now()).toBeUndefined();
    stop();
  });

  test.each([
    ["another field", "{targetRef: {kind: Service, name: other}, mode: x}", "other"],
    ["no target", "{}", "api"],
    ["a kind that can't be", "{targetRef: {kind: Pod, name: a}}", "api"],
    ["another namespace", "{targetRef: {kind: Namespace, name: shop}}", "api"],
  ])("with %s counts for its Service, else for the namespace", (_what, spec, at) => {
    expect(endpoint(cluster(spec), at)?.tlsRequiredBy).toBe("web/r0");
  });

  test("is refused by the webhook with what is wrong", async () => {
    const problems = async (spec: string) =>
      (await judge("policy.linkerd-ts.dev/v1alpha1", "MeshTLSRequirement", spec)).problems;
    expect(await problems(ofService)).toEqual([]);
    expect(await problems(ofNamespace)).toEqual([]);
    expect(await problems("{targetRef: {kind: Pod, name: a}}")).toEqual([
      'spec.targetRef: "Pod" can\'t be a target; use a Service or Namespace',
    ]);
    expect(await problems("{targetRef: {kind: Namespace, name: shop}}")).toEqual([
      'spec.targetRef.name: another namespace can\'t be a target; use "web"',
    ]);
  });
});
