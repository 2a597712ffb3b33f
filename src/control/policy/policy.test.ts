import { describe, expect, test } from "bun:test";
import { parseCidrs } from "#lib/net-addr.ts";
import { parseAuthority } from "../destination/authority.ts";
import { namespace, pod, service } from "../testing/builders.ts";
import { TestCluster } from "../testing/test-cluster.ts";
import { type DefaultPolicyName, defaultPolicies } from "#model/default-policy.ts";
import { parseDefaultPolicyName } from "./default-policy.ts";
import { type InboundSettings, watchInbound } from "./inbound.ts";
import type { InboundPolicy } from "./inbound-policy.ts";
import { type OutboundPolicy, watchOutbound } from "./outbound.ts";

const clusterNetworks = parseCidrs("10.0.0.0/8,fd00::/8");

function inbound(cluster: TestCluster, port = 8080, settings: Partial<InboundSettings> = {}): InboundPolicy | null {
  const all: InboundSettings = {
    trustDomain: "cluster.local",
    controlPlaneNamespace: "linkerd",
    defaultPolicy: "all-unauthenticated",
    clusterNetworks,
    probeNetworks: parseCidrs("0.0.0.0/0"),
    defaultOpaquePorts: cluster.settings.defaultOpaquePorts,
    ...settings,
  };
  return watchInbound(cluster.index, all, { namespace: "web", pod: "a", port }).value.get();
}

function withPod(annotations: Record<string, string> = {}, onNamespace: Record<string, string> = {}): TestCluster {
  return new TestCluster()
    .pods(pod({ name: "a", ip: "10.0.0.1", annotations }))
    .namespaces(namespace("web", onNamespace));
}
const policyKey = "config.linkerd.io/default-inbound-policy";

describe("watchInbound", () => {
  test("an unknown pod has no policy yet, and gets one when it comes", () => {
    const cluster = new TestCluster();
    expect(inbound(cluster)).toBe(null);
    cluster.pods(pod({ name: "a", ip: "10.0.0.1" }));
    cluster.settle();
    expect(inbound(cluster)).toMatchObject({ origin: { name: "all-unauthenticated" }, serverIps: ["10.0.0.1"] });
  });

  test.each<[DefaultPolicyName, number, string]>([
    ["all-unauthenticated", 2, "any"],
    ["all-authenticated", 2, "any-identity"],
    ["cluster-unauthenticated", 2, "any"],
    ["cluster-authenticated", 2, "any-identity"],
    ["audit", 2, "any"],
  ])("%s permits what its name says", (name, networks, clients) => {
    const policy = inbound(withPod({ [policyKey]: name }));
    expect(policy?.origin).toEqual({ group: "", kind: "default", name });
    expect(policy?.authorizations.length).toBe(1);
    expect(policy?.authorizations[0]).toMatchObject({ clients: { kind: clients }, origin: { name } });
    expect(policy?.authorizations[0]?.networks.length).toBe(networks);
    const prefixes = policy?.authorizations[0]?.networks.map(({ net }) => net.prefix);
    expect(prefixes).toEqual(name.startsWith("cluster-") ? [8, 8] : [0, 0]);
  });

  test("deny permits nobody", () => {
    expect(inbound(withPod({ [policyKey]: "deny" }))?.authorizations).toEqual([]);
  });

  test("the pod's annotation wins over the namespace's, that over the cluster's setting, and nonsense is passed over", () => {
    const name = (cluster: TestCluster): string | undefined =>
      inbound(cluster, 8080, { defaultPolicy: "audit" })?.origin.name;
    expect(name(withPod({ [policyKey]: "deny" }, { [policyKey]: "all-authenticated" }))).toBe("deny");
    expect(name(withPod({}, { [policyKey]: "all-authenticated" }))).toBe("all-authenticated");
    expect(name(withPod({ [policyKey]: "everybody" }))).toBe("audit");
    expect(() => parseDefaultPolicyName("everybody")).toThrow(defaultPolicies.join(", "));
  });

  test("ports that require an identity get one", () => {
    const cluster = withPod({ "config.linkerd.io/proxy-require-identity-inbound-ports": "http" });
    expect(inbound(cluster, 8080)?.origin.name).toBe("all-authenticated");
    expect(inbound(cluster, 8081)?.origin.name).toBe("all-unauthenticated");
  });

  test("opaque ports are not looked into", () => {
    expect(inbound(withPod({ "config.linkerd.io/opaque-ports": "http" }))?.protocol).toEqual({ kind: "opaque" });
    expect(inbound(withPod(), 3306)?.protocol).toEqual({ kind: "opaque" });
    expect(inbound(withPod())?.protocol).toMatchObject({ kind: "detect", timeout: 10_000 });
  });

  test("probes of this port are let in from the probe networks, whatever the policy", () => {
    const containers = [{ name: "app", livenessProbe: { httpGet: { path: "/live", port: 8080 } } }];
    const cluster = new TestCluster().pods(
      pod({ name: "a", ip: "10.0.0.1", containers, annotations: { [policyKey]: "deny" } }),
    );
    const routesOf = (policy: InboundPolicy | null) =>
      policy?.protocol.kind === "detect"
        ? policy.protocol.routes.map(({ origin, rules, authorizations }) => [
            origin.name,
            rules.flatMap(({ matches }) => matches.map(({ method, path }) => `${method ?? "*"} ${path?.value ?? ""}`)),
            authorizations.length,
          ])
        : [];
    expect(routesOf(inbound(cluster))).toEqual([
      ["probe", ["GET /live"], 1],
      ["default", ["* /"], 0],
    ]);
    expect(routesOf(inbound(cluster, 8081)).length).toBe(1);
    const without = new TestCluster().pods(pod({ name: "a", containers }));
    expect(routesOf(inbound(without, 8080, { probeNetworks: [] })).length).toBe(1);
  });
});

