/** Names of resources, as paths of the API carry them. */

/** One version of one resource. */
export interface ResourceRef {
  /** "" is the core group. */
  readonly group: string;
  readonly version: string;
  /** The plural: "pods". */
  readonly resource: string;
}

const ref = (group: string, version: string, resource: string): ResourceRef => ({ group, version, resource });

/** The built-in resources by a short name. */
export const resources = {
  namespaces: ref("", "v1", "namespaces"),
  pods: ref("", "v1", "pods"),
  services: ref("", "v1", "services"),
  endpoints: ref("", "v1", "endpoints"),
  configMaps: ref("", "v1", "configmaps"),
  secrets: ref("", "v1", "secrets"),
  serviceAccounts: ref("", "v1", "serviceaccounts"),
  nodes: ref("", "v1", "nodes"),
  events: ref("", "v1", "events"),
  deployments: ref("apps", "v1", "deployments"),
  replicaSets: ref("apps", "v1", "replicasets"),
  statefulSets: ref("apps", "v1", "statefulsets"),
  daemonSets: ref("apps", "v1", "daemonsets"),
  jobs: ref("batch", "v1", "jobs"),
  cronJobs: ref("batch", "v1", "cronjobs"),
  endpointSlices: ref("discovery.k8s.io", "v1", "endpointslices"),
  leases: ref("coordination.k8s.io", "v1", "leases"),
  podDisruptionBudgets: ref("policy", "v1", "poddisruptionbudgets"),
  roles: ref("rbac.authorization.k8s.io", "v1", "roles"),
  roleBindings: ref("rbac.authorization.k8s.io", "v1", "rolebindings"),
  clusterRoles: ref("rbac.authorization.k8s.io", "v1", "clusterroles"),
  clusterRoleBindings: ref("rbac.authorization.k8s.io", "v1", "clusterrolebindings"),
  customResourceDefinitions: ref("apiextensions.k8s.io", "v1", "customresourcedefinitions"),
  mutatingWebhookConfigurations: ref("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations"),
  validatingWebhookConfigurations: ref("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations"),
} as const;
