/**
 * linkerd-cni: puts the plugin on every node, and (repair) finds pods that started before it was there. One DaemonSet with
 * one ServiceAccount. It is on the host's network, so that it never depends on the network that it is part of.
 */
import { containerResources } from "../inject/settings.ts";
import {
  allWhen,
  atLeast,
  commaSeparated,
  merged,
  orElse,
  pick,
  some,
  text,
  unlessEmpty,
  when,
  type Expr,
  type Expressions,
  type Tree,
  type TreeObject,
} from "../template/expression.ts";
import type { CniValues } from "../values/cni.ts";
import { allow, readVerbs } from "./labels.ts";

const name = "linkerd-cni";
const repairPort = 9990;
const installPort = 9991;

export interface CniContext {
  readonly values: Expressions<CniValues>;
  /** "linkerd-cni" by default. */
  readonly namespace: Expr<string>;
  readonly createdBy: Expr<string>;
}

export function cniManifests(context: CniContext): readonly Tree[] {
  const { values, namespace } = context;
  const subjects = [{ kind: "ServiceAccount", name, namespace }];
  const rbac = "rbac.authorization.k8s.io";
  return [
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: namespaced(context, name),
      imagePullSecrets: unlessEmpty(values.imagePullSecrets),
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRole",
      metadata: { name, labels: labels(context) },
      rules: [
        allow([""], ["pods"], readVerbs),
        // The account's token lies on every node, in the plugin's kubeconfig: no right that nobody needs.
        ...allWhen(values.repairController.enabled, () => [
          allow([""], ["pods/eviction"], ["create"]),
          allow([""], ["events"], ["create", "patch"]),
        ]),
        // To hear that it is uninstalled while it may.
        { ...allow([""], ["namespaces"], readVerbs), resourceNames: [namespace] },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name, labels: labels(context) },
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name },
      subjects,
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "Role",
      metadata: namespaced(context, name),
      rules: [{ ...allow(["apps"], ["daemonsets"], readVerbs), resourceNames: [name] }],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "RoleBinding",
      metadata: namespaced(context, name),
      roleRef: { apiGroup: rbac, kind: "Role", name },
      subjects,
    },
    {
      // For people and for `linkerd check`; the programs have the same as arguments.
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: namespaced(context, "linkerd-cni-config"),
      data: {
        dest_cni_net_dir: values.destCNINetDir,
        dest_cni_bin_dir: values.destCNIBinDir,
        inbound_proxy_port: text`${values.inboundProxyPort}`,
        outbound_proxy_port: text`${values.outboundProxyPort}`,
      },
    },
    daemonSet(context),
  ];
}

const labels = ({ values }: CniContext): Tree => merged({ "linkerd.io/cni-resource": "true" }, values.commonLabels);

function namespaced(context: CniContext, objectName: string): TreeObject {
  return {
    name: objectName,
    namespace: context.namespace,
    labels: labels(context),
    annotations: { "linkerd.io/created-by": context.createdBy },
  };
}

function daemonSet(context: CniContext): Tree {
  const { values, createdBy } = context;
  const repair = values.repairController.enabled;
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: namespaced(context, name),
    spec: {
      revisionHistoryLimit: values.revisionHistoryLimit,
      selector: { matchLabels: { "k8s-app": name } },
      updateStrategy: values.updateStrategy,
      template: {
        metadata: {
          labels: merged({ "k8s-app": name, "linkerd.io/cni-resource": "true" }, values.podLabels),
          annotations: merged(
            {
              "linkerd.io/created-by": createdBy,
              "linkerd.io/cni-version": orElse(values.image.version, values.linkerdVersion),
              "linkerd.io/inject": "disabled",
            },
            values.podAnnotations,
          ),
        },
        spec: {
          hostNetwork: true,
          serviceAccountName: name,
          priorityClassName: unlessEmpty(values.priorityClassName),
          runtimeClassName: unlessEmpty(values.runtimeClassName),
          nodeSelector: values.nodeSelector,
          tolerations: unlessEmpty(values.tolerations),
          securityContext: { seccompProfile: { type: "RuntimeDefault" } },
          terminationGracePeriodSeconds: 30,
          initContainers: unlessEmpty(values.extraInitContainers),
          containers: [installContainer(context), when(repair, repairContainer(context))],
          volumes: [
            { name: "cni-bin-dir", hostPath: { path: values.destCNIBinDir } },
            { name: "cni-net-dir", hostPath: { path: values.destCNINetDir } },
            when(repair, { name: "netns", hostPath: { path: "/var/run/netns", type: "DirectoryOrCreate" } }),
          ],
        },
      },
    },
  };
}

