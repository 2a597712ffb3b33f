import { describe, expect, test } from "bun:test";
import { endpointFor, namespace, pod, service, slice } from "../testing/builders.ts";
import { profileMessage } from "../api/profile-message.ts";
import { policyObject } from "../testing/policy-objects.ts";
import { TestCluster } from "../testing/test-cluster.ts";
import { parseAuthority } from "./authority.ts";
import { type Profile, watchProfile } from "./profile.ts";

const podA = pod({ name: "a", ip: "10.0.0.1", serviceAccount: "api" });

function profile(cluster: TestCluster, path: string, client = ""): Profile {
  const found = watchProfile(
    cluster.index,
    cluster.settings,
    parseAuthority(path, "cluster.local"),
    client,
  ).value.get();
  // Whatever comes out must have a form on the wire.
  profileMessage(found, "");
  return found;
}
const nothingWritten = { routes: [], retryBudget: null, overrides: [], source: null };
const base = (): TestCluster =>
  new TestCluster()
    .services(service({ name: "api", ip: "10.96.0.1" }))
    .pods(podA)
    .slices(slice({ service: "api", endpoints: [endpointFor(podA, { hostname: "a-0" })] }));

describe("watchProfile", () => {
  test("a Service's address leads to its name", () => {
    expect(profile(base(), "10.96.0.1:80")).toEqual({
      name: "api.web.svc.cluster.local",
      opaque: false,
      endpoint: null,
      service: { namespace: "web", name: "api", port: 80 },
      ...nothingWritten,
    });
  });

  test("a name gives the same as its address", () => {
    expect(profile(base(), "api.web.svc.cluster.local:80")).toEqual(profile(base(), "10.96.0.1:80"));
  });

  test("a pod's address is an endpoint without a name", () => {
    const found = profile(base(), "10.0.0.1:8080");
    expect(found).toMatchObject({ name: "", service: null, endpoint: { pod: { name: "a" }, port: 8080 } });
    expect(found.endpoint?.identity).toBe("api.web.serviceaccount.identity.linkerd.cluster.local");
  });

  test("one instance of a StatefulSet has a name and an endpoint", () => {
    expect(profile(base(), "a-0.api.web.svc.cluster.local:80")).toMatchObject({
      name: "a-0.api.web.svc.cluster.local",
      endpoint: { ip: "10.0.0.1", port: 8080 },
    });
  });

  test("an unknown address has no name and no endpoint, and is opaque by the default list", () => {
    expect(profile(base(), "192.0.2.1:80")).toEqual({
      name: "",
      opaque: false,
      endpoint: null,
      service: null,
      ...nothingWritten,
    });
    expect(profile(base(), "192.0.2.1:3306").opaque).toBe(true);
  });

  test("opaque by the Service's annotation, else the namespace's", () => {
    const key = "config.linkerd.io/opaque-ports";
    const cluster = base().namespaces(namespace("web", { [key]: "80" }));
    expect(profile(cluster, "10.96.0.1:80").opaque).toBe(true);
    cluster.services(service({ name: "api", ip: "10.96.0.1", annotations: { [key]: "81" } }));
    cluster.settle();
    expect(profile(cluster, "10.96.0.1:80").opaque).toBe(false);
    expect(profile(cluster, "10.96.0.1:81").opaque).toBe(true);
  });

  test("follows an address from one pod to the next, and to nobody", () => {
    const cluster = base();
    const target = parseAuthority("10.0.0.1:8080", "cluster.local");
    const { value } = watchProfile(cluster.index, cluster.settings, target, "");
    const seen: Array<string | null> = [];
    value.watch(({ endpoint }) => seen.push(endpoint?.pod?.name ?? null));
    cluster.pods(pod({ name: "a", ip: "10.0.0.1", phase: "Succeeded" }));
    cluster.settle();
    cluster.pods(pod({ name: "b", ip: "10.0.0.1" }));
    cluster.settle();
    cluster.index.pods.delete("web", "b");
    cluster.settle();
    expect(seen).toEqual([null, "b", null]);
  });
});

