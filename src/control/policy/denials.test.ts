import { describe, expect, test } from "bun:test";
import { parseCidrs } from "#lib/net-addr.ts";
import { judge } from "../admission/testing.ts";
import { serverMessage } from "../api/inbound-message.ts";
import { pod } from "../testing/builders.ts";
import { policyObject } from "../testing/policy-objects.ts";
import { type PolicyObject, TestCluster } from "../testing/test-cluster.ts";
import { watchInbound } from "./inbound.ts";

const deny = (spec: string, name = "no", namespace = "web") => policyObject("DenyPolicy", name, spec, { namespace });
const server = policyObject("Server", "srv", "{podSelector: {}, port: 8080}");

function denials(port: number, ...objects: PolicyObject[]) {
  const cluster = new TestCluster().pods(pod({ name: "a", ip: "10.0.0.1" })).policies(...objects);
  const settings = {
    ...cluster.settings,
    defaultPolicy: "all-unauthenticated" as const,
    clusterNetworks: [],
    probeNetworks: parseCidrs("0.0.0.0/0"),
  };
  const policy = watchInbound(cluster.index, settings, { namespace: "web", pod: "a", port }).value.get();
  if (policy === null) throw new Error("no policy");
  return serverMessage(policy).denials.map(({ authentication, networks, metadata }) => {
    const permit = authentication?.permit;
    const clients = permit?.case === "meshTLS" ? permit.value.clients : undefined;
    return {
      name: metadata?.kind.case === "resource" ? metadata.kind.value.name : "",
      who:
        clients?.case === "identities"
          ? [
              ...clients.value.identities.map(({ name }) => name),
              ...clients.value.suffixes.map(({ parts }) => `*.${parts.join(".")}`),
            ]
          : (permit?.case ?? ""),
      networks: networks.length,
    };
  });
}

describe("A DenyPolicy", () => {
  test("for a Server is about its port only, one for the namespace about every port", () => {
    const forServer = deny("{targetRef: {kind: Server, name: srv}, clients: [{serviceAccounts: [{name: bot}]}]}");
    const bot = { name: "no", who: ["bot.web.serviceaccount.identity.linkerd.cluster.local"], networks: 2 };
    expect(denials(8080, server, forServer)).toEqual([bot]);
    expect(denials(8081, server, forServer)).toEqual([]);
    const forAll = deny("{targetRef: {kind: Namespace, name: web}, clients: [{identities: ['*.bots.example']}]}");
    const bots = [{ name: "no", who: ["*.bots.example"], networks: 2 }];
    expect(denials(8080, server, forAll)).toEqual(bots);
    expect(denials(8081, forAll)).toEqual(bots);
    expect(denials(8080, server, deny("{targetRef: {kind: Namespace, name: x}, clients: [{}]}", "no", "x"))).toEqual(
      [],
    );
  });

  test("is about everybody in a network where it names nobody", () => {
    const spec = "{targetRef: {kind: Server, name: srv}, clients: [{networks: [{cidr: 10.9.0.0/16}]}]}";
    expect(denials(8080, server, deny(spec))).toEqual([{ name: "no", who: "unauthenticated", networks: 1 }]);
  });

  test.each([
    ["{targetRef: {kind: Server, name: srv}, clients: []}", "spec.clients: is empty"],
    ["{targetRef: {kind: Server, name: srv}}", "spec.clients: is required"],
    ["{clients: [{}]}", "spec.targetRef: is required"],
    ["{targetRef: {kind: Pod, name: a}, clients: [{}]}", "can't be a target; use a Server or Namespace"],
    ["{targetRef: {kind: Namespace, name: x}, clients: [{}]}", "another namespace can't be a target"],
    ["{targetRef: {kind: Server, name: srv}, clients: [{identities: ['A b']}]}", '"A b" is not an identity'],
    ["{targetRef: {kind: Server, name: srv}, clients: [{networks: [{cidr: x}]}]}", "spec.clients[0].networks[0].cidr"],
    ["{targetRef: {kind: Server, name: srv}, clients: [{who: x}]}", "spec.clients[0].who: is not a known field"],
  ])("%s is refused, and denies everybody when it was stored anyway", async (spec, message) => {
    const { problems } = await judge("policy.linkerd-ts.dev/v1alpha1", "DenyPolicy", spec);
    expect(problems.join("; ")).toContain(message);
    expect(denials(8080, server, deny(spec))).toEqual([{ name: "no", who: "unauthenticated", networks: 2 }]);
  });
});
