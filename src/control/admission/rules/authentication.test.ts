import { describe, expect, test } from "bun:test";
import { judge } from "../testing.ts";

const api = "policy.linkerd.io/v1alpha1";

describe("NetworkAuthentication", () => {
  test.each([
    ["networks: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}, {cidr: 'fd00::/8'}, {cidr: 192.168.1.1}]", []],
    ["{}", ["spec.networks: is required"]],
    ["networks: []", ["spec.networks: at least one network is needed"]],
    ["networks: [{}]", ["spec.networks[0].cidr: is required"]],
    ["networks: {cidr: 1}", ["spec.networks: is not a list", "spec.networks: at least one network is needed"]],
    [
      "networks: [{cidr: 10.0.0.0/33}]",
      ['spec.networks[0].cidr: "10.0.0.0/33" is not a network such as 10.0.0.0/8 or fd00::/8'],
    ],
    [
      "networks: [{cidr: 10.0.0.0/8, except: [10.0.0.0/8]}]",
      ['spec.networks[0].except[0]: "10.0.0.0/8" leaves nothing of its network'],
    ],
    [
      "networks: [{cidr: 10.0.0.0/8, except: [0.0.0.0/0]}]",
      ['spec.networks[0].except[0]: "0.0.0.0/0" leaves nothing of its network'],
    ],
    [
      "networks: [{cidr: 10.0.0.0/8, except: [11.0.0.0/16, 'fd00::/8']}]",
      [
        'spec.networks[0].except[0]: "11.0.0.0/16" is not a part of its network',
        'spec.networks[0].except[1]: "fd00::/8" is not a part of its network',
      ],
    ],
  ])("%s", async (spec, problems) => {
    const { problems: found } = await judge(api, "NetworkAuthentication", spec);
    for (const problem of problems) expect(found).toContain(problem);
    expect(found.length > 0).toBe(problems.length > 0);
  });
});

describe("MeshTLSAuthentication", () => {
  test.each([
    ["identities: ['*', '*.ns.serviceaccount.identity.linkerd.cluster.local', web.example]", []],
    ["identities: ['spiffe://root.linkerd.cluster.local/proxy']", []],
    ["identityRefs: [{kind: ServiceAccount, name: web}, {kind: ServiceAccount, name: web, namespace: other}]", []],
    ["identityRefs: [{kind: Namespace, name: web}]", []],
    ["{}", ['spec: exactly one of "identities" and "identityRefs" is needed']],
    [
      "{identities: ['*'], identityRefs: [{kind: ServiceAccount, name: web}]}",
      ['spec: exactly one of "identities" and "identityRefs" is needed'],
    ],
    ["identities: []", ["spec.identities: is empty"]],
    ["identityRefs: []", ["spec.identityRefs: is empty"]],
    [
      "identities: ['a.*.b']",
      ['spec.identities[0]: "a.*.b" is not an identity: a DNS name, "*" or "*." and the end of one'],
    ],
    [
      "identities: ['spiffe://Root/proxy', 'spiffe://root/a//b', 'spiffe://root/../b', 'spiffe:/x']",
      [0, 1, 2, 3].map((index) => `spec.identities[${index}]: `),
    ],
    [
      "identityRefs: [{kind: Namespace, name: web, namespace: web}]",
      ["spec.identityRefs[0].namespace: a reference to a Namespace has no namespace"],
    ],
    [
      "identityRefs: [{group: apps, kind: Deployment, name: web}]",
      ['spec.identityRefs[0]: "Deployment" of group "apps" is no identity; use a ServiceAccount or a Namespace'],
    ],
    ["identityRefs: [{kind: ServiceAccount}]", ["spec.identityRefs[0].name: is required"]],
  ])("%s", async (spec, problems) => {
    const { problems: found } = await judge(api, "MeshTLSAuthentication", spec);
    expect(found).toHaveLength(problems.length);
    for (const [index, problem] of problems.entries()) expect(found[index]).toStartWith(problem);
  });
});

