import { describe, expect, test } from "bun:test";
import { parseCidrs } from "#lib/net-addr.ts";
import { outboundMessage } from "../../api/outbound-message.ts";
import { parseAuthority } from "../../destination/authority.ts";
import { policyObject } from "../../testing/policy-objects.ts";
import { type PolicyObject, TestCluster } from "../../testing/test-cluster.ts";
import { type OutboundPolicy, watchOutbound } from "../outbound.ts";

function outbound(objects: readonly PolicyObject[], address = "192.0.2.1:443", client = "web"): OutboundPolicy {
  const cluster = new TestCluster().policies(...objects);
  const settings = {
    ...cluster.settings,
    clusterNetworks: parseCidrs("10.0.0.0/8"),
    globalEgressNamespace: "linkerd-egress",
  };
  return watchOutbound(cluster.index, settings, parseAuthority(address, "cluster.local"), client).value.get();
}
const network = (name: string, spec: string, more = {}) => policyObject("EgressNetwork", name, spec, more);
const everything = network("all", "trafficPolicy: Allow");
/** "namespace/name" of the EgressNetwork, or the kind of policy that there is without one. */
const found = (policy: OutboundPolicy): string =>
  policy.kind === "egress" ? `${policy.namespace}/${policy.name}` : policy.kind;

describe("EgressNetwork", () => {
  test.each([
    ["192.0.2.1:443", "web", "web/all"],
    ["192.0.2.1:443", "other", "outside"],
    ["10.1.2.3:443", "web", "unknown"],
  ])("%s for a client of %s is %s", (address, client, expected) => {
    expect(found(outbound([everything], address, client))).toBe(expected);
  });

  test("of the client's namespace wins over the global one, a narrow one over a wide one, an old one over a young one", () => {
    const global = network("global", "trafficPolicy: Deny", { namespace: "linkerd-egress" });
    const narrow = network("narrow", "{trafficPolicy: Deny, networks: [{cidr: 192.0.2.0/24, except: [192.0.2.9]}]}");
    const young = network("aaa", "trafficPolicy: Deny", { created: "2026-02-01T00:00:00Z" });
    expect(found(outbound([global]))).toBe("linkerd-egress/global");
    expect(found(outbound([global, everything]))).toBe("web/all");
    expect(found(outbound([everything, narrow]))).toBe("web/narrow");
    expect(found(outbound([everything, narrow], "192.0.2.9:443"))).toBe("web/all");
    expect(found(outbound([young, everything]))).toBe("web/all");
  });

  test.each([
    // What it denies stays denied, whatever else is wrong; what it would let out does not go by what can't be read.
    ["{trafficPolicy: Deny, networks: [{cidr: 192.0.2.0/24}, {cidr: nonsense}]}", "web/broken denies"],
    ["{trafficPolicy: Deny, networks: [{cidr: 192.0.2.0/24, except: [nonsense]}]}", "web/broken denies"],
    ["{trafficPolicy: Perhaps, networks: [{cidr: 192.0.2.0/24}]}", "web/broken denies"],
    ["{trafficPolicy: Allow, networks: [{cidr: 192.0.2.0/24}, {cidr: nonsense}]}", "web/broken allows"],
    ["{trafficPolicy: Allow, networks: [{cidr: 192.0.2.0/24, except: [nonsense]}]}", "linkerd-egress/global denies"],
    ["{trafficPolicy: Deny, networks: []}", "linkerd-egress/global denies"],
    ["{trafficPolicy: Allow, networks: nonsense}", "linkerd-egress/global denies"],
  ])("with a mistake, %s: %s", (spec, expected) => {
    const global = network("global", "trafficPolicy: Deny", { namespace: "linkerd-egress" });
    const policy = outbound([global, network("broken", spec)]);
    expect(`${found(policy)} ${policy.kind === "egress" && policy.allow ? "allows" : "denies"}`).toBe(expected);
  });

  test("lets traffic out to where the client meant, or refuses it: requests with 403, bytes at once", () => {
    const told = (trafficPolicy: string) => {
      const { protocol } = outboundMessage(outbound([network("all", `trafficPolicy: ${trafficPolicy}`)]), "") ?? {};
      if (protocol?.kind.case !== "detect") throw new Error(protocol?.kind.case);
      const rule = protocol.kind.value.http1?.routes[0]?.rules[0];
      const tcp = protocol.kind.value.opaque?.routes[0]?.rules[0];
      return { http: rule?.filters[0]?.kind.value, tcp: tcp?.filters[0]?.kind.case, to: rule?.backends?.kind.case };
    };
    expect(told("Allow")).toEqual({ http: undefined, tcp: undefined, to: "firstAvailable" });
    expect(told("Deny")).toMatchObject({ http: { status: 403 }, tcp: "forbidden" });
  });

  test("has routes that let some hosts out", () => {
    const denied = network("all", "trafficPolicy: Deny");
    const parent = "parentRefs: [{group: policy.linkerd.io, kind: EgressNetwork, name: all, port: 443}]";
    const self = "{group: policy.linkerd.io, kind: EgressNetwork, name: all}";
    const route = policyObject(
      "HTTPRoute",
      "github",
      `{${parent}, hostnames: [github.com], rules: [{backendRefs: [${self}]}]}`,
    );
    const policy = outbound([denied, route]);
    if (policy.kind !== "egress") throw new Error(policy.kind);
    expect(policy.routes.http).toMatchObject([
      {
        hosts: ["github.com"],
        rules: [{ filters: [], backends: [{ backend: { kind: "original", ip: "192.0.2.1", port: 443 } }] }],
      },
    ]);
    expect(outboundMessage(policy, "")).not.toBeNull();
  });
});
