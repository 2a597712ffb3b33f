/** The control plane's namespace and its configuration objects. */
import type { JsonObject, Manifest } from "../json.ts";
import { publicValues, trustDomainOf } from "../values.ts";
import { yamlOf } from "../yaml.ts";
import { componentLabels, namespaced, namespacedRole, secret, type InstallContext } from "./labels.ts";

export function namespaceManifest({ values, namespace }: InstallContext): Manifest {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: namespace,
      annotations: { "linkerd.io/inject": "disabled" },
      labels: {
        "linkerd.io/is-control-plane": "true",
        "config.linkerd.io/admission-webhooks": "disabled",
        "linkerd.io/control-plane-ns": namespace,
        // The init container needs NET_ADMIN; under the CNI plugin nothing does.
        "pod-security.kubernetes.io/enforce": values.cniEnabled ? "restricted" : "privileged",
      },
    },
  };
}

/** ConfigMap `linkerd-config` with the effective values (without private keys), and who may read it. */
export function configManifests(context: InstallContext): Manifest[] {
  const values = { ...publicValues(context.values), identityTrustDomain: trustDomainOf(context.values) };
  const readers = context.values.configReaders.map(({ name, namespace }): JsonObject => ({
    kind: "ServiceAccount",
    name,
    namespace,
  }));
  return [
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: namespaced(context, "controller", "linkerd-config"),
      data: { "linkerd-crds-chart-version": "linkerd-crds-1.0.0-edge", values: yamlOf(values) },
    },
    ...namespacedRole(context, "controller", {
      role: "ext-namespace-metadata-linkerd-config",
      binding: "linkerd-config-reader",
      subjects: readers,
      rules: [{ apiGroups: [""], resources: ["configmaps"], resourceNames: ["linkerd-config"], verbs: ["get"] }],
    }),
  ];
}

/** What the user set, so that an upgrade can set it again. Holds the issuer's key when the user or we gave one: a Secret. */
export function overridesSecret(context: InstallContext, overrides: JsonObject): Manifest {
  const manifest = secret(context, "controller", "linkerd-config-overrides", {
    "linkerd-config-overrides": yamlOf(overrides),
  });
  return { ...manifest, metadata: { ...manifest.metadata, labels: componentLabels(context, "controller") } };
}
