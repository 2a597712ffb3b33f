/** What an installation left in the cluster, as references for `kubectl delete -f -`. */
import { clusterWideKinds } from "#manifests/installed-kinds.ts";
import type { JsonObject } from "#manifests/json.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";

/**
 * Type and name of every cluster-wide object with the labels, in the order in which they may go, and of the namespace,
 * which takes the rest along.
 */
export async function installedObjects(
  client: KubeClient,
  labelSelector: string,
  namespace: string,
): Promise<JsonObject[]> {
  const found: JsonObject[] = [];
  for (const { apiVersion, kind, plural, namespaced } of clusterWideKinds) {
    if (kind === "Namespace") continue;
    const [version = "", group = ""] = apiVersion.split("/").toReversed();
    const { items } = await client.list({ group, version, plural, kind, namespaced }, { labelSelector });
    found.push(...items.map(({ metadata }) => ({ apiVersion, kind, metadata: { name: metadata.name } })));
  }
  if ((await client.find(resources.namespaces, namespace)) !== null) {
    found.push({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  }
  return found;
}
