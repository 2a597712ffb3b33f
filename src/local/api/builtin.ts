/** The table of built-in resources, and of those that are refused with a reason. */
import { storageKey } from "../store/store.ts";
import type { RefusedResource } from "./catalog.ts";
import { kindRules } from "./kinds/rules-by-kind.ts";
import { builtinStrategy } from "./kinds/strategy.ts";
import type { NameRule } from "./names.ts";
import type { ResourceInfo, ScalePaths } from "./resource-info.ts";
import type { Types } from "./schema/notation.ts";
import { columnsOf } from "./table/builtin-columns.ts";

const allVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

const workloadScale: ScalePaths = {
  specReplicas: "spec.replicas",
  statusReplicas: "status.replicas",
  selector: "spec.selector",
};

interface Row {
  readonly group?: string;
  readonly resource: string;
  readonly kind: string;
  readonly short?: readonly string[];
  readonly all?: boolean;
  readonly cluster?: boolean;
  readonly status?: boolean;
  readonly scale?: boolean;
  /** metadata.generation counts. */
  readonly counts?: boolean;
  readonly names?: NameRule;
  readonly extras?: ResourceInfo["extras"];
}

const apps = "apps";
const rbac = "rbac.authorization.k8s.io";
const admission = "admissionregistration.k8s.io";

const rows: readonly Row[] = [
  {
    resource: "namespaces",
    kind: "Namespace",
    short: ["ns"],
    cluster: true,
    status: true,
    names: "label",
    extras: [["finalize", "Namespace", ["update"]]],
  },
  {
    resource: "pods",
    kind: "Pod",
    short: ["po"],
    all: true,
    status: true,
    counts: true,
    extras: [
      ["binding", "Binding", ["create"]],
      ["eviction", "Eviction", ["create"]],
      ["log", "Pod", ["get"]],
      ["exec", "PodExecOptions", ["create", "get"]],
      ["attach", "PodAttachOptions", ["create", "get"]],
      ["portforward", "PodPortForwardOptions", ["create", "get"]],
      ["ephemeralcontainers", "Pod", ["get", "patch", "update"]],
    ],
  },
  { resource: "services", kind: "Service", short: ["svc"], all: true, status: true, names: "label1035" },
  { resource: "endpoints", kind: "Endpoints", short: ["ep"] },
  { resource: "configmaps", kind: "ConfigMap", short: ["cm"] },
  { resource: "secrets", kind: "Secret" },
  {
    resource: "serviceaccounts",
    kind: "ServiceAccount",
    short: ["sa"],
    extras: [["token", "TokenRequest", ["create"]]],
  },
  { resource: "nodes", kind: "Node", short: ["no"], cluster: true, status: true },
  { resource: "events", kind: "Event", short: ["ev"] },
  {
    group: apps,
    resource: "deployments",
    kind: "Deployment",
    short: ["deploy"],
    all: true,
    status: true,
    scale: true,
    counts: true,
  },
  {
    group: apps,
    resource: "replicasets",
    kind: "ReplicaSet",
    short: ["rs"],
    all: true,
    status: true,
    scale: true,
    counts: true,
  },
  {
    group: apps,
    resource: "statefulsets",
    kind: "StatefulSet",
    short: ["sts"],
    all: true,
    status: true,
    scale: true,
    counts: true,
  },
  { group: apps, resource: "daemonsets", kind: "DaemonSet", short: ["ds"], all: true, status: true, counts: true },
  { group: apps, resource: "controllerrevisions", kind: "ControllerRevision" },
  { group: "batch", resource: "jobs", kind: "Job", all: true, status: true, counts: true },
  { group: "batch", resource: "cronjobs", kind: "CronJob", short: ["cj"], all: true, status: true, counts: true },
  { group: "discovery.k8s.io", resource: "endpointslices", kind: "EndpointSlice", counts: true },
  { group: "coordination.k8s.io", resource: "leases", kind: "Lease" },
  {
    group: "policy",
    resource: "poddisruptionbudgets",
    kind: "PodDisruptionBudget",
    short: ["pdb"],
    status: true,
    counts: true,
  },
  { group: "scheduling.k8s.io", resource: "priorityclasses", kind: "PriorityClass", short: ["pc"], cluster: true },
  { group: rbac, resource: "roles", kind: "Role", names: "path" },
  { group: rbac, resource: "rolebindings", kind: "RoleBinding", names: "path" },
  { group: rbac, resource: "clusterroles", kind: "ClusterRole", cluster: true, names: "path" },
  { group: rbac, resource: "clusterrolebindings", kind: "ClusterRoleBinding", cluster: true, names: "path" },
  {
    group: admission,
    resource: "mutatingwebhookconfigurations",
    kind: "MutatingWebhookConfiguration",
    cluster: true,
    counts: true,
  },
  {
    group: admission,
    resource: "validatingwebhookconfigurations",
    kind: "ValidatingWebhookConfiguration",
    cluster: true,
    counts: true,
  },
  {
    group: "apiextensions.k8s.io",
    resource: "customresourcedefinitions",
    kind: "CustomResourceDefinition",
    short: ["crd", "crds"],
    cluster: true,
    status: true,
    counts: true,
  },
  { group: "apiregistration.k8s.io", resource: "apiservices", kind: "APIService", cluster: true, status: true },
];

/** Builds the table over the parsed types. */
export function builtinResources(types: Types): ResourceInfo[] {
  return rows.map((row) => {
    const group = row.group ?? "";
    return {
      group,
      version: "v1",
      resource: row.resource,
      singular: row.kind.toLowerCase(),
      kind: row.kind,
      listKind: `${row.kind}List`,
      shortNames: row.short ?? [],
      categories: row.all === true ? ["all"] : [],
      namespaced: row.cluster !== true,
      key: storageKey(group, row.resource),
      verbs: allVerbs,
      status: row.status === true,
      scale: row.scale === true ? workloadScale : null,
      extras: row.extras ?? [],
      generation: row.counts === true,
      nameRule: row.names ?? "subdomain",
      custom: false,
      published: null,
      columns: columnsOf(row.kind),
      strategy: builtinStrategy(types, row.kind, kindRules[row.kind] ?? {}),
    };
  });
}

function refuse(
  group: string,
  version: string,
  resource: string,
  kind: string,
  why: string,
  namespaced = true,
): RefusedResource {
  return { group, version, resource, kind, namespaced, why: `${kind} is not served by this local cluster: ${why}` };
}

/** Kinds that manifests in the wild contain and that this cluster says no to. */
export const refusedResources: readonly RefusedResource[] = [
  refuse("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "it has no storage; use an emptyDir volume"),
  refuse("", "v1", "persistentvolumes", "PersistentVolume", "it has no storage; use an emptyDir volume", false),
  refuse("", "v1", "limitranges", "LimitRange", "it doesn't enforce resource limits by namespace"),
  refuse("", "v1", "resourcequotas", "ResourceQuota", "it doesn't enforce resource limits by namespace"),
  refuse("networking.k8s.io", "v1", "ingresses", "Ingress", "it has no ingress controller; use kubectl port-forward"),
  refuse(
    "networking.k8s.io",
    "v1",
    "networkpolicies",
    "NetworkPolicy",
    "it doesn't filter packets; use the mesh's authorization policies",
  ),
  refuse(
    "autoscaling",
    "v2",
    "horizontalpodautoscalers",
    "HorizontalPodAutoscaler",
    "it doesn't scale by load; use kubectl scale",
  ),
  refuse("storage.k8s.io", "v1", "storageclasses", "StorageClass", "it has no storage; use an emptyDir volume", false),
];