function outbound(cluster: TestCluster, path: string): OutboundPolicy {
  const settings = { ...cluster.settings, clusterNetworks, globalEgressNamespace: "linkerd-egress" };
  return watchOutbound(cluster.index, settings, parseAuthority(path, "cluster.local"), "").value.get();
}

describe("watchOutbound", () => {
  const base = (): TestCluster =>
    new TestCluster()
      .services(
        service({
          name: "api",
          ip: "10.96.0.1",
          ports: [
            { name: "http", port: 80 },
            { name: "db", port: 3306 },
            { name: "h1", port: 81, appProtocol: "HTTP" },
            { name: "h2", port: 82, appProtocol: "kubernetes.io/h2c" },
            { name: "tcp", port: 83, appProtocol: "linkerd.io/tcp" },
            { name: "ws", port: 84, appProtocol: "kubernetes.io/ws" },
            { name: "rpc", port: 85, appProtocol: "grpc" },
            { name: "tls", port: 86, appProtocol: "https" },
            { name: "wss", port: 87, appProtocol: "kubernetes.io/wss" },
            { name: "odd", port: 88, appProtocol: "example.com/odd" },
          ],
        }),
      )
      .pods(pod({ name: "a", ip: "10.0.0.1" }));

  test.each([
    [80, "detect"],
    [3306, "opaque"],
    [81, "http1"],
    [82, "http2"],
    [83, "opaque"],
    [84, "http1"],
    [85, "http2"],
    [86, "tls"],
    [87, "tls"],
    [88, "opaque"],
  ])("port %i of a Service is %s", (port, protocol) => {
    const path = `api.web.svc.cluster.local:${port}`;
    const expected = { kind: "service", namespace: "web", name: "api", port, path, protocol };
    expect(outbound(base(), `10.96.0.1:${port}`)).toMatchObject(expected as OutboundPolicy);
    expect(outbound(base(), path)).toMatchObject(expected as OutboundPolicy);
  });

  test("a port that the Service does not declare is refused", () => {
    expect(outbound(base(), "10.96.0.1:9999")).toMatchObject({ kind: "undeclared", name: "api", port: 9999 });
  });

  test("a pod is addressed directly", () => {
    expect(outbound(base(), "10.0.0.1:8080")).toMatchObject({
      kind: "pod",
      protocol: "detect",
      endpoint: { pod: { name: "a" } },
    });
    expect(outbound(base(), "10.0.0.1:3306")).toMatchObject({ kind: "pod", protocol: "opaque" });
  });

  test("an address outside of the cluster is left as it is; an unknown one inside is unknown", () => {
    expect(outbound(base(), "192.0.2.1:443")).toEqual({
      kind: "outside",
      ip: "192.0.2.1",
      port: 443,
      protocol: "detect",
    });
    expect(outbound(base(), "10.77.0.1:443")).toEqual({ kind: "unknown" });
    expect(outbound(base(), "none.web.svc.cluster.local:80")).toEqual({ kind: "unknown" });
  });
});
