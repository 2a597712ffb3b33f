import { afterEach, describe, expect, test } from "bun:test";
import { resourceOf, resources } from "#kube/resource.ts";
import type { FakeApi } from "#kube/testing/fake-api.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { parse } from "yaml";
import { expectGolden } from "../testing/golden.ts";
import { installedCluster } from "../testing/fake-cluster.ts";
import { runCli } from "../testing/run-cli.ts";

const ends: Array<() => unknown> = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const world = `
{apiVersion: policy.linkerd-ts.dev/v1alpha1, kind: FaultInjection, metadata: {namespace: shop, name: down}, spec: {targetRef: {kind: Service, name: canary}, abort: {httpStatus: 500}}}
---
{apiVersion: policy.linkerd-ts.dev/v1alpha1, kind: DenyPolicy, metadata: {namespace: shop, name: no-web}, spec: {targetRef: {kind: Server, name: machines}, clients: [{serviceAccounts: [{name: web}]}]}}
---
{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: machines}, spec: {clusterIP: 10.96.0.22, ports: [{name: http, port: 80}]}}
---
{apiVersion: policy.linkerd.io/v1beta3, kind: Server, metadata: {namespace: shop, name: machines}, spec: {externalWorkloadSelector: {matchLabels: {app: vm}}, port: http}}
---
{apiVersion: policy.linkerd-ts.dev/v1alpha1, kind: FaultInjection, metadata: {namespace: shop, name: slow}, spec: {targetRef: {kind: Service, name: machines}, delay: 1s}}
---
{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: tokens}, spec: {clusterIP: 10.96.0.24, ports: [{name: admin, port: 80}]}}
---
{apiVersion: policy.linkerd.io/v1beta3, kind: Server, metadata: {namespace: shop, name: tokens}, spec: {podSelector: {matchLabels: {app: api}}, port: 9090, proxyProtocol: HTTP/1}}
---
{apiVersion: policy.linkerd-ts.dev/v1alpha1, kind: JWTAuthentication, metadata: {namespace: shop, name: users}, spec: {issuer: "https://login.test", audiences: [api],
 jwks: '{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}'}}
---
{apiVersion: policy.linkerd.io/v1alpha1, kind: AuthorizationPolicy, metadata: {namespace: shop, name: users},
 spec: {targetRef: {group: policy.linkerd.io, kind: Server, name: tokens}, requiredAuthenticationRefs: [{kind: JWTAuthentication, name: users}]}}
---
{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: legacy}, spec: {clusterIP: 10.96.0.23, ports: [{name: http, port: 80}]}}
---
{apiVersion: policy.linkerd-ts.dev/v1alpha1, kind: MeshTLSRequirement, metadata: {namespace: shop, name: mesh-only}, spec: {targetRef: {kind: Service, name: legacy}}}
---
{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: api}, spec: {clusterIP: 10.96.0.20, ports: [{name: http, port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: canary}, spec: {clusterIP: 10.96.0.21, ports: [{name: http, port: 80}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {namespace: shop, name: tests, creationTimestamp: "2026-01-01T00:00:00Z"},
 spec: {parentRefs: [{group: "", kind: Service, name: api, port: 80}],
  rules: [{matches: [{path: {value: /v2}, headers: [{name: x-canary, value: "1"}]}], backendRefs: [{name: canary, port: 80}]},
          {backendRefs: [{name: api, port: 80}]}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {namespace: shop, name: elsewhere}, spec: {parentRefs: [{group: "", kind: Service, name: api, port: 81}]}}
---
{apiVersion: policy.linkerd.io/v1beta3, kind: Server, metadata: {namespace: shop, name: api-http}, spec: {podSelector: {matchLabels: {app: api}}, port: http, proxyProtocol: HTTP/1}}
---
{apiVersion: policy.linkerd.io/v1beta3, kind: Server, metadata: {namespace: shop, name: other}, spec: {podSelector: {matchLabels: {app: db}}, port: 1}}
---
{apiVersion: policy.linkerd.io/v1alpha1, kind: AuthorizationPolicy, metadata: {namespace: shop, name: web-only},
 spec: {targetRef: {group: policy.linkerd.io, kind: Server, name: api-http}, requiredAuthenticationRefs: [{kind: ServiceAccount, name: web}]}}
---
{apiVersion: policy.linkerd.io/v1alpha1, kind: AuthorizationPolicy, metadata: {namespace: shop, name: broken},
 spec: {targetRef: {group: policy.linkerd.io, kind: Server, name: api-http}, requiredAuthenticationRefs: [{kind: MeshTLSAuthentication, name: gone}]}}
`;

