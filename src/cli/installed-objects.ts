/** What an installation left in the cluster, as references for `kubectl delete -f -`. */
import { MeshError } from "#lib/errors.ts";
import { clusterWideKinds, type InstalledKind, namespacedKinds } from "#manifests/installed-kinds.ts";
import type { JsonObject } from "#manifests/json.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { KubeObject } from "#kube/types/meta.ts";

/**
 * Type and name of every object with the labels, in the order in which they may go. `namespace` takes what is in it along
 * and comes last ("whole"), or is looked into itself ("each"). A namespace that is not the installation's own, because
 * somebody put it into a shared one, is never named as a whole.
 */
export async function installedObjects(
  client: KubeClient,
  labelSelector: string,
  namespace: string,
  how: "whole" | "each" = "whole",
): Promise<JsonObject[]> {
  const own = await ownNamespace(client, namespace, labelSelector);
  const whole = how === "whole" && own !== null;
  const found: JsonObject[] = [];
  for (const kind of [...clusterWideKinds, ...namespacedKinds]) {
    if (kind.kind === "Namespace") continue;
    const objects = await list(client, kind, labelSelector);
    for (const { metadata } of objects) {
      if (whole && metadata.namespace === namespace) continue;
      found.push({
        apiVersion: kind.apiVersion,
        kind: kind.kind,
        metadata: {
          name: metadata.name,
          ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
        },
      });
    }
  }
  if (own !== null) found.push({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  return found;
}

async function list(client: KubeClient, kind: InstalledKind, labelSelector: string): Promise<readonly KubeObject[]> {
  const [version = "", group = ""] = kind.apiVersion.split("/").toReversed();
  try {
    const { items } = await client.list(
      { group, version, plural: kind.plural, kind: kind.kind, namespaced: kind.namespaced },
      { labelSelector },
    );
    return items;
  } catch (error) {
    // Types of others, such as cert-manager's, are not in every cluster.
    if (error instanceof MeshError && error.code === "not-found") return [];
    throw error;
  }
}

/** The namespace when it was made for the installation: its labels say so. */
async function ownNamespace(client: KubeClient, name: string, labelSelector: string): Promise<KubeObject | null> {
  const found = await client.find(resources.namespaces, name);
  const labels = found?.metadata.labels ?? {};
  const [key = "", value = ""] = labelSelector.split("=");
  return labels["linkerd.io/is-control-plane"] === "true" || labels[key] === value ? found : null;
}

/** What tells two objects apart, across versions of their kind's API. */
export function objectKey(object: JsonObject): string {
  const { name, namespace } = (object["metadata"] ?? {}) as { name?: string; namespace?: string };
  const group =
    String(object["apiVersion"] ?? "")
      .split("/")
      .toReversed()[1] ?? "";
  return [group, object["kind"], namespace ?? "", name ?? ""].join("/");
}
