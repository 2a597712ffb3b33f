/**
 * What is followed through thousands of random changes must at every quiet point be what somebody sees who comes only now and
 * reads everything: the mesh's oldest kind of bug is a value that was not computed anew.
 */
import { expect, test } from "bun:test";
import { parseCidrs } from "#lib/net-addr.ts";
import { seededRandom } from "#lib/random.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import type { ReadonlyWatchable } from "#lib/watchable.ts";
import { parseAuthority } from "../destination/authority.ts";
import { watchEndpoints } from "../destination/endpoint-set.ts";
import { watchProfile } from "../destination/profile.ts";
import { type InboundSettings, watchInbound } from "../policy/inbound.ts";
import { watchOutbound } from "../policy/outbound.ts";
import { endpointFor, namespace, node, pod, replicaSet, service, slice } from "../testing/builders.ts";
import { policyObject } from "../testing/policy-objects.ts";
import { type PolicyObject, TestCluster } from "../testing/test-cluster.ts";
import { indexSources, policySources, profileSources } from "../watches.ts";

const random = seededRandom(20_26);
const pick = <T>(of: readonly T[]): T => of[Math.floor(random.next() * of.length)] as T;
const chance = (part: number): boolean => random.next() < part;

const names = ["a", "b", "c", "d", "e", "f"];
const services = ["api", "db", "web"];
const spaces = ["web", "other"];
const group = "group: policy.linkerd.io";

/** Makes an object of some kind; the same name often, so that objects change and come back. */
const makers: ReadonlyArray<() => KubeObject & { kind: string; apiVersion: string }> = [
  () => {
    const name = pick(names);
    return kind("v1", "Pod", {
      ...pod({
        namespace: pick(spaces),
        name,
        ip: `10.0.0.${1 + Math.floor(random.next() * 8)}`,
        uid: `uid-${name}-${chance(0.8) ? 1 : 2}`,
        meshed: chance(0.8),
        labels: { app: pick(services) },
        annotations: chance(0.2) ? { "config.linkerd.io/opaque-ports": "8080" } : {},
        serviceAccount: pick(services),
        node: pick(["node-a", "node-b"]),
        ...(chance(0.5) ? { replicaSet: "rs" } : {}),
        ...(chance(0.1) ? { phase: "Succeeded" as const } : {}),
        terminating: chance(0.1),
      }),
    });
  },
  () =>
    kind(
      "v1",
      "Service",
      service({
        namespace: pick(spaces),
        name: pick(services),
        ip: pick(["10.96.0.1", "10.96.0.2", "None"]),
        annotations: chance(0.3) ? { "retry.linkerd.io/http": "5xx" } : {},
      }),
    ),
  () => {
    const space = pick(spaces);
    const of = pick(services);
    const endpoints = names
      .filter(() => chance(0.4))
      .map((name, index) => {
        const ip = `10.0.0.${1 + Math.floor(random.next() * 8)}`;
        return endpointFor(pod({ namespace: space, name, ip, uid: `uid-${name}-1` }), {
          conditions: { ready: chance(0.9) },
          ...(index === 0 ? { hostname: "first" } : {}),
        });
      });
    return kind("discovery.k8s.io/v1", "EndpointSlice", slice({ namespace: space, service: of, name: of, endpoints }));
  },
  () => kind("v1", "Namespace", namespace(pick(spaces), chance(0.3) ? { "config.linkerd.io/opaque-ports": "80" } : {})),
  () => kind("v1", "Node", node(pick(["node-a", "node-b"]), pick(["z1", "z2"]))),
  () => kind("apps/v1", "ReplicaSet", replicaSet("rs", pick(["x", "y"]), pick(spaces))),
  () =>
    policyObject(
      "Server",
      pick(names),
      `{podSelector: ${pick(["{}", "{matchLabels: {app: api}}"])}, port: ${pick(["8080", "http"])}, proxyProtocol: ${pick(["unknown", "opaque", "HTTP/1"])}}`,
      where(),
    ),
  () =>
    policyObject(
      "ServerAuthorization",
      pick(names),
      `{server: {name: ${pick(names)}}, client: {unauthenticated: true}}`,
      where(),
    ),
  () =>
    policyObject(
      "AuthorizationPolicy",
      pick(names),
      `{targetRef: {${group}, kind: ${pick(["Server", "HTTPRoute"])}, name: ${pick(names)}}, requiredAuthenticationRefs: [{${group}, kind: MeshTLSAuthentication, name: ${pick(names)}, namespace: ${pick(spaces)}}]}`,
      where(),
    ),
  () => policyObject("MeshTLSAuthentication", pick(names), `identities: ["${pick(names)}.x"]`, where()),
  () =>
    policyObject(
      "HTTPRoute",
      pick(names),
      `{parentRefs: [${pick([`{group: '', kind: Service, name: ${pick(services)}, namespace: ${pick(spaces)}}`, `{${group}, kind: Server, name: ${pick(names)}}`])}], rules: [{backendRefs: [{name: ${pick(services)}, port: 80}]}]}`,
      where(),
    ),
  () =>
    policyObject(
      "ServiceProfile",
      `${pick(services)}.${pick(spaces)}.svc.cluster.local`,
      `routes: [{name: ${pick(names)}, condition: {method: GET}}]`,
      where(),
    ),
  () => policyObject("EgressNetwork", pick(names), `{trafficPolicy: ${pick(["Allow", "Deny"])}}`, where()),
];

