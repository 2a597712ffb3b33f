/** Policy resources for tests, in YAML as users write it. */
import { parse } from "yaml";
import type { PolicyObject } from "./test-cluster.ts";

const versions: Readonly<Record<string, string>> = {
  Server: "policy.linkerd.io/v1beta3",
  ServerAuthorization: "policy.linkerd.io/v1beta1",
  AuthorizationPolicy: "policy.linkerd.io/v1alpha1",
  MeshTLSAuthentication: "policy.linkerd.io/v1alpha1",
  NetworkAuthentication: "policy.linkerd.io/v1alpha1",
  HTTPLocalRateLimitPolicy: "policy.linkerd.io/v1alpha1",
  TLSRoute: "gateway.networking.k8s.io/v1",
  TCPRoute: "gateway.networking.k8s.io/v1alpha2",
  DenyPolicy: "policy.linkerd-ts.dev/v1alpha1",
  JWTAuthentication: "policy.linkerd-ts.dev/v1alpha1",
  MeshTLSRequirement: "policy.linkerd-ts.dev/v1alpha1",
  FaultInjection: "policy.linkerd-ts.dev/v1alpha1",
  EgressNetwork: "policy.linkerd.io/v1alpha1",
  HTTPRoute: "gateway.networking.k8s.io/v1",
  ServiceProfile: "linkerd.io/v1alpha2",
  TrafficSplit: "split.smi-spec.io/v1alpha2",
  GRPCRoute: "gateway.networking.k8s.io/v1",
};

/** An object of namespace "web". `created`: its age counts where several claim the same. */
export function policyObject(
  kind: string,
  name: string,
  spec: string,
  more: {
    readonly apiVersion?: string;
    readonly namespace?: string;
    readonly created?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  } = {},
): PolicyObject {
  return {
    apiVersion: more.apiVersion ?? versions[kind] ?? "",
    kind,
    metadata: {
      namespace: more.namespace ?? "web",
      name,
      creationTimestamp: more.created ?? "2026-01-01T00:00:00Z",
      labels: more.labels ?? {},
      annotations: more.annotations ?? {},
    },
    spec: parse(spec) as unknown,
  };
}
