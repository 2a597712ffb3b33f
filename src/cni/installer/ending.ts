/** Whether a stop of our pod means that the plugin goes: an update or an eviction leaves it on the node. */
import { MeshError } from "#lib/errors.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { KubeObject } from "#kube/types/meta.ts";

export type Ending =
  /** Somebody removes the plugin. */
  | { readonly kind: "removal"; readonly reason: string }
  /** Another pod takes over, or nobody knows. */
  | { readonly kind: "pause"; readonly reason: string };

const isGoing = (object: KubeObject): boolean => object.metadata.deletionTimestamp !== undefined;

/** Asks the API server about our DaemonSet and its namespace. */
export async function whyWeStop(
  client: Pick<KubeClient, "get">,
  daemonSet: { readonly namespace: string; readonly name: string },
): Promise<Ending> {
  const { namespace, name } = daemonSet;
  try {
    if (isGoing(await client.get(resources.daemonSets, name, namespace))) {
      return { kind: "removal", reason: "the DaemonSet is being deleted" };
    }
    if (isGoing(await client.get(resources.namespaces, namespace))) {
      return { kind: "removal", reason: "the namespace is being deleted" };
    }
    return { kind: "pause", reason: "the DaemonSet stays" };
  } catch (thrown) {
    const code = thrown instanceof MeshError ? thrown.code : "internal";
    // Our rights go together with us; only an uninstallation takes them.
    if (code === "not-found" || code === "permission-denied" || code === "unauthenticated") {
      return { kind: "removal", reason: "the DaemonSet or our rights are gone" };
    }
    return { kind: "pause", reason: "the API server can't be asked" };
  }
}
