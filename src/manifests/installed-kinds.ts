/**
 * Where `linkerd uninstall` and `linkerd prune` look for what an installation left in a cluster. The kinds of cert-manager
 * and of the Prometheus Operator are not in every cluster.
 */

/** A collection of the Kubernetes API. */
export interface InstalledKind {
  readonly apiVersion: string;
  readonly kind: string;
  /** Lower-case plural as in URLs. */
  readonly plural: string;
  readonly namespaced: boolean;
}

const kind = (apiVersion: string, name: string, plural: string, namespaced: boolean): InstalledKind => ({
  apiVersion,
  kind: name,
  plural,
  namespaced,
});

/** Outside of the control plane's namespace, in the order in which they may be deleted: webhooks first, so that nothing calls what is gone. */
export const clusterWideKinds: readonly InstalledKind[] = [
  kind("apiregistration.k8s.io/v1", "APIService", "apiservices", false),
  kind("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", false),
  kind("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", false),
  kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", false),
  kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false),
  kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false),
  kind("cert-manager.io/v1", "ClusterIssuer", "clusterissuers", false),
  kind("trust.cert-manager.io/v1alpha1", "Bundle", "bundles", false),
  kind("v1", "Namespace", "namespaces", false),
];

/** Inside of the control plane's namespace, which takes them along when it is deleted; `prune` looks at them one by one. */
export const namespacedKinds: readonly InstalledKind[] = [
  kind("apps/v1", "Deployment", "deployments", true),
  kind("batch/v1", "CronJob", "cronjobs", true),
  kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
  kind("v1", "Service", "services", true),
  kind("v1", "ConfigMap", "configmaps", true),
  kind("v1", "Secret", "secrets", true),
  kind("monitoring.coreos.com/v1", "PodMonitor", "podmonitors", true),
  kind("cert-manager.io/v1", "Certificate", "certificates", true),
  kind("cert-manager.io/v1", "Issuer", "issuers", true),
  kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", true),
  kind("rbac.authorization.k8s.io/v1", "Role", "roles", true),
  kind("v1", "ServiceAccount", "serviceaccounts", true),
];

/** Kinds that Kubernetes does not have by itself: of cert-manager, trust-manager and the Prometheus Operator. */
export const installedKindsOfOthers: readonly InstalledKind[] = [...clusterWideKinds, ...namespacedKinds].filter(
  ({ apiVersion }) => /^(monitoring\.coreos\.com|([a-z]+\.)?cert-manager\.io)\//.test(apiVersion),
);

/** Every object of an installation carries this label. Pods of applications do, too: they are not listed here. */
export const installedSelector = (controlPlaneNamespace: string): string =>
  `linkerd.io/control-plane-ns=${controlPlaneNamespace}`;