function installContainer({ values }: CniContext): Tree {
  return {
    name: "install-cni",
    image: imageOf(values, values.image),
    imagePullPolicy: orElse<string>(values.image.pullPolicy, "IfNotPresent"),
    args: [
      "cni",
      "install",
      "--cni-bin-dir",
      "/host/opt/cni/bin",
      "--cni-net-dir",
      "/host/etc/cni/net.d",
      "--host-cni-net-dir",
      values.destCNINetDir,
      "--admin-port",
      String(installPort),
      ...logFlags(values),
      ...allWhen(some(values.excludeNamespaces), () => [
        "--exclude-namespaces",
        commaSeparated(values.excludeNamespaces),
      ]),
      ...ruleFlags(values),
    ],
    env: [
      { name: "LINKERD_CNI_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
      { name: "LINKERD_CNI_DAEMONSET", value: name },
    ],
    ports: [{ name: "cni-admin", containerPort: installPort }],
    ...probes(installPort),
    resources: containerResources(values.resources),
    // It writes into directories of the host that belong to root.
    securityContext: when(
      values.privileged,
      { privileged: true, readOnlyRootFilesystem: true, runAsUser: 0 },
      {
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        readOnlyRootFilesystem: true,
        runAsUser: 0,
        seccompProfile: { type: "RuntimeDefault" },
      },
    ),
    volumeMounts: [
      { name: "cni-bin-dir", mountPath: "/host/opt/cni/bin" },
      { name: "cni-net-dir", mountPath: "/host/etc/cni/net.d" },
    ],
  };
}

function repairContainer({ values }: CniContext): Tree {
  const { repairController } = values;
  return {
    name: "repair-controller",
    image: imageOf(values, repairController.image),
    imagePullPolicy: orElse<string>(repairController.image.pullPolicy, "IfNotPresent"),
    args: [
      "cni",
      "repair",
      "--netns-dir",
      "/host/run/netns",
      "--admin-port",
      String(repairPort),
      ...logFlags(repairController),
      ...ruleFlags(values),
    ],
    env: [
      { name: "LINKERD_CNI_NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
      { name: "LINKERD_CNI_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
      { name: "LINKERD_CNI_POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    ],
    ports: [{ name: "repair-admin", containerPort: repairPort }],
    ...probes(repairPort),
    resources: containerResources(repairController.resources),
    // It enters the network namespaces of pods and writes rules there.
    securityContext: when(repairController.enableSecurityContext, {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"], add: ["SYS_ADMIN", "NET_ADMIN"] },
      readOnlyRootFilesystem: true,
      runAsUser: 0,
      seccompProfile: { type: "RuntimeDefault" },
    }),
    volumeMounts: [{ name: "netns", mountPath: "/host/run/netns", mountPropagation: "HostToContainer" }],
  };
}

function imageOf(
  { linkerdVersion }: Expressions<CniValues>,
  image: { readonly name: Expr<string>; readonly version: Expr<string> },
): Expr<string> {
  return text`${image.name}:${orElse(image.version, linkerdVersion)}`;
}

function logFlags(from: { readonly logLevel: Expr<string>; readonly logFormat: Expr<"plain" | "json"> }): Tree[] {
  return ["--log-level", from.logLevel, "--log-format", from.logFormat];
}

/** What to redirect: the flags of `linkerd proxy-init`. */
function ruleFlags(values: Expressions<CniValues>): Tree[] {
  const unless = (flag: string, value: Expr<string>): readonly Tree[] => allWhen(some(value), () => [flag, value]);
  const skipped = values.ignoreInboundPorts;
  const own = text`${values.proxyControlPort},${values.proxyAdminPort}`;
  return [
    "--incoming-proxy-port",
    text`${values.inboundProxyPort}`,
    "--outgoing-proxy-port",
    text`${values.outboundProxyPort}`,
    "--proxy-uid",
    text`${values.proxyUID}`,
    ...allWhen(atLeast(values.proxyGID, 0), () => ["--proxy-gid", text`${values.proxyGID}`]),
    ...unless("--ports-to-redirect", values.portsToRedirect),
    "--inbound-ports-to-ignore",
    pick(some(skipped), text`${own},${skipped}`, own),
    ...unless("--outbound-ports-to-ignore", values.ignoreOutboundPorts),
    ...unless("--subnets-to-ignore", values.skipSubnets),
    "--iptables-mode",
    values.iptablesMode,
    when(values.disableIPv6, "--ipv6=false"),
    when(values.useWaitFlag, "--use-wait-flag"),
  ];
}

const probes = (port: number): TreeObject => ({
  livenessProbe: { httpGet: { path: "/live", port }, initialDelaySeconds: 10 },
  readinessProbe: { httpGet: { path: "/ready", port }, periodSeconds: 2, failureThreshold: 30 },
});
