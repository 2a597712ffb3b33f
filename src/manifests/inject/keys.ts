/** Annotation and label names of the mesh (contract of Linkerd; users' manifests carry them). */

export const injectAnnotation = "linkerd.io/inject";
export const createdByAnnotation = "linkerd.io/created-by";
export const proxyVersionAnnotation = "linkerd.io/proxy-version";
export const trustRootAnnotation = "linkerd.io/trust-root-sha256";
/** kubectl's own: which container `logs` and `exec` mean when none is named. */
export const defaultContainerAnnotation = "kubectl.kubernetes.io/default-container";
export const controlPlaneNsLabel = "linkerd.io/control-plane-ns";
export const workloadNsLabel = "linkerd.io/workload-ns";
export const componentLabel = "linkerd.io/control-plane-component";

export const configPrefix = "config.linkerd.io/";
export const additionalEnvAnnotation = "config.linkerd.io/proxy-additional-env";
export const opaquePortsAnnotation = "config.linkerd.io/opaque-ports";

/** Values of `linkerd.io/inject`. */
export const injectValues = ["enabled", "disabled", "ingress"] as const;

/** The label that names a pod's owner, by the owner's kind in lower case. Other kinds get none. */
export const ownerLabels: Readonly<Record<string, string>> = {
  deployment: "linkerd.io/proxy-deployment",
  replicaset: "linkerd.io/proxy-replicaset",
  replicationcontroller: "linkerd.io/proxy-replicationcontroller",
  daemonset: "linkerd.io/proxy-daemonset",
  statefulset: "linkerd.io/proxy-statefulset",
  job: "linkerd.io/proxy-job",
  cronjob: "linkerd.io/proxy-cronjob",
};

export const proxyContainer = "linkerd-proxy";
export const initContainer = "linkerd-init";
export const validatorContainer = "linkerd-network-validator";
export const debugContainer = "linkerd-debug";

export const identityVolume = "linkerd-identity-end-entity";
export const tokenVolume = "linkerd-identity-token";
export const podInfoVolume = "linkerd-podinfo";

/** Where Kubernetes mounts a pod's own ServiceAccount token. */
export const serviceAccountMountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
