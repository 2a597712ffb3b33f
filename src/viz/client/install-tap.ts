/** The manifests of tap: the API behind the Kubernetes API server, and the webhook that lets it look into proxies. */
import type { JsonObject } from "#manifests/json.ts";
import { generateWebhookTls, type WebhookTls } from "#manifests/trust.ts";
import { tapGroup, tapVersion } from "./tap-request.ts";
import type { VizValues } from "./install.ts";

const rbac = "rbac.authorization.k8s.io";
const read = ["get", "list", "watch"];

export function tapManifests(values: VizValues): JsonObject[] {
  const { namespace, linkerdNamespace, now, trustDomain = "cluster.local" } = values;
  const apiTls = generateWebhookTls("tap", namespace, now);
  const injectorTls = generateWebhookTls("tap-injector", namespace, now);
  const tapName = `tap.${namespace}.serviceaccount.identity.${linkerdNamespace}.${trustDomain}`;
  const prefix = `linkerd-${namespace}`;
  const tap = componentOf(values, "tap");
  const injector = componentOf(values, "tap-injector");
  const ignored = values.ignoreHeaders ?? [];
  return [
    tap.account,
    tap.clusterRole(`${prefix}-tap`, [{ apiGroups: [""], resources: ["pods", "services"], verbs: read }]),
    // Whoever is bound to it may look into everything. The mesh binds the dashboard's ServiceAccount alone.
    tap.clusterRole(`${prefix}-tap-admin`, [{ apiGroups: [tapGroup], resources: ["*"], verbs: ["watch"] }]),
    tap.clusterRoleBinding(`${prefix}-tap`, `${prefix}-tap`),
    tap.clusterRoleBinding(`${prefix}-tap-auth-delegator`, "system:auth-delegator"),
    {
      apiVersion: `${rbac}/v1`,
      kind: "RoleBinding",
      metadata: { name: `${prefix}-tap-auth-reader`, namespace: "kube-system", labels: tap.labels },
      roleRef: { apiGroup: rbac, kind: "Role", name: "extension-apiserver-authentication-reader" },
      subjects: [tap.subject],
    },
    tap.secret(apiTls),
    tap.service("apiserver"),
    tap.deployment({
      args: ["tap-api", ...(ignored.length === 0 ? [] : [`--ignore-headers=${ignored.join(",")}`])],
      port: { name: "apiserver", containerPort: 8089 },
      adminPort: 9998,
      tls: apiTls,
    }),
    {
      apiVersion: "apiregistration.k8s.io/v1",
      kind: "APIService",
      metadata: { name: `${tapVersion}.${tapGroup}`, labels: tap.labels },
      spec: {
        group: tapGroup,
        version: tapVersion,
        groupPriorityMinimum: 1000,
        versionPriority: 100,
        service: { name: "tap", namespace, port: 443 },
        caBundle: Buffer.from(apiTls.caPem).toString("base64"),
      },
    },
    injector.account,
    injector.clusterRole(`${prefix}-tap-injector`, [{ apiGroups: [""], resources: ["namespaces"], verbs: read }]),
    injector.clusterRoleBinding(`${prefix}-tap-injector`, `${prefix}-tap-injector`),
    injector.secret(injectorTls),
    injector.service("tap-injector"),
    injector.deployment({
      args: ["tap-injector", `--tap-service-name=${tapName}`],
      port: { name: "tap-injector", containerPort: 8443 },
      adminPort: 9995,
      tls: injectorTls,
    }),
    {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "MutatingWebhookConfiguration",
      // The API server asks in the order of names: the proxy has to be there when this one looks.
      metadata: { name: `linkerd-tap-injector-webhook-config`, labels: injector.labels },
      webhooks: [
        {
          name: "tap-injector.linkerd.io",
          clientConfig: {
            service: { name: "tap-injector", namespace, path: "/", port: 443 },
            caBundle: Buffer.from(injectorTls.caPem).toString("base64"),
          },
          namespaceSelector: {
            matchExpressions: [
              { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system", "cert-manager"] },
            ],
          },
          admissionReviewVersions: ["v1", "v1beta1"],
          // A pod that tap can't look into is better than none.
          failurePolicy: "Ignore",
          reinvocationPolicy: "IfNeeded",
          rules: [
            { operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], scope: "Namespaced" },
          ],
          sideEffects: "None",
          timeoutSeconds: 5,
        },
      ],
    },
  ];
}

