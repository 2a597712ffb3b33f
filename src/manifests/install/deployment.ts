/** What the control plane's Deployments have in common: pod settings, own proxy, probes, disruption budget. */
import {
  and,
  atLeast,
  Block,
  merged,
  not,
  orElse,
  sha256,
  some,
  text,
  unlessBare,
  unlessEmpty,
  when,
  type Expr,
  type Expressions,
  type Tree,
  type TreeObject,
} from "../template/expression.ts";
import { initContainerOf, proxyContainerOf, proxyVolumes, validatorContainerOf } from "../inject/containers.ts";
import { containerResources, type ControlPlaneComponent, type ProxyView } from "../inject/settings.ts";
import type { Resources, Values } from "../values.ts";
import { createdByAnnotations, labelsWith, namespaced, type Component, type InstallContext } from "./labels.ts";

/** One of our programs as a container of a control-plane pod. */
export interface ControllerContainer {
  readonly name: string;
  readonly args: readonly Tree[];
  readonly env?: Tree;
  readonly ports: ReadonlyArray<{ readonly name: string; readonly containerPort: number }>;
  readonly adminPort: number;
  /** Path of the liveness probe: the policy program answers on another than the others do. */
  readonly livePath?: string;
  readonly probes: {
    readonly livenessProbe: { readonly timeoutSeconds: Expr<number> };
    readonly readinessProbe: { readonly timeoutSeconds: Expr<number> };
  };
  readonly resources: Expressions<Resources>;
  readonly mounts: readonly Tree[];
}

export interface ControlPlaneDeployment {
  readonly component: Exclude<Component, "controller">;
  readonly name: ControlPlaneComponent;
  readonly containers: readonly ControllerContainer[];
  readonly volumes: readonly Tree[];
  /** Labels of the selector beyond the component. A Deployment's selector can't change: an upgrade needs the one it had. */
  readonly selector: "component" | "component-and-owner";
  /** Ports on which the pod listens. */
  readonly inboundPorts: string;
  readonly podAnnotations: Expr<Record<string, string>>;
  /** Annotations below those of the values. */
  readonly fixedAnnotations?: Readonly<Record<string, string>>;
  /** Changes to the proxy's settings beyond those that all components share. */
  readonly ownProxy?: Partial<Expressions<Values>["proxy"]>;
  /** Requests, limits and cores of this pod's proxy, over those of all proxies. */
  readonly proxyResources: Expressions<Values>["identityProxyResources"];
}

const serviceAccountVolume: TreeObject = {
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
const serviceAccountMount = {
  mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
  name: "kube-api-access",
  readOnly: true,
};

export function deployment(context: InstallContext, workload: ControlPlaneDeployment): readonly Tree[] {
  const { values, namespace } = context;
  const settings = ownProxy(context, workload);
  const proxyLabel = { "linkerd.io/proxy-deployment": workload.name };
  const identity = {
    "linkerd.io/control-plane-component": workload.component,
    "linkerd.io/control-plane-ns": namespace,
  };
  const { nativeSidecar: native, await: holds } = settings.values.proxy;
  const proxy = new Block(`${workload.name}.proxy`, proxyContainerOf(settings));
  const redirect = when(values.cniEnabled, validatorContainerOf(settings), initContainerOf(settings));
  const containers = workload.containers.map((container) => controllerContainer(values, container));
  return [
    when(values.enablePodDisruptionBudget, disruptionBudget(context, workload)),
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: {
        ...namespaced(context, workload.component, workload.name),
        labels: labelsWith(context, workload.component, {
          "app.kubernetes.io/name": workload.component,
          "app.kubernetes.io/part-of": "Linkerd",
          "app.kubernetes.io/version": values.linkerdVersion,
        }),
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
            annotations: merged(
              {
                ...createdByAnnotations(context),
                "linkerd.io/proxy-version": orElse(values.proxy.image.version, values.linkerdVersion),
                "cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
                "linkerd.io/trust-root-sha256": sha256(values.identityTrustAnchorsPEM),
              },
              values.podAnnotations,
              workload.fixedAnnotations ?? {},
              workload.podAnnotations,
              { "config.linkerd.io/default-inbound-policy": "all-unauthenticated" },
            ),
            labels: merged({ ...identity, "linkerd.io/workload-ns": namespace, ...proxyLabel }, values.podLabels),
          },
          spec: {
            runtimeClassName: unlessEmpty(values.runtimeClassName),
            priorityClassName: unlessEmpty(values.priorityClassName),
            nodeSelector: values.nodeSelector,
            tolerations: unlessEmpty(values.tolerations),
            affinity: affinity(values, workload.component),
            automountServiceAccountToken: false,
            serviceAccountName: workload.name,
            securityContext: { seccompProfile: { type: "RuntimeDefault" } },
            initContainers: [new Block(`${workload.name}.redirect`, redirect), when(native, proxy)],
            // A proxy that holds its pod back comes first; the identity component's comes last, because it waits for it.
            containers: [
              when(and(not(native), holds), proxy),
              ...containers,
              when(and(not(native), not(holds)), proxy),
            ],
            volumes: [...workload.volumes, serviceAccountVolume, ...proxyVolumes(settings)],
          },
        },
      },
    },
  ];
}

