/** `linkerd uninstall`: prints what the control plane consists of, to pipe it to `kubectl delete -f -`. */
import { MeshError } from "#lib/errors.ts";
import type { JsonObject } from "#manifests/json.ts";
import type { KubeClient } from "#kube/client.ts";
import { apiVersion, resources, type Resource } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { cluster, type Register } from "../shell.ts";
import { print } from "./install.ts";

/** Kinds outside of namespaces that an installation has; the namespace takes the rest with it. */
const kinds: readonly Resource[] = [
  resources.clusterRoles,
  resources.clusterRoleBindings,
  resources.roles,
  resources.roleBindings,
  resources.customResourceDefinitions,
  resources.mutatingWebhookConfigurations,
  resources.validatingWebhookConfigurations,
  resources.namespaces,
];

export const register: Register = (parent, shell) => {
  parent
    .command("uninstall")
    .description("Print the resources of the control plane, for kubectl delete")
    .option("-f, --force", "also while pods with a proxy are left")
    .option("-o, --output <format>", "yaml or json", "yaml")
    .addHelpText("after", "\nExamples:\n  linkerd uninstall | kubectl delete -f -")
    .action(
      shell.action<{ force?: boolean; output: string }>(async (context, _args, options) => {
        const client = cluster(context);
        const namespace = context.globals.linkerdNamespace;
        if (options.force !== true) await refuseWhileMeshed(client, namespace);
        const found = await installedObjects(client, namespace);
        if (found.length === 0)
          throw new MeshError("not-found", `There is nothing of Linkerd in namespace "${namespace}" to uninstall`);
        print(context, found, options.output);
      }),
    );
};

async function refuseWhileMeshed(client: KubeClient, namespace: string): Promise<void> {
  const { items } = await client.list<Pod>(resources.pods, {
    labelSelector: `linkerd.io/control-plane-ns=${namespace}`,
  });
  const rest = items.filter((pod) => pod.metadata.namespace !== namespace);
  if (rest.length === 0) return;
  const names = rest.slice(0, 10).map((pod) => `  * ${pod.metadata.namespace}/${pod.metadata.name}`);
  if (rest.length > names.length) names.push(`  … and ${rest.length - names.length} more`);
  throw new MeshError(
    "conflict",
    `Please uninject the following pods before uninstalling the control plane, or pass --force:\n${names.join("\n")}`,
  );
}

/** References (type and name) to what carries the control plane's label. */
async function installedObjects(client: KubeClient, namespace: string): Promise<JsonObject[]> {
  const found: JsonObject[] = [];
  for (const resource of kinds) {
    const { items } = await client.list(resource, { labelSelector: `linkerd.io/control-plane-ns=${namespace}` });
    for (const { metadata } of items) {
      // Pods' namespaces carry other labels; only the control plane's own namespace is listed here.
      if (resource === resources.namespaces && metadata.name !== namespace) continue;
      found.push({
        apiVersion: apiVersion(resource),
        kind: resource.kind,
        metadata: {
          name: metadata.name,
          ...(resource.namespaced ? { namespace: metadata.namespace ?? namespace } : {}),
        },
      });
    }
  }
  const own = await client.find(resources.namespaces, namespace);
  if (own !== null && !found.some((object) => object["kind"] === "Namespace")) {
    found.push({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  }
  return found;
}
