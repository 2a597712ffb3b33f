import { describe, expect, test } from "bun:test";
import type { SliceEndpoint } from "#kube/types/discovery.ts";
import { endpointFor, namespace, node, pod, replicaSet, service, slice } from "../testing/builders.ts";
import { policyObject } from "../testing/policy-objects.ts";
import { TestCluster } from "../testing/test-cluster.ts";
import type { DestinationSettings } from "./settings.ts";
import { type EndpointQuery, type EndpointSet, watchEndpoints } from "./endpoint-set.ts";
import { type Endpoint, sameEndpoint } from "./endpoint.ts";

const query: EndpointQuery = { namespace: "web", service: "api", port: 80, hostname: null };
const podA = pod({
  name: "a",
  ip: "10.0.0.1",
  serviceAccount: "api",
  replicaSet: "api-7d4",
  labels: { "pod-template-hash": "7d4" },
});

function current(cluster: TestCluster, of: Partial<EndpointQuery> = {}): EndpointSet {
  return watchEndpoints(cluster.index, cluster.settings, { ...query, ...of }).value.get();
}

function one(cluster: TestCluster, of: Partial<EndpointQuery> = {}): Endpoint {
  const [endpoint] = [...current(cluster, of).endpoints.values()];
  if (endpoint === undefined) throw new Error("no endpoint");
  return endpoint;
}

function meshed(settings: Partial<DestinationSettings> = {}, target = podA, port = 8080): TestCluster {
  return new TestCluster(settings)
    .services(service({ name: "api" }))
    .pods(target)
    .slices(slice({ service: "api", ports: [{ name: "http", port }], endpoints: [endpointFor(target)] }));
}

