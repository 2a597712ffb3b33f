/** What the control plane's Deployments have in common: pod settings, own proxy, probes, disruption budget. */
import { createHash } from "node:crypto";
import type { JsonObject, Manifest } from "../json.ts";
import { initContainerOf, proxyContainerOf, proxyVolumes, validatorContainerOf } from "../inject/containers.ts";
import {
  containerResources,
  proxySettings,
  type ControlPlaneComponent,
  type ProxySettings,
} from "../inject/settings.ts";
import type { Resources, Values } from "../values.ts";
import { componentLabels, createdByAnnotations, namespaced, type Component, type InstallContext } from "./labels.ts";

/** One of our programs as a container of a control-plane pod. */
export interface ControllerContainer {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: readonly JsonObject[];
  readonly ports: ReadonlyArray<{ readonly name: string; readonly containerPort: number }>;
  readonly adminPort: number;
  /** Path of the liveness probe: the policy program answers on another than the others do. */
  readonly livePath?: string;
  readonly probes: {
    readonly livenessProbe: { readonly timeoutSeconds: number };
    readonly readinessProbe: { readonly timeoutSeconds: number };
  };
  readonly resources: Resources;
  readonly mounts: readonly JsonObject[];
}

export interface ControlPlaneDeployment {
  readonly component: Exclude<Component, "controller">;
  readonly name: ControlPlaneComponent;
  readonly containers: readonly ControllerContainer[];
  readonly volumes: readonly JsonObject[];
  /** Labels of the selector beyond the component. A Deployment's selector can't change: an upgrade needs the one it had. */
  readonly selector: "component" | "component-and-owner";
  /** Ports on which the pod listens. */
  readonly inboundPorts: string;
  readonly podAnnotations: Readonly<Record<string, string>>;
  /** Changes to the proxy's settings beyond those that all components share. */
  readonly adjustProxy?: (settings: ProxySettings) => void;
  /** Requests, limits and cores of this pod's proxy, over those of all proxies. */
  readonly proxyResources: Resources & { readonly cores: number | null };
}

const serviceAccountVolume: JsonObject = {
  name: "kube-api-access",
  projected: {
    defaultMode: 420,
    sources: [
      { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
      { configMap: { items: [{ key: "ca.crt", path: "ca.crt" }], name: "kube-root-ca.crt" } },
      {
        downwardAPI: {
          items: [{ fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" }, path: "namespace" }],
        },
      },
    ],
  },
};

/** The program's access to the Kubernetes API; the proxy beside it gets none. */
const serviceAccountMount: JsonObject = {
  mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
  name: "kube-api-access",
  readOnly: true,
};

export function deployment(context: InstallContext, workload: ControlPlaneDeployment): Manifest[] {
  const { values, namespace } = context;
  const settings = ownProxy(context, workload);
  const proxyLabel = { "linkerd.io/proxy-deployment": workload.name };
  const identity = {
    "linkerd.io/control-plane-component": workload.component,
    "linkerd.io/control-plane-ns": namespace,
  };
  const native = settings.values.proxy.nativeSidecar;
  const proxy = proxyContainerOf(settings);
  const redirect = values.cniEnabled ? validatorContainerOf(settings) : initContainerOf(settings);
  const containers = workload.containers.map((container) => controllerContainer(values, container));
  const manifest: Manifest = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      ...namespaced(context, workload.component, workload.name),
      labels: {
        "app.kubernetes.io/name": workload.component,
        "app.kubernetes.io/part-of": "Linkerd",
        "app.kubernetes.io/version": values.linkerdVersion,
        ...componentLabels(context, workload.component),
      },
    },
    spec: {
      replicas: values.controllerReplicas,
      revisionHistoryLimit: values.revisionHistoryLimit,
      selector: {
        matchLabels:
          workload.selector === "component"
            ? { "linkerd.io/control-plane-component": workload.component }
            : { ...identity, ...proxyLabel },
      },
      strategy: values.deploymentStrategy,
      template: {
        metadata: {
          annotations: {
            ...createdByAnnotations(context),
            "linkerd.io/proxy-version": values.proxy.image.version || values.linkerdVersion,
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
            "linkerd.io/trust-root-sha256": createHash("sha256").update(values.identityTrustAnchorsPEM).digest("hex"),
            ...values.podAnnotations,
            ...workload.podAnnotations,
            "config.linkerd.io/default-inbound-policy": "all-unauthenticated",
          },
          labels: { ...identity, "linkerd.io/workload-ns": namespace, ...proxyLabel, ...values.podLabels },
        },
        spec: {
          runtimeClassName: values.runtimeClassName || undefined,
          priorityClassName: values.priorityClassName || undefined,
          nodeSelector: values.nodeSelector,
          tolerations: values.tolerations.length > 0 ? values.tolerations : undefined,
          affinity: affinity(values, workload.component),
          automountServiceAccountToken: false,
          serviceAccountName: workload.name,
          securityContext: { seccompProfile: { type: "RuntimeDefault" } },
          initContainers: native ? [redirect, proxy] : [redirect],
          // A proxy that holds its pod back comes first; the identity component's comes last, because it waits for it.
          containers: native
            ? containers
            : settings.values.proxy.await
              ? [proxy, ...containers]
              : [...containers, proxy],
          volumes: [...workload.volumes, serviceAccountVolume, ...proxyVolumes(settings)],
        },
      },
    },
  };
  return values.enablePodDisruptionBudget ? [disruptionBudget(context, workload), manifest] : [manifest];
}

function controllerContainer(values: Values, container: ControllerContainer): JsonObject {
  const { livenessProbe, readinessProbe } = container.probes;
  return {
    name: container.name,
    image: `${values.controllerImage}:${values.controllerImageVersion || values.linkerdVersion}`,
    imagePullPolicy: values.imagePullPolicy,
    args: ["controller", ...container.args],
    env: container.env !== undefined && container.env.length > 0 ? [...container.env] : undefined,
    ports: container.ports.map((port) => ({ ...port })),
    livenessProbe: {
      httpGet: { path: container.livePath ?? "/ping", port: container.adminPort },
      initialDelaySeconds: 10,
      timeoutSeconds: livenessProbe.timeoutSeconds,
    },
    readinessProbe: {
      failureThreshold: 30,
      httpGet: { path: "/ready", port: container.adminPort },
      // Kubernetes' default of 10 s is most of the time that an installation would take.
      periodSeconds: 2,
      timeoutSeconds: readinessProbe.timeoutSeconds,
    },
    resources: containerResources(container.resources),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: values.controllerUID,
      runAsGroup: values.controllerGID >= 0 ? values.controllerGID : undefined,
      seccompProfile: { type: "RuntimeDefault" },
    },
    volumeMounts: [...container.mounts, serviceAccountMount],
  };
}

