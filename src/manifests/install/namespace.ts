/** The control plane's namespace and its configuration objects. */
import type { JsonObject, Manifest } from "../json.ts";
import { each, some, when, type Expr, type Tree } from "../template/expression.ts";
import { publicValues, trustDomainOf, type Values } from "../values.ts";
import { yamlOf } from "../yaml.ts";
import { namespaced, namespacedRole, roleBinding, secret, type InstallContext } from "./labels.ts";

/** Not part of the chart: Helm makes namespaces itself, or doesn't. */
export function namespaceManifest(values: Values, namespace: string): Manifest {
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

/** The effective values as the text of ConfigMap `linkerd-config`, without private keys. The chart has a template for it. */
export function configText(values: Values): string {
  return yamlOf({ ...publicValues(values), identityTrustDomain: trustDomainOf(values) });
}

/** ConfigMap `linkerd-config`, and who may read it. */
export function configManifests(context: InstallContext, config: Expr<string>): readonly Tree[] {
  const { configReaders } = context.values;
  const subjects = each(configReaders, "reader", ["name", "namespace"], ({ name, namespace }) => ({
    kind: "ServiceAccount",
    name,
    namespace,
  }));
  const role = "ext-namespace-metadata-linkerd-config";
  return [
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: namespaced(context, "controller", "linkerd-config"),
      data: { "linkerd-crds-chart-version": "linkerd-crds-1.0.0-edge", values: config },
    },
    namespacedRole(context, "controller", role, [
      { apiGroups: [""], resources: ["configmaps"], resourceNames: ["linkerd-config"], verbs: ["get"] },
    ]),
    when(some(configReaders), {
      ...roleBinding(context, "controller", { role, binding: "linkerd-config-reader", subjects }),
    }),
  ];
}

/** What the user set, so that an upgrade can set it again. Holds private keys when the user or we gave some: a Secret. */
export function overridesSecret(context: InstallContext, overrides: JsonObject): Tree {
  return secret(context, "controller", "linkerd-config-overrides", { "linkerd-config-overrides": yamlOf(overrides) });
}
