/** The part of `linkerd version` that asks the cluster; loaded only when it does. */
import { MeshError } from "#lib/errors.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { cluster } from "./cluster.ts";
import type { VersionOptions } from "./commands/version.ts";
import { controlPlaneVersion } from "./control-plane.ts";
import type { Context } from "./globals.ts";

export async function printServerVersions(context: Context, options: VersionOptions): Promise<void> {
  const { out, err } = context.terminal;
  let client: KubeClient;
  let server: string;
  try {
    client = cluster(context);
    server = await controlPlaneVersion(client, context.globals.linkerdNamespace);
  } catch (error) {
    // Without a cluster the client's version is still worth having.
    if (!(error instanceof MeshError)) throw error;
    if (context.globals.verbose) err(`${error.message}\n`);
    out(options.short === true ? "unavailable\n" : "Server version: unavailable\n");
    if (options.proxy === true) out("Proxy versions: unavailable\n");
    return;
  }
  out(options.short === true ? `${server}\n` : `Server version: ${server}\n`);
  if (options.proxy === true) out(await proxyVersions(client, options));
}

async function proxyVersions(client: KubeClient, options: VersionOptions): Promise<string> {
  const { items } = await client.list<Pod>(resources.pods, {
    labelSelector: "linkerd.io/control-plane-ns",
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
  });
  const counts = new Map<string, number>();
  for (const pod of items) {
    const proxy = pod.metadata.annotations?.["linkerd.io/proxy-version"] ?? "unknown";
    counts.set(proxy, (counts.get(proxy) ?? 0) + 1);
  }
  if (counts.size === 0) return "Proxy versions: unavailable, no pod is meshed\n";
  const rows = [...counts].toSorted(([a], [b]) => a.localeCompare(b));
  if (options.short === true) return rows.map(([name]) => `${name}\n`).join("");
  return `Proxy versions:\n${rows.map(([name, count]) => `\t${name} (${count} pods)\n`).join("")}`;
}