describe("watchEndpoints", () => {
  test("a meshed pod has identity, HTTP/2 hint, transport port, and labels down to its Deployment", () => {
    const cluster = meshed().replicaSets(replicaSet("api-7d4", "api")).nodes(node("node-a", "z1"));
    expect(one(cluster)).toEqual({
      ip: "10.0.0.1",
      port: 8080,
      pod: { namespace: "web", name: "a" },
      hostname: null,
      node: "node-a",
      zone: "z1",
      forZones: [],
      labels: {
        pod: "a",
        serviceaccount: "api",
        deployment: "api",
        control_plane_ns: "linkerd",
        pod_template_hash: "7d4",
        zone: "z1",
      },
      identity: "api.web.serviceaccount.identity.linkerd.cluster.local",
      hint: { protocol: "h2", transportPort: 4143 },
      opaque: false,
    });
  });

  test("the Deployment is named even before its ReplicaSet is seen", () => {
    expect(one(meshed()).labels["deployment"]).toBe("api");
  });

  test("a pod without proxy has neither identity nor hint", () => {
    const endpoint = one(meshed({}, pod({ name: "a", ip: "10.0.0.1", meshed: false })));
    expect([endpoint.identity, endpoint.hint]).toEqual([null, null]);
  });

  test("a pod of another trust domain or another control plane has no identity", () => {
    expect(one(meshed({}, pod({ name: "a", ip: "10.0.0.1", trustDomain: "other" }))).identity).toBe(null);
    expect(one(meshed({ controlPlaneNamespace: "mesh" })).identity).toBe(null);
    expect(one(meshed({ controlPlaneNamespace: "mesh" })).hint).toBe(null);
  });

  test("a port that bypasses the proxy has neither identity nor hint", () => {
    const annotations = { "config.linkerd.io/skip-inbound-ports": "8080" };
    const endpoint = one(meshed({}, pod({ name: "a", ip: "10.0.0.1", annotations })));
    expect([endpoint.identity, endpoint.hint]).toEqual([null, null]);
  });

  test("the proxy's own admin port has an identity but no hint", () => {
    const endpoint = one(meshed({}, podA, 4191));
    expect(endpoint.identity).not.toBe(null);
    expect(endpoint.hint).toBe(null);
  });

  test.each([
    ["the pod's annotation", { "config.linkerd.io/opaque-ports": "8080" }, {}, 8080, true],
    ["the namespace's annotation", {}, { "config.linkerd.io/opaque-ports": "8080" }, 8080, true],
    ["the default list", {}, {}, 3306, true],
    ["an annotation that replaces the default list", { "config.linkerd.io/opaque-ports": "1" }, {}, 3306, false],
  ])("opaque by %s", (_name, onPod, onNamespace, port, opaque) => {
    const cluster = meshed({}, pod({ name: "a", ip: "10.0.0.1", annotations: onPod }), port);
    cluster.namespaces(namespace("web", onNamespace));
    expect(one(cluster).hint).toEqual({ protocol: opaque ? "opaque" : "h2", transportPort: 4143 });
  });

  test("in transparent mode only opaque ports travel with a transport header", () => {
    expect(one(meshed({ transportMode: "transparent" })).hint).toEqual({ protocol: "h2", transportPort: null });
    expect(one(meshed({ transportMode: "transparent" }, podA, 3306)).hint).toEqual({
      protocol: "opaque",
      transportPort: 4143,
    });
  });

  test("without HTTP/2 upgrade there is a hint for the transport only", () => {
    expect(one(meshed({ enableH2Upgrade: false })).hint).toEqual({ protocol: "unknown", transportPort: 4143 });
  });

  test("a Service that is not there does not exist, one without endpoints does", () => {
    const cluster = new TestCluster();
    expect(current(cluster)).toMatchObject({ exists: false });
    cluster.services(service({ name: "api" }));
    cluster.settle();
    expect(current(cluster)).toMatchObject({ exists: true });
    expect(current(cluster).endpoints.size).toBe(0);
  });

  test("a port that the Service does not declare has no endpoints; of a headless Service it is the pods' port", () => {
    expect(current(meshed(), { port: 81 }).endpoints.size).toBe(0);
    const headless = meshed().services(service({ name: "api", ip: "None" }));
    expect(one(headless, { port: 9999 }).port).toBe(9999);
  });

  test("an outside name is refused", () => {
    const cluster = new TestCluster().services(service({ name: "api", externalName: "example.com" }));
    expect(() => current(cluster)).toThrow('Service "api" in namespace "web" stands for an outside name');
  });

  test("one instance of a StatefulSet is found by its host name", () => {
    const podB = pod({ name: "b", ip: "10.0.0.2" });
    const endpoints = [endpointFor(podA, { hostname: "db-0" }), endpointFor(podB, { hostname: "db-1" })];
    const cluster = meshed()
      .pods(podB)
      .slices(slice({ service: "api", endpoints }));
    expect(one(cluster, { hostname: "db-1" }).ip).toBe("10.0.0.2");
    expect(current(cluster, { hostname: "db-2" }).endpoints.size).toBe(0);
  });

  test.each<[string, Partial<SliceEndpoint>]>([
    ["not ready", { conditions: { ready: false } }],
    ["terminating", { conditions: { ready: true, terminating: true } }],
    ["of another pod's uid", { targetRef: { kind: "Pod", namespace: "web", name: "a", uid: "old" } }],
    ["at an address that the pod no longer has", { addresses: ["10.0.0.99"] }],
    ["of a pod that is not known yet", { targetRef: { kind: "Pod", namespace: "web", name: "new", uid: "x" } }],
  ])("an endpoint that is %s is left out", (_name, extra) => {
    const cluster = meshed().slices(slice({ service: "api", endpoints: [endpointFor(podA, extra)] }));
    expect(current(cluster).endpoints.size).toBe(0);
  });

  test("an address of no pod is given as it is", () => {
    const cluster = meshed().slices(slice({ service: "api", endpoints: [{ addresses: ["192.0.2.7"], zone: "z9" }] }));
    expect(one(cluster)).toMatchObject({
      ip: "192.0.2.7",
      pod: null,
      labels: { zone: "z9" },
      identity: null,
      hint: null,
    });
  });

  test("of a dual-stack Service one family is taken: IPv4 unless IPv6 is wanted", () => {
    const endpoints = [{ addresses: ["fd00::7"] }];
    const both = (settings: Partial<DestinationSettings>): TestCluster =>
      meshed(settings).slices(slice({ service: "api", name: "api-v6", family: "IPv6", endpoints }));
    expect(one(both({})).ip).toBe("10.0.0.1");
    expect(one(both({ enableIpv6: true })).ip).toBe("fd00::7");
  });

  test("compares every field of an endpoint", () => {
    const base = one(meshed().nodes(node("node-a", "z1")));
    expect(sameEndpoint(base, structuredClone(base))).toBe(true);
    const others: { readonly [K in keyof Required<Endpoint>]: Endpoint[K] } = {
      ip: "10.0.0.2",
      port: 1,
      pod: { namespace: "web", name: "other" },
      external: { namespace: "web", name: "vm" },
      serverName: "x",
      tlsRequiredBy: "x",
      hostname: "x",
      node: "x",
      zone: "x",
      forZones: ["x"],
      labels: { ...base.labels, pod: "x" },
      identity: null,
      hint: { protocol: "opaque", transportPort: 4143 },
      opaque: true,
    };
    for (const [field, value] of Object.entries(others)) {
      expect([field, sameEndpoint(base, { ...base, [field]: value })]).toEqual([field, false]);
    }
    expect(sameEndpoint(base, { ...base, hint: { protocol: "h2", transportPort: null } })).toBe(false);
    expect(sameEndpoint(base, { ...base, pod: null, hint: null })).toBe(false);
  });

  test("tells of changes, keeping unchanged endpoints as the same objects", () => {
    const cluster = meshed();
    const podB = pod({ name: "b", ip: "10.0.0.2" });
    const { value } = watchEndpoints(cluster.index, cluster.settings, query);
    const seen: EndpointSet[] = [];
    value.watch((set) => seen.push(set));
    const before = value.get().endpoints.get("10.0.0.1:8080");
    cluster.slices(slice({ service: "api", endpoints: [endpointFor(podA), endpointFor(podB)] }));
    cluster.settle();
    expect(seen.length).toBe(0);
    cluster.pods(podB);
    cluster.settle();
    expect([...(seen[0]?.endpoints.keys() ?? [])]).toEqual(["10.0.0.1:8080", "10.0.0.2:8080"]);
    expect(seen[0]?.endpoints.get("10.0.0.1:8080")).toBe(before as Endpoint);
    cluster.index.pods.delete("web", "a");
    cluster.settle();
    expect([...(seen[1]?.endpoints.keys() ?? [])]).toEqual(["10.0.0.2:8080"]);
    cluster.pods(pod({ name: "b", ip: "10.0.0.2", terminating: true }));
    cluster.settle();
    expect(seen[2]?.endpoints.size).toBe(0);
  });

  test("a Server that says opaque makes its port so, and no other", () => {
    const server = (proxyProtocol: string) =>
      policyObject("Server", "srv", `{podSelector: {}, port: 8080, proxyProtocol: ${proxyProtocol}}`);
    expect(one(meshed().policies(server("opaque")))).toMatchObject({ opaque: true, hint: { protocol: "opaque" } });
    expect(one(meshed().policies(server("HTTP/1")))).toMatchObject({ opaque: false });
    expect(one(meshed({}, podA, 8081).policies(server("opaque")))).toMatchObject({ opaque: false });
  });
});
