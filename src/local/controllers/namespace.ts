/** Namespaces: what each one has from the start, and emptying one that is deleted. */
import { resources } from "../api/resource-ref.ts";
import { namespaceOf, type KubeObject } from "../store/object.ts";
import type { ConfigMap } from "../types.ts";
import { createQueue, ignoreExisting, ignoreMissing, watchKeys, type ControllerContext } from "./context.ts";
import { resourceOf } from "./resource-of.ts";
import { splitKey, type Again } from "./work-queue.ts";

/** How soon a namespace that still has objects is looked at again, ms. */
const recheck = 200;

export function startNamespaces(context: ControllerContext): void {
  const { client, store, caPem } = context;

  const empty = async (name: string): Promise<Again> => {
    let left = 0;
    for (const key of store.resources()) {
      for (const object of store.list(key, name)) {
        if (namespaceOf(object) !== name) continue;
        left++;
        // Pods get their grace period; everything else goes when its finalizers let it.
        if (object.metadata.deletionTimestamp === undefined) {
          await ignoreMissing(client.delete(resourceOf(key, object), name, object.metadata.name));
        }
      }
    }
    if (left > 0) return recheck;
    await ignoreMissing(client.finalizeNamespace(name));
    return undefined;
  };

  const furnish = async (namespace: string): Promise<void> => {
    if (client.get(resources.serviceAccounts, namespace, "default") === null) {
      await ignoreExisting(
        client.create(resources.serviceAccounts, {
          apiVersion: "v1",
          kind: "ServiceAccount",
          metadata: { name: "default", namespace },
        }),
      );
    }
    const name = "kube-root-ca.crt";
    const existing = client.get<ConfigMap>(resources.configMaps, namespace, name);
    if (existing === null) {
      await ignoreExisting(
        client.create(resources.configMaps, {
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name, namespace },
          data: { "ca.crt": caPem },
        }),
      );
    } else if (existing.data?.["ca.crt"] !== caPem) {
      await ignoreMissing(client.patch(resources.configMaps, namespace, name, { data: { "ca.crt": caPem } }));
    }
  };

  const queue = createQueue(context, "namespace", async (key) => {
    const { name } = splitKey(key);
    const namespace = client.get(resources.namespaces, "", name);
    if (namespace === null) return undefined;
    if (namespace.metadata.deletionTimestamp !== undefined) return await empty(name);
    await furnish(name);
    return undefined;
  });
  watchKeys(context, resources.namespaces, queue, (object) => [`/${object.metadata.name}`]);
  const named = (object: KubeObject): string[] => [`/${namespaceOf(object)}`];
  watchKeys(context, resources.serviceAccounts, queue, (object) =>
    object.metadata.name === "default" ? named(object) : [],
  );
  watchKeys(context, resources.configMaps, queue, (object) =>
    object.metadata.name === "kube-root-ca.crt" ? named(object) : [],
  );
}
