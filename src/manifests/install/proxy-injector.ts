/** linkerd-proxy-injector: adds the proxy to pods as they are created. */
import type { Manifest } from "../json.ts";
import { deployment } from "./deployment.ts";
import { allow, clusterRole, readVerbs, service, serviceAccount, type InstallContext } from "./labels.ts";
import { webhookManifests, type WebhookTls } from "./webhook.ts";

const component = "proxy-injector";
const name = "linkerd-proxy-injector";

export function proxyInjectorManifests(context: InstallContext, tls: WebhookTls): Manifest[] {
  const { values, namespace } = context;
  const options = values.proxyInjector;
  return [
    ...clusterRole(context, component, {
      role: `linkerd-${namespace}-proxy-injector`,
      account: name,
      rules: [
        allow([""], ["events"], ["create", "patch"]),
        allow([""], ["namespaces", "replicationcontrollers"], readVerbs),
        allow([""], ["pods"], ["list", "watch"]),
        allow(["extensions", "apps"], ["deployments", "replicasets", "daemonsets", "statefulsets"], readVerbs),
        allow(["extensions", "batch"], ["cronjobs", "jobs"], readVerbs),
      ],
    }),
    serviceAccount(context, component, name),
    opaque(
      service(context, component, name, { name: "proxy-injector", port: 443, targetPort: "proxy-injector" }),
      "443",
    ),
    ...deployment(context, {
      component,
      name,
      selector: "component",
      inboundPorts: "8443,9995",
      podAnnotations: { "config.linkerd.io/opaque-ports": "8443", ...options.podAnnotations },
      proxyResources: values.proxyInjectorProxyResources,
      containers: [
        {
          name: "proxy-injector",
          args: [
            "proxy-injector",
            `--log-level=${values.controllerLogLevel}`,
            `--log-format=${values.controllerLogFormat}`,
            `--linkerd-namespace=${namespace}`,
          ],
          env: [...options.additionalEnv, ...options.experimentalEnv],
          ports: [
            { name: "proxy-injector", containerPort: 8443 },
            { name: "injector-admin", containerPort: 9995 },
          ],
          adminPort: 9995,
          probes: options,
          resources: values.proxyInjectorResources,
          mounts: [
            { mountPath: "/var/run/linkerd/config", name: "config" },
            { mountPath: "/var/run/linkerd/identity/trust-roots", name: "trust-roots" },
            { mountPath: "/var/run/linkerd/tls", name: "tls", readOnly: true },
          ],
        },
      ],
      volumes: [
        { name: "config", configMap: { name: "linkerd-config" } },
        { name: "trust-roots", configMap: { name: "linkerd-identity-trust-roots" } },
        { name: "tls", secret: { secretName: `${name}-k8s-tls` } },
      ],
    }),
    // Behind the Deployment: from here on the API server calls us for every new pod.
    ...webhookManifests(context, {
      component,
      kind: "MutatingWebhookConfiguration",
      service: name,
      tls,
      options,
      objectSelector: options.objectSelector,
      rules: [
        {
          operations: ["CREATE"],
          apiGroups: [""],
          apiVersions: ["v1"],
          resources: ["pods", "services"],
          scope: "Namespaced",
        },
      ],
      timeoutSeconds: options.timeoutSeconds,
    }),
  ];
}

/** The API server speaks TLS of its own to the webhook: there is nothing to detect. */
function opaque(manifest: Manifest, ports: string): Manifest {
  const { metadata } = manifest;
  return {
    ...manifest,
    metadata: { ...metadata, annotations: { ...metadata.annotations, "config.linkerd.io/opaque-ports": ports } },
  };
}