function pod(name: string, ip: string, options: { app: string; account: string; meshed?: boolean }): KubeObject {
  const meshed = options.meshed ?? true;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      namespace: "shop",
      name,
      uid: name,
      labels: { app: options.app, ...(meshed ? { "linkerd.io/control-plane-ns": "linkerd" } : {}) },
    },
    spec: {
      serviceAccountName: options.account,
      containers: [
        { name: "app", ports: [{ name: "http", containerPort: 8080 }] },
        ...(meshed ? [{ name: "linkerd-proxy" }] : []),
      ],
    },
    status: { phase: "Running", podIP: ip },
  } as KubeObject;
}

function slice(service: string, podName: string, ip: string): KubeObject {
  return {
    metadata: { namespace: "shop", name: `${service}-1`, labels: { "kubernetes.io/service-name": service } },
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080 }],
    endpoints: [{ addresses: [ip], targetRef: { kind: "Pod", namespace: "shop", name: podName } }],
  } as KubeObject;
}

const vm = {
  metadata: { namespace: "shop", name: "vm", labels: { app: "vm" } },
  spec: {
    meshTLS: { identity: "vm.example.com", serverName: "vm.example.com" },
    workloadIPs: [{ ip: "192.0.2.20" }],
    ports: [{ name: "http", port: 8080 }],
  },
  status: { conditions: [{ type: "Ready", status: "True" }] },
};
const vmSlice = {
  metadata: { namespace: "shop", name: "machines-1", labels: { "kubernetes.io/service-name": "machines" } },
  addressType: "IPv4",
  ports: [{ name: "http", port: 8080 }],
  endpoints: [{ addresses: ["192.0.2.20"], targetRef: { kind: "ExternalWorkload", namespace: "shop", name: "vm" } }],
};

function shop(): FakeApi {
  const api = installedCluster();
  ends.push(() => api.stop());
  for (const object of world.split("---\n").map((text) => parse(text) as unknown)) {
    const { apiVersion = "", kind = "" } = object as { apiVersion?: string; kind?: string };
    const resource = resourceOf(apiVersion, kind);
    if (resource === null) throw new Error(`no ${apiVersion} ${kind}`);
    api.put(resource, object as KubeObject);
  }
  for (const object of [
    pod("web-1", "10.244.1.1", { app: "web", account: "web" }),
    pod("bot-1", "10.244.1.2", { app: "bot", account: "bot" }),
    pod("old-1", "10.244.1.3", { app: "old", account: "old", meshed: false }),
    pod("api-1", "10.244.1.4", { app: "api", account: "api" }),
    pod("canary-1", "10.244.1.5", { app: "canary", account: "api", meshed: false }),
  ]) {
    api.put(resources.pods, object);
  }
  api.put(resources.endpointSlices, slice("api", "api-1", "10.244.1.4"));
  api.put(resources.endpointSlices, slice("legacy", "old-1", "10.244.1.3"));
  api.put(resources.endpointSlices, {
    ...slice("tokens", "api-1", "10.244.1.4"),
    ports: [{ name: "admin", port: 9090 }],
  } as KubeObject);
  api.put(resources.externalWorkloads, vm as KubeObject);
  api.put(resources.endpointSlices, vmSlice as KubeObject);
  api.put(resources.endpointSlices, slice("canary", "canary-1", "10.244.1.5"));
  return api;
}

const explain = (api: FakeApi, ...more: string[]) => runCli(["explain", "-n", "shop", ...more], { api });
const toApi = ["--to", "svc/api:80"];

