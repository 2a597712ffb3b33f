/** What the CLI reads of an installed control plane. */
import { MeshError } from "#lib/errors.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { ConfigMap } from "#kube/types/core.ts";
import { parse } from "yaml";

/** Holds the values of the installation under the key "values". */
export const configMapName = "linkerd-config";

/** The values in force, or null when there is no control plane in the namespace. */
export async function installedValues(client: KubeClient, namespace: string): Promise<Record<string, unknown> | null> {
  const config = await client.find<ConfigMap>(resources.configMaps, configMapName, namespace);
  if (config === null) return null;
  const values: unknown = parse(config.data?.["values"] ?? "{}", { version: "1.1" });
  if (typeof values !== "object" || values === null) {
    throw new MeshError(
      "invalid-argument",
      `ConfigMap "${configMapName}" in namespace "${namespace}" has no readable values`,
    );
  }
  return values as Record<string, unknown>;
}

/** The version of the installed control plane. Throws "not-found" without one. */
export async function controlPlaneVersion(client: KubeClient, namespace: string): Promise<string> {
  const values = await installedValues(client, namespace);
  if (values === null) {
    throw new MeshError(
      "not-found",
      `There is no control plane in namespace "${namespace}" (ConfigMap "${configMapName}")`,
    );
  }
  const found = values["linkerdVersion"];
  return typeof found === "string" && found !== "" ? found : "unknown";
}