function where() {
  return { namespace: pick(spaces), created: `2026-01-0${1 + Math.floor(random.next() * 5)}T00:00:00Z` };
}

function kind<T extends KubeObject>(apiVersion: string, name: string, object: T) {
  return { ...object, apiVersion, kind: name };
}

const inbound: InboundSettings = {
  trustDomain: "cluster.local",
  controlPlaneNamespace: "linkerd",
  defaultPolicy: "all-unauthenticated",
  clusterNetworks: parseCidrs("10.0.0.0/8"),
  probeNetworks: [],
  defaultOpaquePorts: [],
};

/** Everything that proxies may follow, by what is asked. */
function queries({ index, settings }: TestCluster): Map<string, ReadonlyWatchable<unknown>> {
  const out = new Map<string, ReadonlyWatchable<unknown>>();
  const outbound = {
    ...settings,
    clusterNetworks: inbound.clusterNetworks,
    globalEgressNamespace: "other",
  };
  for (const space of spaces) {
    for (const name of services) {
      const query = { namespace: space, service: name, port: 80, hostname: null };
      out.set(`endpoints ${space}/${name}`, watchEndpoints(index, settings, query).value);
      const target = parseAuthority(`${name}.${space}.svc.cluster.local:80`, "cluster.local");
      out.set(`profile ${space}/${name}`, watchProfile(index, settings, target, "web").value);
      out.set(`outbound ${space}/${name}`, watchOutbound(index, outbound, target, "web").value);
    }
    for (const name of names) {
      out.set(
        `inbound ${space}/${name}`,
        watchInbound(index, inbound, { namespace: space, pod: name, port: 8080 }).value,
      );
    }
    for (const address of ["10.96.0.1:80", "10.0.0.1:8080", "192.0.2.1:443"]) {
      const target = parseAuthority(address, "cluster.local");
      out.set(`profile ${address} for ${space}`, watchProfile(index, settings, target, space).value);
      out.set(`outbound ${address} for ${space}`, watchOutbound(index, outbound, target, space).value);
    }
  }
  return out;
}

type Stored = ReturnType<(typeof makers)[number]>;

function apply(cluster: TestCluster, object: Stored): void {
  const source = sourceOf(cluster, object);
  const record = source.decode(object);
  if (record !== null) source.index.apply(record);
  else source.index.delete(object.metadata.namespace ?? "", object.metadata.name);
}

function sourceOf(cluster: TestCluster, { apiVersion, kind: name }: Stored) {
  const all = [...indexSources(cluster.index), ...policySources(cluster.index), ...profileSources(cluster.index)];
  const found = all.find(
    ({ resource }) =>
      resource.kind === name &&
      (resource.group === "" ? apiVersion === "v1" : apiVersion.startsWith(`${resource.group}/`)),
  );
  if (found === undefined) throw new Error(`no source of ${name}`);
  return found;
}

test("what is followed through 3,000 random changes is what a newcomer sees", () => {
  const live = new TestCluster();
  const followed = queries(live);
  const told = new Map<string, unknown>();
  for (const [name, value] of followed) {
    told.set(name, value.get());
    value.watch((next) => told.set(name, next));
  }
  const state = new Map<string, Stored>();
  for (let change = 1; change <= 3000; change++) {
    const object = pick(makers)() as Stored & PolicyObject;
    const key = `${object.apiVersion} ${object.kind} ${object.metadata.namespace ?? ""}/${object.metadata.name}`;
    if (chance(0.3)) {
      sourceOf(live, object).index.delete(object.metadata.namespace ?? "", object.metadata.name);
      state.delete(key);
    } else {
      apply(live, object);
      state.set(key, object);
    }
    // Changes come alone or many together.
    if (!chance(0.2)) continue;
    live.settle();
    const fresh = new TestCluster();
    for (const stored of state.values()) apply(fresh, stored);
    for (const [name, value] of queries(fresh)) {
      if (Bun.deepEquals(told.get(name), value.get())) continue;
      expect({ change, name, told: told.get(name) }).toEqual({ change, name, told: value.get() });
    }
  }
  expect(live.index.derivations.failures).toBe(0);
}, 60_000);