interface Program {
  readonly args: readonly string[];
  readonly port: { readonly name: string; readonly containerPort: number };
  readonly adminPort: number;
  readonly tls: WebhookTls;
}

/** The objects of one program. */
function componentOf({ namespace, image, version }: VizValues, name: string) {
  const extension = "viz";
  const labels = { "linkerd.io/extension": extension, component: name, namespace };
  const selector = { "linkerd.io/extension": extension, component: name };
  const annotations = { "linkerd.io/created-by": `linkerd ${version}` };
  const subject = { kind: "ServiceAccount", name, namespace };
  const secretName = `${name}-k8s-tls`;
  return {
    labels,
    subject,
    account: { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace, labels } },
    clusterRole: (role: string, rules: JsonObject[]): JsonObject => ({
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRole",
      metadata: { name: role, labels },
      rules,
    }),
    clusterRoleBinding: (binding: string, role: string): JsonObject => ({
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: binding, labels },
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name: role },
      subjects: [subject],
    }),
    secret: ({ certPem, keyPem }: WebhookTls): JsonObject => ({
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/tls",
      metadata: { name: secretName, namespace, labels, annotations },
      data: {
        "tls.crt": Buffer.from(certPem).toString("base64"),
        "tls.key": Buffer.from(keyPem).toString("base64"),
      },
    }),
    service: (port: string): JsonObject => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: {
        name,
        namespace,
        labels,
        // The API server speaks TLS of its own: there is nothing to detect.
        annotations: { ...annotations, "config.linkerd.io/opaque-ports": "443" },
      },
      spec: { type: "ClusterIP", selector, ports: [{ name: port, port: 443, targetPort: port }] },
    }),
    deployment: ({ args, port, adminPort, tls }: Program): JsonObject => ({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: {
        name,
        namespace,
        labels: {
          ...labels,
          "app.kubernetes.io/name": name,
          "app.kubernetes.io/part-of": "Linkerd",
          "app.kubernetes.io/version": version,
        },
        annotations,
      },
      spec: {
        replicas: 1,
        selector: { matchLabels: selector },
        template: {
          metadata: {
            labels: selector,
            annotations: {
              ...annotations,
              "config.linkerd.io/opaque-ports": String(port.containerPort),
              // With a new certificate come new pods: the API server trusts it from now on.
              "checksum/config": new Bun.CryptoHasher("sha256").update(tls.certPem).digest("hex"),
            },
          },
          spec: {
            serviceAccountName: name,
            nodeSelector: { "kubernetes.io/os": "linux" },
            containers: [
              {
                name,
                image: `${image}:${version}`,
                imagePullPolicy: "IfNotPresent",
                args: [...args],
                ports: [port, { name: "admin", containerPort: adminPort }],
                livenessProbe: { httpGet: { path: "/live", port: adminPort }, initialDelaySeconds: 10 },
                readinessProbe: { httpGet: { path: "/ready", port: adminPort }, periodSeconds: 2, failureThreshold: 7 },
                securityContext: {
                  allowPrivilegeEscalation: false,
                  capabilities: { drop: ["ALL"] },
                  readOnlyRootFilesystem: true,
                  runAsNonRoot: true,
                  runAsUser: 2103,
                  seccompProfile: { type: "RuntimeDefault" },
                },
                volumeMounts: [{ mountPath: "/var/run/linkerd/tls", name: "tls", readOnly: true }],
              },
            ],
            volumes: [{ name: "tls", secret: { secretName } }],
          },
        },
      },
    }),
  };
}
