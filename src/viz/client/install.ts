/** The manifests of the viz extension: `linkerd viz install`. */
import type { JsonObject } from "#manifests/json.ts";
import { tapManifests } from "./install-tap.ts";

export interface VizValues {
  /** Default "linkerd-viz". */
  readonly namespace: string;
  /** Namespace of the control plane, for names of cluster-wide objects. */
  readonly linkerdNamespace: string;
  /** Image repository without tag, for example "cr.l5d.io/linkerd/controller". */
  readonly image: string;
  readonly version: string;
  /** ms between two scrapes of a proxy. */
  readonly scrapeInterval: number;
  /** A Prometheus that scrapes the proxies, instead of the embedded store. Default none. */
  readonly prometheusUrl?: string;
  /** Further hosts of the dashboard, as a regular expression for the whole Host header. Default none. */
  readonly enforcedHost?: string;
  /** Of the mesh's identities. Default "cluster.local". */
  readonly trustDomain?: string;
  /** Header fields that tap tells nobody. Default none. */
  readonly ignoreHeaders?: readonly string[];
  /** Milliseconds since 1970, for the certificates of tap's servers. */
  readonly now: number;
}

/** All objects of the extension in the order in which they must be applied. */
export function renderViz(values: VizValues): JsonObject[] {
  const { namespace, version } = values;
  const labels = { "linkerd.io/extension": "viz", component: "metrics-api", namespace };
  const role = `linkerd-${namespace}-metrics-api`;
  return [
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: {
        name: namespace,
        labels: { "linkerd.io/extension": "viz", "pod-security.kubernetes.io/enforce": "privileged" },
        annotations: { "linkerd.io/inject": "enabled", "config.linkerd.io/proxy-await": "enabled" },
      },
    },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "metrics-api", namespace, labels } },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: role, labels },
      rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] }],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: role, labels },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
      subjects: [{ kind: "ServiceAccount", name: "metrics-api", namespace }],
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: {
        name: "metrics-api",
        namespace,
        labels,
        annotations: { "linkerd.io/created-by": `linkerd ${version}` },
      },
      spec: {
        type: "ClusterIP",
        selector: { "linkerd.io/extension": "viz", component: "metrics-api" },
        ports: [{ name: "http", port: 8085, targetPort: 8085 }],
      },
    },
    // The dashboard shows live requests to whoever can open it.
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: `linkerd-${namespace}-web-admin`, labels: { ...labels, component: "web" } },
      roleRef: {
        apiGroup: "rbac.authorization.k8s.io",
        kind: "ClusterRole",
        name: `linkerd-${namespace}-tap-admin`,
      },
      subjects: [{ kind: "ServiceAccount", name: "metrics-api", namespace }],
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: {
        name: "web",
        namespace,
        labels: { ...labels, component: "web" },
        annotations: { "linkerd.io/created-by": `linkerd ${version}` },
      },
      spec: {
        type: "ClusterIP",
        selector: { "linkerd.io/extension": "viz", component: "metrics-api" },
        ports: [{ name: "http", port: 8084, targetPort: 8084 }],
      },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: {
        name: "metrics-api",
        namespace,
        labels: {
          ...labels,
          "app.kubernetes.io/name": "metrics-api",
          "app.kubernetes.io/part-of": "Linkerd",
          "app.kubernetes.io/version": version,
        },
        annotations: { "linkerd.io/created-by": `linkerd ${version}` },
      },
      spec: {
        replicas: 1,
        selector: { matchLabels: { "linkerd.io/extension": "viz", component: "metrics-api" } },
        template: {
          metadata: { labels: { "linkerd.io/extension": "viz", component: "metrics-api" } },
          spec: {
            serviceAccountName: "metrics-api",
            nodeSelector: { "kubernetes.io/os": "linux" },
            containers: [
              {
                name: "metrics-api",
                image: `${values.image}:${version}`,
                imagePullPolicy: "IfNotPresent",
                args: [
                  "metrics-api",
                  `--scrape-interval-ms=${values.scrapeInterval}`,
                  `--namespace=${namespace}`,
                  ...(values.prometheusUrl === undefined ? [] : [`--prometheus-url=${values.prometheusUrl}`]),
                  ...(values.enforcedHost === undefined ? [] : [`--enforced-host=${values.enforcedHost}`]),
                ],
                ports: [
                  { name: "http", containerPort: 8085 },
                  { name: "dashboard", containerPort: 8084 },
                  { name: "admin", containerPort: 9995 },
                ],
                livenessProbe: { httpGet: { path: "/live", port: 9995 }, initialDelaySeconds: 10 },
                readinessProbe: { httpGet: { path: "/ready", port: 9995 }, periodSeconds: 2, failureThreshold: 7 },
                securityContext: {
                  allowPrivilegeEscalation: false,
                  capabilities: { drop: ["ALL"] },
                  readOnlyRootFilesystem: true,
                  runAsNonRoot: true,
                  runAsUser: 2103,
                  seccompProfile: { type: "RuntimeDefault" },
                },
              },
            ],
          },
        },
      },
    },
    ...tapManifests(values),
  ];
}