/** Settings of the proxy in a control-plane pod. */
function ownProxy(context: InstallContext, workload: ControlPlaneDeployment): ProxySettings {
  const settings = proxySettings(context.values, context.namespace);
  const { proxy, proxyInit } = settings.values;
  settings.component = workload.name;
  settings.podInboundPorts = workload.inboundPorts;
  settings.trustBundleFromConfigMap = true;
  proxy.waitBeforeExitSeconds = 0;
  // Webhooks are called by the API server, which is rarely inside the cluster's networks and never in the mesh.
  proxy.defaultInboundPolicy = "all-unauthenticated";
  proxy.outboundDiscoveryCacheUnusedTimeout = "5s";
  proxy.inboundDiscoveryCacheUnusedTimeout = "90s";
  // The programs must reach the Kubernetes API before (and whether or not) the proxy works.
  proxyInit.ignoreOutboundPorts = proxyInit.kubeAPIServerPorts;
  const { cores, ...resources } = workload.proxyResources;
  if (cores !== null) proxy.cores = cores;
  for (const kind of ["cpu", "memory", "ephemeral-storage"] as const) {
    proxy.resources[kind].limit = resources[kind].limit || proxy.resources[kind].limit;
    proxy.resources[kind].request = resources[kind].request || proxy.resources[kind].request;
  }
  workload.adjustProxy?.(settings);
  return settings;
}

function affinity(values: Values, component: string): JsonObject | undefined {
  const result: JsonObject = {};
  if (Object.keys(values.nodeAffinity).length > 0) result["nodeAffinity"] = values.nodeAffinity;
  if (values.enablePodAntiAffinity) {
    const labelSelector: JsonObject = {
      matchExpressions: [{ key: "linkerd.io/control-plane-component", operator: "In", values: [component] }],
    };
    result["podAntiAffinity"] = {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 100, podAffinityTerm: { labelSelector, topologyKey: "topology.kubernetes.io/zone" } },
      ],
      requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector, topologyKey: "kubernetes.io/hostname" }],
    };
  }
  return Object.keys(result).length > 0 ? result : undefined;
}

function disruptionBudget(context: InstallContext, { component, name }: ControlPlaneDeployment): Manifest {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    // The destination component's budget has always had its Services' short name.
    metadata: namespaced(context, component, component === "destination" ? "linkerd-dst" : name),
    spec: {
      maxUnavailable: context.values.controller.podDisruptionBudget.maxUnavailable,
      selector: { matchLabels: { "linkerd.io/control-plane-component": component } },
    },
  };
}
