/** linkerd-proxy-injector: adds the proxy to pods as they are created. */
import { deployment } from "./deployment.ts";
import { allow, clusterRole, readVerbs, service, serviceAccount, type InstallContext } from "./labels.ts";
import { concatenated, text, unlessEmpty, type Tree } from "../template/expression.ts";
import { serverCertificate, webhookManifests } from "./webhook.ts";

const component = "proxy-injector";
const name = "linkerd-proxy-injector";

export function proxyInjectorManifests(context: InstallContext): readonly Tree[] {
  const { values, namespace } = context;
  const options = values.proxyInjector;
  const certificate = serverCertificate(context, name, "proxyInjector", { volume: "tls" });
  return [
    ...clusterRole(context, component, {
      role: text`linkerd-${namespace}-proxy-injector`,
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
    service(context, component, name, { name: "proxy-injector", port: 443, targetPort: "proxy-injector" }, false, {
      // The API server speaks TLS of its own to the webhook: there is nothing to detect.
      "config.linkerd.io/opaque-ports": "443",
    }),
    ...deployment(context, {
      component,
      name,
      selector: "component",
      inboundPorts: "8443,9995",
      fixedAnnotations: { "config.linkerd.io/opaque-ports": "8443" },
      podAnnotations: options.podAnnotations,
      proxyResources: values.proxyInjectorProxyResources,
      containers: [
        {
          name: "proxy-injector",
          args: [
            "proxy-injector",
            text`--log-level=${values.controllerLogLevel}`,
            text`--log-format=${values.controllerLogFormat}`,
            text`--linkerd-namespace=${namespace}`,
            ...certificate.args,
          ],
          env: unlessEmpty(concatenated(options.additionalEnv, options.experimentalEnv)),
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
            ...certificate.mounts,
          ],
        },
      ],
      volumes: [
        { name: "config", configMap: { name: "linkerd-config" } },
        { name: "trust-roots", configMap: { name: "linkerd-identity-trust-roots" } },
        ...certificate.volumes,
      ],
    }),
    // Behind the Deployment: from here on the API server calls us for every new pod.
    ...webhookManifests(context, {
      component,
      kind: "MutatingWebhookConfiguration",
      service: name,
      path: "proxyInjector",
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