function controllerContainer(values: Expressions<Values>, container: ControllerContainer): Tree {
  const { livenessProbe, readinessProbe } = container.probes;
  return {
    name: container.name,
    image: text`${values.controllerImage}:${orElse(values.controllerImageVersion, values.linkerdVersion)}`,
    imagePullPolicy: values.imagePullPolicy,
    args: ["controller", ...container.args],
    env: container.env,
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
    resources: containerResources(resourcesOver(container.resources, values.controllerResources)),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: values.controllerUID,
      runAsGroup: when(atLeast(values.controllerGID, 0), values.controllerGID),
      seccompProfile: { type: "RuntimeDefault" },
    },
    volumeMounts: [...container.mounts, serviceAccountMount],
  };
}

/** Settings of the proxy in a control-plane pod. */
function ownProxy({ values, namespace }: InstallContext, workload: ControlPlaneDeployment): ProxyView {
  const { proxy, proxyInit } = values;
  return {
    values: {
      ...values,
      proxy: {
        ...proxy,
        waitBeforeExitSeconds: 0,
        // Webhooks are called by the API server, which is rarely inside the cluster's networks and never in the mesh.
        defaultInboundPolicy: "all-unauthenticated",
        outboundDiscoveryCacheUnusedTimeout: "5s",
        inboundDiscoveryCacheUnusedTimeout: "90s",
        cores: orElse(workload.proxyResources.cores, proxy.cores),
        resources: resourcesOver(workload.proxyResources, proxy.resources),
        ...workload.ownProxy,
      },
      // The programs must reach the Kubernetes API before (and whether or not) the proxy works.
      proxyInit: { ...proxyInit, ignoreOutboundPorts: proxyInit.kubeAPIServerPorts },
    },
    controlPlaneNamespace: namespace,
    podInboundPorts: workload.inboundPorts,
    component: workload.name,
    trustBundleFromConfigMap: true,
    serviceAccountMount,
  };
}

/** What `own` has, else what `common` has. */
function resourcesOver(own: Expressions<Resources>, common: Expressions<Resources>): Expressions<Resources> {
  const over = (kind: keyof Resources): Expressions<Resources["cpu"]> => ({
    limit: orElse(own[kind].limit, common[kind].limit),
    request: orElse(own[kind].request, common[kind].request),
  });
  return { cpu: over("cpu"), memory: over("memory"), "ephemeral-storage": over("ephemeral-storage") };
}

function affinity(values: Expressions<Values>, component: string): Tree {
  const labelSelector = {
    matchExpressions: [{ key: "linkerd.io/control-plane-component", operator: "In", values: [component] }],
  };
  return unlessBare({
    nodeAffinity: when(some(values.nodeAffinity), values.nodeAffinity),
    podAntiAffinity: when(values.enablePodAntiAffinity, {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 100, podAffinityTerm: { labelSelector, topologyKey: "topology.kubernetes.io/zone" } },
      ],
      requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector, topologyKey: "kubernetes.io/hostname" }],
    }),
  });
}

function disruptionBudget(context: InstallContext, { component, name }: ControlPlaneDeployment): Tree {
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