describe("ServerAuthorization", () => {
  const saz = "policy.linkerd.io/v1beta1";
  test.each([
    ["{server: {name: web}, client: {unauthenticated: true}}", []],
    ["{server: {selector: {matchLabels: {a: b}}}, client: {meshTLS: {identities: ['*']}}}", []],
    ["{server: {name: web}, client: {meshTLS: {serviceAccounts: [{name: web}]}, networks: [{cidr: 10.0.0.0/8}]}}", []],
    [
      "{server: {name: web, selector: {}}, client: {unauthenticated: true}}",
      ['spec.server: exactly one of "name" and "selector" is needed'],
    ],
    ["{server: {name: web}}", ["spec.client: is required"]],
    [
      "{server: {name: web}, client: {unauthenticated: true, meshTLS: {unauthenticatedTLS: true}}}",
      ['spec.client: "unauthenticated" and "meshTLS" exclude each other'],
    ],
    [
      "{server: {name: web}, client: {meshTLS: {unauthenticatedTLS: true, identities: ['*'], serviceAccounts: [{name: a}]}}}",
      [
        'spec.client.meshTLS.identities: excludes "unauthenticatedTLS"',
        'spec.client.meshTLS.serviceAccounts: excludes "unauthenticatedTLS"',
      ],
    ],
    [
      "{server: {name: web}, client: {networks: [{cidr: 10.0.0.0/8, except: [10.0.0.0/8]}]}}",
      ['spec.client.networks[0].except[0]: "10.0.0.0/8" leaves nothing of its network'],
    ],
    ["{server: {name: web}, client: {meshTls: {}}}", ["spec.client.meshTls: is not a known field"]],
  ])("%s", async (spec, problems) => {
    expect((await judge(saz, "ServerAuthorization", spec)).problems).toEqual(problems);
  });
});

describe("AuthorizationPolicy", () => {
  const target = "targetRef: {group: policy.linkerd.io, kind: Server, name: web}";
  const policy = "group: policy.linkerd.io";
  test.each([
    [`{${target}, requiredAuthenticationRefs: []}`, []],
    [
      `{${target}, requiredAuthenticationRefs: [{${policy}, kind: MeshTLSAuthentication, name: a}, {${policy}, kind: NetworkAuthentication, name: b, namespace: other}]}`,
      [],
    ],
    ["{targetRef: {kind: Namespace, name: web}, requiredAuthenticationRefs: [{kind: ServiceAccount, name: a}]}", []],
    ["{targetRef: {group: gateway.networking.k8s.io, kind: GRPCRoute, name: web}, requiredAuthenticationRefs: []}", []],
    [
      "{targetRef: {group: core, kind: Namespace, name: other}, requiredAuthenticationRefs: []}",
      ['spec.targetRef.name: another namespace can\'t be a target; use "web"'],
    ],
    [
      "{targetRef: {kind: Service, name: web}, requiredAuthenticationRefs: []}",
      ['spec.targetRef: "Service" can\'t be a target; use a Server, HTTPRoute, GRPCRoute or Namespace'],
    ],
    [`{${target}}`, ["spec.requiredAuthenticationRefs: is required"]],
    [
      "{targetRef: {kind: Server, name: web}, requiredAuthenticationRefs: [{kind: MeshTLSAuthentication, name: a}]}",
      [],
    ],
    [
      `{${target}, requiredAuthenticationRefs: [{${policy}, kind: MeshTLSAuthentication, name: a}, {kind: ServiceAccount, name: b}]}`,
      [],
    ],
    [
      `{${target}, requiredAuthenticationRefs: [{kind: MeshTLSAuthentication, name: a}, {kind: MeshTLSAuthentication, name: b}]}`,
      ["spec.requiredAuthenticationRefs: at most one MeshTLSAuthentication is possible"],
    ],
    [
      `{${target}, requiredAuthenticationRefs: [{kind: ServiceAccount, name: a}, {kind: ServiceAccount, name: b}]}`,
      [
        "spec.requiredAuthenticationRefs: at most one ServiceAccount is possible; name several in a MeshTLSAuthentication",
      ],
    ],
    [
      `{${target}, requiredAuthenticationRefs: [{${policy}, kind: NetworkAuthentication, name: a}, {${policy}, kind: NetworkAuthentication, name: b}]}`,
      ["spec.requiredAuthenticationRefs: at most one NetworkAuthentication is possible"],
    ],
    [
      `{${target}, requiredAuthenticationRefs: [{group: apps, kind: Deployment, name: a}]}`,
      [
        'spec.requiredAuthenticationRefs[0]: "Deployment" of group "apps" proves nothing; use a MeshTLSAuthentication, NetworkAuthentication, JWTAuthentication or ServiceAccount',
      ],
    ],
  ])("%s", async (spec, problems) => {
    expect((await judge(api, "AuthorizationPolicy", spec)).problems).toEqual(problems);
  });
});
