/** Custom resources of authorization that the command line reads; only the fields that it reads. */
import type { Resource } from "#kube/resource.ts";
import type { KubeObject, LabelSelector } from "#kube/types/meta.ts";

const policy = (version: string, plural: string, kind: string): Resource => ({
  group: "policy.linkerd.io",
  version,
  plural,
  kind,
  namespaced: true,
});

export const servers = policy("v1beta3", "servers", "Server");
export const serverAuthorizations = policy("v1beta1", "serverauthorizations", "ServerAuthorization");
export const authorizationPolicies = policy("v1alpha1", "authorizationpolicies", "AuthorizationPolicy");
export const policyHttpRoutes = policy("v1beta3", "httproutes", "HTTPRoute");
export const gatewayHttpRoutes: Resource = {
  group: "gateway.networking.k8s.io",
  version: "v1",
  plural: "httproutes",
  kind: "HTTPRoute",
  namespaced: true,
};

/** What a policy is about, or a route hangs from. */
export interface TargetRef {
  readonly group?: string;
  readonly kind?: string;
  readonly name: string;
  readonly namespace?: string;
}

export interface Server extends KubeObject {
  readonly spec: { readonly podSelector?: LabelSelector };
}

export interface ServerAuthorization extends KubeObject {
  readonly spec: { readonly server?: { readonly name?: string; readonly selector?: LabelSelector } };
}

export interface AuthorizationPolicy extends KubeObject {
  readonly spec: { readonly targetRef: TargetRef };
}

export interface HttpRoute extends KubeObject {
  readonly spec: { readonly parentRefs?: readonly TargetRef[] };
}
