/** Whatever policies there are: taking a permission away never lets anybody in who was not let in before. */
import { expect, test } from "bun:test";
import { containsIp, parseCidrs, parseIp } from "#lib/net-addr.ts";
import { seededRandom } from "#lib/random.ts";
import { pod } from "../testing/builders.ts";
import { policyObject } from "../testing/policy-objects.ts";
import { type PolicyObject, TestCluster } from "../testing/test-cluster.ts";
import { type InboundSettings, inboundPolicy } from "./inbound.ts";
import type { Authorization, InboundPolicy } from "./inbound-policy.ts";
import { untracked } from "../index/derivations.ts";

const random = seededRandom(4711);
const pick = <T>(of: readonly T[]): T => of[Math.floor(random.next() * of.length)] as T;
const names = ["a", "b", "c"];
const group = "group: policy.linkerd.io";
const id = (account: string): string => `${account}.web.serviceaccount.identity.linkerd.cluster.local`;

const settings: InboundSettings = {
  trustDomain: "cluster.local",
  controlPlaneNamespace: "linkerd",
  defaultPolicy: "deny",
  clusterNetworks: parseCidrs("10.0.0.0/8"),
  probeNetworks: [],
  defaultOpaquePorts: [],
};

const clients = ["10.0.0.1", "10.1.0.1", "192.0.2.1", "fd00::1"].flatMap((ip) =>
  [null, id("a"), id("b"), "evil.example"].map((identity) => ({ ip: parseIp(ip) ?? new Uint8Array(4), identity })),
);

function permits(authorizations: readonly Authorization[], client: (typeof clients)[number]): boolean {
  return authorizations.some(({ networks, clients: who }) => {
    const near = networks.some(
      ({ net, except }) => containsIp(net, client.ip) && !except.some((hole) => containsIp(hole, client.ip)),
    );
    if (!near || who.kind === "any") return near;
    if (client.identity === null) return false;
    const { identity } = client;
    if (who.kind !== "identities") return true;
    return (
      who.names.includes(identity) || who.suffixes.some((suffix) => suffix === "" || identity.endsWith(`.${suffix}`))
    );
  });
}

/** Who gets through to which route, as text. */
function admitted(policy: InboundPolicy): Set<string> {
  const out = new Set<string>();
  const routes = "routes" in policy.protocol ? policy.protocol.routes : [];
  for (const [index, client] of clients.entries()) {
    if (permits(policy.authorizations, client)) out.add(`${index} everywhere`);
    for (const { origin, authorizations } of routes) {
      const reached = permits([...policy.authorizations, ...authorizations], client);
      if (reached) out.add(`${index} ${origin.name}`);
    }
  }
  return out;
}

function permission(): PolicyObject {
  const ref = pick([
    `{${group}, kind: MeshTLSAuthentication, name: ${pick(names)}}`,
    `{${group}, kind: NetworkAuthentication, name: ${pick(names)}}`,
    `{kind: ServiceAccount, name: ${pick(names)}}`,
  ]);
  const target = pick([
    `{${group}, kind: Server, name: srv}`,
    "{kind: Namespace, name: web}",
    `{group: gateway.networking.k8s.io, kind: HTTPRoute, name: ${pick(names)}}`,
  ]);
  const client = pick([
    "unauthenticated: true, networks: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]",
    `meshTLS: {identities: ["*.web.serviceaccount.identity.linkerd.cluster.local"]}`,
    `meshTLS: {serviceAccounts: [{name: ${pick(names)}}]}`,
  ]);
  const name = `p${Math.floor(random.next() * 1e9)}`;
  return random.next() < 0.5
    ? policyObject("ServerAuthorization", name, `{server: {name: srv}, client: {${client}}}`)
    : policyObject("AuthorizationPolicy", name, `{targetRef: ${target}, requiredAuthenticationRefs: [${ref}]}`);
}

const server = policyObject("Server", "srv", "{podSelector: {}, port: 8080}");
const surroundings: readonly PolicyObject[] = [
  server,
  ...names.map((name) =>
    policyObject(
      "HTTPRoute",
      name,
      `{parentRefs: [{${group}, kind: Server, name: srv}], rules: [{matches: [{path: {value: /${name}}}]}]}`,
    ),
  ),
];
const authentications: readonly PolicyObject[] = [
  policyObject("MeshTLSAuthentication", "a", `identities: ["${id("a")}"]`),
  policyObject("MeshTLSAuthentication", "b", "identityRefs: [{kind: Namespace, name: web}]"),
  policyObject("NetworkAuthentication", "a", "networks: [{cidr: 10.0.0.0/8}]"),
  policyObject("NetworkAuthentication", "b", "networks: [{cidr: 0.0.0.0/0, except: [10.1.0.0/16]}]"),
];

function policyOf(objects: readonly PolicyObject[]): Set<string> {
  const cluster = new TestCluster().pods(pod({ name: "a", ip: "10.0.0.1" })).policies(...objects);
  const found = cluster.index.pods.get("web", "a");
  if (found === undefined) throw new Error("no pod");
  return admitted(inboundPolicy(cluster.index, settings, found, 8080, untracked));
}

test("removing an authorization, or an authentication that it names, never admits more", () => {
  let some = 0;
  for (let round = 0; round < 300; round++) {
    const permissions = Array.from({ length: 1 + Math.floor(random.next() * 5) }, permission);
    const all = [...permissions, ...authentications];
    const before = policyOf([...surroundings, ...all]);
    some += before.size;
    const removed = pick(all);
    const after = policyOf([...surroundings, ...all.filter((object) => object !== removed)]);
    for (const admission of after) {
      if (!before.has(admission)) throw new Error(`round ${round}: ${admission} without ${JSON.stringify(removed)}`);
    }
  }
  // It must have been about something.
  expect(some).toBeGreaterThan(1000);
});