describe("ServiceProfile", () => {
  const name = "api.web.svc.cluster.local";
  const written = (spec: string, namespace = "web") => policyObject("ServiceProfile", name, spec, { namespace });

  test("has routes, a budget, overrides and opaque ports", () => {
    const spec = `
      routes:
        - name: GET /books
          condition: {method: GET, pathRegex: /books}
          responseClasses: [{condition: {not: {status: {min: 200, max: 299}}}, isFailure: true}]
          isRetryable: true
          timeout: 300ms
      retryBudget: {retryRatio: 0.5, minRetriesPerSecond: 1, ttl: 1m}
      dstOverrides: [{authority: api-v2.web.svc.cluster.local, weight: 500m}, {authority: "other:81", weight: 1}]
      opaquePorts: ["90-99"]`;
    const cluster = base().policies(written(spec));
    expect(profile(cluster, "10.96.0.1:80")).toMatchObject({
      opaque: false,
      routes: [
        {
          name: "GET /books",
          condition: {
            kind: "all",
            of: [
              { kind: "method", method: "GET" },
              { kind: "path", regex: "/books" },
            ],
          },
          responses: [{ condition: { kind: "not", of: { kind: "status", min: 200, max: 299 } }, isFailure: true }],
          isRetryable: true,
          timeout: 300,
        },
      ],
      retryBudget: { retryRatio: 0.5, minRetriesPerSecond: 1, ttl: 60_000 },
      overrides: [
        { authority: "api-v2.web.svc.cluster.local:80", weight: 500 },
        { authority: "other:81", weight: 1000 },
      ],
      source: { namespace: "web", name },
    });
    expect(profile(cluster, "10.96.0.1:95").opaque).toBe(true);
  });

  test("of the client's namespace counts before that of the Service", () => {
    const route = (of: string) => `routes: [{name: ${of}, condition: {method: GET}}]`;
    const cluster = base().policies(written(route("theirs")), written(route("mine"), "clients"));
    const names = (client: string) => profile(cluster, `${name}:80`, client).routes.map((found) => found.name);
    expect(names("clients")).toEqual(["mine"]);
    expect(names("elsewhere")).toEqual(["theirs"]);
    expect(names("")).toEqual(["theirs"]);
  });

  test("of nobody's is told to those who follow once it is written", () => {
    const cluster = base();
    const target = parseAuthority("10.96.0.1:80", "cluster.local");
    const { value } = watchProfile(cluster.index, cluster.settings, target, "web");
    const counts: number[] = [];
    value.watch(({ routes }) => counts.push(routes.length));
    cluster.policies(written("routes: [{name: a, condition: {method: GET}}]")).settle();
    cluster.index.policy.profiles.delete("web", name);
    cluster.settle();
    expect(counts).toEqual([1, 0]);
  });
});

describe("TrafficSplit", () => {
  const split = (backends: string, more = {}) =>
    policyObject("TrafficSplit", "canary", `{service: api, backends: ${backends}}`, more);

  test("shares a Service's requests by weight, in numbers and quantities", () => {
    const cluster = base().policies(split("[{service: api-v1, weight: 900m}, {service: api-v2.web, weight: 100m}]"));
    const shares = (): string[] =>
      profile(cluster, "10.96.0.1:80").overrides.map(({ authority, weight }) => `${authority} ${weight}`);
    expect(shares()).toEqual(["api-v1.web.svc.cluster.local:80 900", "api-v2.web.svc.cluster.local:80 100"]);
    cluster.policies(split("[{service: api-v1, weight: 0}, {service: api-v2, weight: 100}]")).settle();
    expect(shares()).toEqual(["api-v1.web.svc.cluster.local:80 0", "api-v2.web.svc.cluster.local:80 100000"]);
  });

  test("stands behind overrides of a ServiceProfile, and is of its own namespace only", () => {
    const profileObject = policyObject(
      "ServiceProfile",
      "api.web.svc.cluster.local",
      "dstOverrides: [{authority: mine, weight: 1}]",
    );
    const elsewhere = split("[{service: x, weight: 1}]", { namespace: "other" });
    expect(profile(base().policies(elsewhere), "10.96.0.1:80").overrides).toEqual([]);
    const both = base().policies(split("[{service: x, weight: 1}]"), profileObject);
    expect(profile(both, "10.96.0.1:80").overrides).toEqual([{ authority: "mine:80", weight: 1000 }]);
  });
});
