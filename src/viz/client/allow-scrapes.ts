/** Policy that lets the viz extension scrape proxies of a namespace whose default policy refuses. */
import type { JsonObject } from "#manifests/json.ts";

export function renderAllowScrapes(namespace: string, vizNamespace: string, createdBy: string): JsonObject[] {
  const metadata = (name: string): JsonObject => ({
    name,
    namespace,
    labels: { "linkerd.io/extension": "viz" },
    annotations: { "linkerd.io/created-by": createdBy },
  });
  const policy = "policy.linkerd.io";
  const parentRefs = [{ group: policy, kind: "Server", name: "proxy-admin" }];
  const exactly = (value: string): JsonObject => ({ path: { type: "Exact", value }, method: "GET" });
  return [
    {
      apiVersion: `${policy}/v1beta3`,
      kind: "Server",
      metadata: metadata("proxy-admin"),
      spec: {
        podSelector: { matchExpressions: [{ key: "linkerd.io/control-plane-ns", operator: "Exists" }] },
        port: "linkerd-admin",
        proxyProtocol: "HTTP/1",
      },
    },
    {
      apiVersion: `${policy}/v1beta3`,
      kind: "HTTPRoute",
      metadata: metadata("proxy-metrics"),
      spec: { parentRefs, rules: [{ matches: [exactly("/metrics")] }] },
    },
    {
      apiVersion: `${policy}/v1beta3`,
      kind: "HTTPRoute",
      metadata: metadata("proxy-probes"),
      spec: { parentRefs, rules: [{ matches: [exactly("/live"), exactly("/ready")] }] },
    },
    {
      apiVersion: `${policy}/v1alpha1`,
      kind: "AuthorizationPolicy",
      metadata: metadata("prometheus-scrape"),
      spec: {
        targetRef: { group: policy, kind: "HTTPRoute", name: "proxy-metrics" },
        requiredAuthenticationRefs: [{ group: policy, kind: "MeshTLSAuthentication", name: "viz-scrapers" }],
      },
    },
    {
      apiVersion: `${policy}/v1alpha1`,
      kind: "MeshTLSAuthentication",
      metadata: metadata("viz-scrapers"),
      spec: {
        identityRefs: ["metrics-api", "prometheus"].map((name) => ({
          kind: "ServiceAccount",
          name,
          namespace: vizNamespace,
        })),
      },
    },
    {
      apiVersion: `${policy}/v1alpha1`,
      kind: "AuthorizationPolicy",
      metadata: metadata("proxy-probes"),
      spec: {
        targetRef: { group: policy, kind: "HTTPRoute", name: "proxy-probes" },
        requiredAuthenticationRefs: [{ group: policy, kind: "NetworkAuthentication", name: "kubelet" }],
      },
    },
    {
      apiVersion: `${policy}/v1alpha1`,
      kind: "NetworkAuthentication",
      metadata: metadata("kubelet"),
      // Probes come from the node, whose address nobody knows in advance.
      spec: { networks: [{ cidr: "0.0.0.0/0" }, { cidr: "::/0" }] },
    },
  ];
}
