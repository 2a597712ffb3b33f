import { describe, expect, test } from "bun:test";
import { parseCidrs } from "#lib/net-addr.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { weightedAddr } from "../api/destination-message.ts";
import { outboundMessage } from "../api/outbound-message.ts";
import { profileMessage } from "../api/profile-message.ts";
import { parseAuthority } from "../destination/authority.ts";
import { watchEndpoints } from "../destination/endpoint-set.ts";
import { watchProfile } from "../destination/profile.ts";
import { watchInbound } from "../policy/inbound.ts";
import { watchOutbound } from "../policy/outbound.ts";
import { externalWorkload, pod, service, slice } from "../testing/builders.ts";
import { policyObject } from "../testing/policy-objects.ts";
import { TestCluster } from "../testing/test-cluster.ts";
import { decodeExternalWorkload } from "./external-workload.ts";

const vm = externalWorkload("vm", "192.0.2.1");
const targetRef = { kind: "ExternalWorkload", namespace: "web", name: "vm", uid: "uid-vm" };

function behind(machine: KubeObject, more: object = {}): TestCluster {
  return new TestCluster()
    .services(service({ name: "api" }))
    .externalWorkloads(machine)
    .slices(slice({ service: "api", endpoints: [{ addresses: ["192.0.2.1"], targetRef: { ...targetRef, ...more } }] }));
}

function endpoints(cluster: TestCluster) {
  const query = { namespace: "web", service: "api", port: 80, hostname: null };
  return [...watchEndpoints(cluster.index, cluster.settings, query).value.get().endpoints.values()];
}

describe("An ExternalWorkload", () => {
  test("is an endpoint with its own identity and server name, reached at its proxy's port", () => {
    const [endpoint] = endpoints(behind(vm));
    expect(endpoint).toMatchObject({
      ip: "192.0.2.1",
      port: 8080,
      pod: null,
      external: { namespace: "web", name: "vm" },
      labels: { external_workload: "vm" },
      identity: "spiffe://root.linkerd.cluster.local/vm",
      serverName: "vm.example.com",
      hint: { protocol: "h2", transportPort: 4143 },
    });
    if (endpoint === undefined) throw new Error("no endpoint");
    const { tlsIdentity, resourceRef } = weightedAddr(endpoint, "") ?? {};
    expect(tlsIdentity).toMatchObject({
      strategy: { case: "uriLikeIdentity", value: { uri: "spiffe://root.linkerd.cluster.local/vm" } },
      serverName: { name: "vm.example.com" },
    });
    expect(resourceRef).toMatchObject({ kind: { value: { group: "workload.linkerd.io", kind: "ExternalWorkload" } } });
  });

  test("with a DNS identity keeps its server name apart", () => {
    const [endpoint] = endpoints(behind(externalWorkload("vm", "192.0.2.1", { identity: "vm.web.example.org" })));
    if (endpoint === undefined) throw new Error("no endpoint");
    expect(weightedAddr(endpoint, "")?.tlsIdentity).toMatchObject({
      strategy: { case: "dnsLikeIdentity", value: { name: "vm.web.example.org" } },
      serverName: { name: "vm.example.com" },
    });
  });

  test.each<[string, KubeObject, object]>([
    ["is not ready", externalWorkload("vm", "192.0.2.1", { ready: false }), {}],
    ["has another address", externalWorkload("vm", "192.0.2.9"), {}],
    ["has another uid", vm, { uid: "old" }],
    ["is not known", vm, { name: "none" }],
  ])("that %s is no endpoint", (_why, machine, more) => {
    expect(endpoints(behind(machine, more))).toEqual([]);
  });

  test("appears and goes with its readiness, and follows its Server's protocol", () => {
    const cluster = behind(externalWorkload("vm", "192.0.2.1", { ready: false }));
    const query = { namespace: "web", service: "api", port: 80, hostname: null };
    const { value } = watchEndpoints(cluster.index, cluster.settings, query);
    expect(value.get().endpoints.size).toBe(0);
    cluster.externalWorkloads(vm);
    cluster.settle();
    expect(value.get().endpoints.size).toBe(1);
    cluster.policies(policyObject("Server", "s", "{externalWorkloadSelector: {}, port: http, proxyProtocol: opaque}"));
    cluster.settle();
    expect([...value.get().endpoints.values()]).toMatchObject([{ opaque: true, hint: { protocol: "opaque" } }]);
  });

  test("is found by its address", () => {
    const cluster = new TestCluster().externalWorkloads(vm);
    const target = parseAuthority("192.0.2.1:8080", "cluster.local");
    const profile = watchProfile(cluster.index, cluster.settings, target, "web").value.get();
    expect(profileMessage(profile, "").endpoint?.tlsIdentity?.serverName?.name).toBe("vm.example.com");
    const settings = { ...cluster.settings, clusterNetworks: [], globalEgressNamespace: "egress" };
    const policy = watchOutbound(cluster.index, settings, target, "web").value.get();
    expect(policy).toMatchObject({ kind: "pod", endpoint: { external: { name: "vm" } } });
    expect(outboundMessage(policy, "")?.metadata).toMatchObject({ kind: { value: { kind: "ExternalWorkload" } } });
  });

  test("has the inbound policy of a Server that selects it, which is none for pods", () => {
    const labels = { app: "api" };
    const cluster = new TestCluster()
      .externalWorkloads(vm)
      .pods(pod({ name: "vm", ip: "10.0.0.1", labels }))
      .policies(
        policyObject("Server", "machines", "{externalWorkloadSelector: {matchLabels: {app: api}}, port: http}"),
      );
    const settings = {
      ...cluster.settings,
      defaultPolicy: "all-unauthenticated" as const,
      clusterNetworks: [],
      probeNetworks: parseCidrs("0.0.0.0/0"),
    };
    const base = { namespace: "web", pod: "", port: 8080 };
    const inbound = (more: object) => watchInbound(cluster.index, settings, { ...base, ...more }).value.get();
    expect(inbound({ externalWorkload: "vm" })).toMatchObject({
      origin: { kind: "server", name: "machines" },
      authorizations: [],
      serverIps: ["192.0.2.1"],
    });
    expect(inbound({ pod: "vm" })?.origin).toMatchObject({ kind: "default" });
    expect(inbound({ externalWorkload: "none" })).toBe(null);
  });

  test("of the first version is read, and without an identity it is refused", () => {
    const meshTls = { identity: "vm.example.org", serverName: "vm.example.com" };
    const old = { metadata: { namespace: "web", name: "vm" }, spec: { meshTls, workloadIPs: [{ ip: "192.0.2.1" }] } };
    expect(decodeExternalWorkload(old)).toMatchObject({ external: meshTls, ready: false, ips: ["192.0.2.1"] });
    const without = { ...old, spec: { workloadIPs: [{ ip: "192.0.2.1" }] } };
    expect(() => decodeExternalWorkload(without)).toThrow('ExternalWorkload "vm" says no identity and server name');
  });
});