describe("linkerd explain", () => {
  test.each([
    ["allowed", 0, ["--from", "pod/web-1", ...toApi]],
    ["denied", 2, ["--from", "pod/bot-1", ...toApi, "--path", "/v2", "--method", "POST"]],
    ["unmeshed", 2, ["--from", "pod/old-1", ...toApi]],
    ["canary", 0, ["--from", "pod/web-1", ...toApi, "--path", "/v2/x", "-H", "X-Canary: 1"]],
    ["machine", 2, ["--from", "pod/web-1", "--to", "svc/machines:80"]],
    ["token", 2, ["--from", "pod/web-1", "--to", "svc/tokens:80", "-H", "authorization: Bearer x.y.z"]],
    ["plaintext", 2, ["--from", "pod/web-1", "--to", "svc/legacy:80"]],
    ["fault", 2, ["--from", "pod/web-1", "--to", "svc/canary:80"]],
    ["json", 0, ["--from", "pod/web-1", ...toApi, "-o", "json"]],
    ["yaml", 2, ["--from", "pod/bot-1", ...toApi, "-o", "yaml"]],
    ["address", 0, ["--from", "pod/web-1", "--to", "192.0.2.1:443"]],
  ])("says why: %s", async (name, code, args) => {
    const result = await explain(shop(), ...args);
    expect([result.err, result.code]).toEqual(["", code]);
    expectGolden(`explain/${name}.txt`, result.out);
  });

  test.each([
    [
      "mistake-deny",
      `{apiVersion: policy.linkerd-ts.dev/v1alpha1, kind: DenyPolicy, metadata: {namespace: shop, name: half},
        spec: {targetRef: {group: policy.linkerd.io, kind: Server, name: api-http}, clients: [{identities: ["*.*"]}]}}`,
    ],
    [
      "mistake-route",
      `{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {namespace: shop, name: half},
        spec: {parentRefs: [{group: policy.linkerd.io, kind: Server, name: api-http}],
          rules: [{matches: [{path: {type: RegularExpression, value: "/(?=a)"}}]}]}}`,
    ],
    [
      "mistake-fault",
      `{apiVersion: policy.linkerd-ts.dev/v1alpha1, kind: FaultInjection, metadata: {namespace: shop, name: half},
        spec: {targetRef: {kind: Service, name: api}, abort: {httpStatus: 500}, percent: 200}}`,
    ],
  ])("says which policy with a mistake got past the webhook and what it does: %s", async (name, object) => {
    const api = shop();
    const parsed = parse(object) as KubeObject & { readonly apiVersion: string; readonly kind: string };
    api.put(resourceOf(parsed.apiVersion, parsed.kind) ?? resources.pods, parsed);
    expectGolden(`explain/${name}.txt`, (await explain(api, "--from", "pod/web-1", ...toApi)).out);
  });

  test.each([
    [["--from", "pod/none", ...toApi], 'Pod "none"'],
    [["--from", "deploy/none", ...toApi], 'Deployment "none"'],
    [["--from", "pod/web-1", "--to", "svc/none:80"], 'There is no Service "none" in namespace "shop"'],
    [["--from", "pod/web-1", "--to", "svc/api:81"], 'Service "api" in namespace "shop" has no port 81; it has 80'],
    [["--from", "pod/web-1", "--to", "svc/api"], '"svc/api" is no target; write svc/NAME:PORT, HOST:PORT or IP:PORT'],
    [["--from", "pod/web-1", ...toApi, "-H", "x"], '"x" is not a header; write NAME:VALUE'],
    [["--from", "pod/web-1", ...toApi, "-o", "xml"], "--output"],
    [["--from", "pod/web-1", "--to", "example.com:80"], "is not a Service's name below"],
    [toApi, "--from"],
  ])("%j is an error that says what is wrong", async (args, message) => {
    const result = await explain(shop(), ...args);
    expect(result.code).toBe(1);
    expect(result.out).toBe("");
    expect(result.err).toContain(message);
  });
});
