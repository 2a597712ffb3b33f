/** Where a kind of object lives in the API: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris */

export interface Resource {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  /** Lower-case plural as in the URL, e.g. "endpointslices". */
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Narrows a list or watch. */
export interface Selection {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Only apiVersion, kind and metadata: https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches */
  readonly metadataOnly?: boolean;
}

function resource(group: string, version: string, plural: string, kind: string, namespaced = true): Resource {
  return { group, version, plural, kind, namespaced };
}

/** The kinds that the mesh reads or writes. */
export const resources = {
  namespaces: resource("", "v1", "namespaces", "Namespace", false),
  nodes: resource("", "v1", "nodes", "Node", false),
  pods: resource("", "v1", "pods", "Pod"),
  services: resource("", "v1", "services", "Service"),
  configMaps: resource("", "v1", "configmaps", "ConfigMap"),
  secrets: resource("", "v1", "secrets", "Secret"),
  serviceAccounts: resource("", "v1", "serviceaccounts", "ServiceAccount"),
  events: resource("", "v1", "events", "Event"),
  replicationControllers: resource("", "v1", "replicationcontrollers", "ReplicationController"),
  endpointSlices: resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
  deployments: resource("apps", "v1", "deployments", "Deployment"),
  replicaSets: resource("apps", "v1", "replicasets", "ReplicaSet"),
  statefulSets: resource("apps", "v1", "statefulsets", "StatefulSet"),
  daemonSets: resource("apps", "v1", "daemonsets", "DaemonSet"),
  jobs: resource("batch", "v1", "jobs", "Job"),
  cronJobs: resource("batch", "v1", "cronjobs", "CronJob"),
  leases: resource("coordination.k8s.io", "v1", "leases", "Lease"),
  clusterRoles: resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false),
  clusterRoleBindings: resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false),
  roles: resource("rbac.authorization.k8s.io", "v1", "roles", "Role"),
  roleBindings: resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
  customResourceDefinitions: resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    false,
  ),
  mutatingWebhookConfigurations: resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    false,
  ),
  validatingWebhookConfigurations: resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    false,
  ),
  servers: resource("policy.linkerd.io", "v1beta3", "servers", "Server"),
  serverAuthorizations: resource("policy.linkerd.io", "v1beta1", "serverauthorizations", "ServerAuthorization"),
  authorizationPolicies: resource("policy.linkerd.io", "v1alpha1", "authorizationpolicies", "AuthorizationPolicy"),
  meshTlsAuthentications: resource("policy.linkerd.io", "v1alpha1", "meshtlsauthentications", "MeshTLSAuthentication"),
  networkAuthentications: resource("policy.linkerd.io", "v1alpha1", "networkauthentications", "NetworkAuthentication"),
  httpLocalRateLimitPolicies: resource(
    "policy.linkerd.io",
    "v1alpha1",
    "httplocalratelimitpolicies",
    "HTTPLocalRateLimitPolicy",
  ),
  egressNetworks: resource("policy.linkerd.io", "v1alpha1", "egressnetworks", "EgressNetwork"),
  policyHttpRoutes: resource("policy.linkerd.io", "v1beta3", "httproutes", "HTTPRoute"),
  httpRoutes: resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute"),
  grpcRoutes: resource("gateway.networking.k8s.io", "v1", "grpcroutes", "GRPCRoute"),
  tlsRoutes: resource("gateway.networking.k8s.io", "v1", "tlsroutes", "TLSRoute"),
  tcpRoutes: resource("gateway.networking.k8s.io", "v1alpha2", "tcproutes", "TCPRoute"),
  serviceProfiles: resource("linkerd.io", "v1alpha2", "serviceprofiles", "ServiceProfile"),
  trafficSplits: resource("split.smi-spec.io", "v1alpha2", "trafficsplits", "TrafficSplit"),
  externalWorkloads: resource("workload.linkerd.io", "v1beta1", "externalworkloads", "ExternalWorkload"),
  denyPolicies: resource("policy.linkerd-ts.dev", "v1alpha1", "denypolicies", "DenyPolicy"),
  jwtAuthentications: resource("policy.linkerd-ts.dev", "v1alpha1", "jwtauthentications", "JWTAuthentication"),
  meshTlsRequirements: resource("policy.linkerd-ts.dev", "v1alpha1", "meshtlsrequirements", "MeshTLSRequirement"),
  faultInjections: resource("policy.linkerd-ts.dev", "v1alpha1", "faultinjections", "FaultInjection"),
  apiServices: resource("apiregistration.k8s.io", "v1", "apiservices", "APIService", false),
  podDisruptionBudgets: resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
  tokenReviews: resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", false),
  selfSubjectAccessReviews: resource(
    "authorization.k8s.io",
    "v1",
    "selfsubjectaccessreviews",
    "SelfSubjectAccessReview",
    false,
  ),
} as const satisfies Record<string, Resource>;

/** The `apiVersion` of a resource's objects, e.g. "v1" or "apps/v1". */
export function apiVersion(resource: Resource): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

/** The path of a collection; of all namespaces without `namespace`. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const root = resource.group === "" ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}${scope}/${resource.plural}`;
}

/** The path of one object, or of a sub-resource of it such as "status" or "log". */
export function objectPath(resource: Resource, name: string, namespace?: string, subresource?: string): string {
  const base = `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? base : `${base}/${subresource}`;
}

/** How messages name an object: `Pod "web-1" in namespace "emojivoto"`. */
export function describe(resource: Resource, name?: string, namespace?: string): string {
  const place = resource.namespaced && namespace !== undefined ? ` in namespace "${namespace}"` : "";
  return name === undefined ? `${resource.plural}${place}` : `${resource.kind} "${name}"${place}`;
}

/** The known resource of an object's `apiVersion` and `kind`, or null. */
export function resourceOf(version: string, kind: string): Resource | null {
  for (const candidate of Object.values(resources)) {
    if (candidate.kind === kind && apiVersion(candidate) === version) return candidate;
  }
  return null;
}
