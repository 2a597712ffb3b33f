/** What every cluster has from the start: namespaces and the default roles (Kubernetes "Default roles and role bindings"). */
import type { NewObject } from "../../store/object.ts";
import type { ResourceRef } from "../resource-ref.ts";
import { resources } from "../resource-ref.ts";

const apiVersion = "rbac.authorization.k8s.io/v1";
const labels: Record<string, string> = { "kubernetes.io/bootstrapping": "rbac-defaults" };
const aggregate = (to: string): Record<string, string> => ({
  ...labels,
  [`rbac.authorization.k8s.io/aggregate-to-${to}`]: "true",
});
const collects = (to: string): unknown => ({
  clusterRoleSelectors: [{ matchLabels: { [`rbac.authorization.k8s.io/aggregate-to-${to}`]: "true" } }],
});

const read = ["get", "list", "watch"];
const write = ["create", "delete", "deletecollection", "patch", "update"];

const readable = [
  {
    apiGroups: [""],
    resources: [
      "configmaps",
      "endpoints",
      "events",
      "namespaces",
      "pods",
      "pods/log",
      "pods/status",
      "serviceaccounts",
      "services",
      "services/status",
    ],
    verbs: read,
  },
  {
    apiGroups: ["apps"],
    resources: [
      "controllerrevisions",
      "daemonsets",
      "daemonsets/status",
      "deployments",
      "deployments/scale",
      "deployments/status",
      "replicasets",
      "replicasets/scale",
      "replicasets/status",
      "statefulsets",
      "statefulsets/scale",
      "statefulsets/status",
    ],
    verbs: read,
  },
  { apiGroups: ["batch"], resources: ["cronjobs", "cronjobs/status", "jobs", "jobs/status"], verbs: read },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: read },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets", "poddisruptionbudgets/status"], verbs: read },
];

const writable = [
  {
    apiGroups: [""],
    resources: ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"],
    verbs: read,
  },
  { apiGroups: [""], resources: ["pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"], verbs: write },
  { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] },
  {
    apiGroups: [""],
    resources: ["configmaps", "events", "secrets", "serviceaccounts", "services", "services/proxy"],
    verbs: write,
  },
  { apiGroups: [""], resources: ["serviceaccounts"], verbs: ["impersonate"] },
  { apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"] },
  {
    apiGroups: ["apps"],
    resources: [
      "daemonsets",
      "deployments",
      "deployments/scale",
      "replicasets",
      "replicasets/scale",
      "statefulsets",
      "statefulsets/scale",
    ],
    verbs: write,
  },
  { apiGroups: ["batch"], resources: ["cronjobs", "jobs"], verbs: write },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: [...read, ...write] },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: write },
];

const administrable = [
  { apiGroups: ["authorization.k8s.io"], resources: ["localsubjectaccessreviews"], verbs: ["create"] },
  { apiGroups: ["rbac.authorization.k8s.io"], resources: ["rolebindings", "roles"], verbs: [...read, ...write] },
];

type Made = readonly [ref: ResourceRef, object: NewObject];

function clusterRole(name: string, rules: unknown, extra: Record<string, unknown> = {}, marks = labels): Made {
  return [
    resources.clusterRoles,
    { apiVersion, kind: "ClusterRole", metadata: { name, labels: marks }, rules, ...extra },
  ];
}

function clusterBinding(name: string, groups: readonly string[]): Made {
  const subjects = groups.map((group) => ({ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: group }));
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name };
  return [
    resources.clusterRoleBindings,
    { apiVersion, kind: "ClusterRoleBinding", metadata: { name, labels }, subjects, roleRef },
  ];
}

const namespaces: readonly Made[] = ["default", "kube-system", "kube-public", "kube-node-lease"].map((name) => [
  resources.namespaces,
  { apiVersion: "v1", kind: "Namespace", metadata: { name } },
]);

/** In the order in which they can be created. */
export const bootstrapObjects: readonly Made[] = [
  ...namespaces,
  clusterRole("cluster-admin", [
    { apiGroups: ["*"], resources: ["*"], verbs: ["*"] },
    { nonResourceURLs: ["*"], verbs: ["*"] },
  ]),
  clusterRole("view", [], { aggregationRule: collects("view") }, aggregate("edit")),
  clusterRole("edit", [], { aggregationRule: collects("edit") }, aggregate("admin")),
  clusterRole("admin", [], { aggregationRule: collects("admin") }),
  clusterRole(
    "system:aggregate-to-view",
    readable,
    {},
    { ...aggregate("view"), ...aggregate("edit"), ...aggregate("admin") },
  ),
  clusterRole("system:aggregate-to-edit", writable, {}, { ...aggregate("edit"), ...aggregate("admin") }),
  clusterRole("system:aggregate-to-admin", administrable, {}, aggregate("admin")),
  clusterRole("system:discovery", [
    {
      nonResourceURLs: [
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
      ],
      verbs: ["get"],
    },
  ]),
  clusterRole("system:basic-user", [
    {
      apiGroups: ["authorization.k8s.io"],
      resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
      verbs: ["create"],
    },
    { apiGroups: ["authentication.k8s.io"], resources: ["selfsubjectreviews"], verbs: ["create"] },
  ]),
  clusterRole("system:auth-delegator", [
    { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
    { apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"], verbs: ["create"] },
  ]),
  clusterRole("system:service-account-issuer-discovery", [
    { nonResourceURLs: ["/.well-known/openid-configuration", "/openid/v1/jwks"], verbs: ["get"] },
  ]),
  clusterBinding("cluster-admin", ["system:masters"]),
  clusterBinding("system:discovery", ["system:authenticated"]),
  clusterBinding("system:basic-user", ["system:authenticated"]),
  clusterBinding("system:service-account-issuer-discovery", ["system:serviceaccounts"]),
  [
    resources.roles,
    {
      apiVersion,
      kind: "Role",
      metadata: { name: "extension-apiserver-authentication-reader", namespace: "kube-system", labels },
      rules: [
        {
          apiGroups: [""],
          resources: ["configmaps"],
          resourceNames: ["extension-apiserver-authentication"],
          verbs: read,
        },
      ],
    },
  ],
];
