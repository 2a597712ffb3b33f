/** Reaching the cluster that the global flags name. Apart from shell.ts, so that commands without a cluster start sooner. */
import { MeshError } from "#lib/errors.ts";
import { KubeClient } from "#kube/client.ts";
import { loadClusterAccess } from "#kube/config.ts";
import type { Context } from "./globals.ts";
import { groupFetch } from "./group-fetch.ts";

/** A client for the cluster that the global flags name. */
export function cluster({ globals, terminal }: Context): KubeClient {
  const { asGroup: groups } = globals;
  if (groups.length > 1 && globals.as === undefined) {
    throw new MeshError("invalid-argument", "Groups can be impersonated only together with a user: pass --as too");
  }
  const access = loadClusterAccess({
    env: terminal.env,
    ...(globals.kubeconfig === undefined ? {} : { kubeconfig: globals.kubeconfig }),
    ...(globals.context === undefined ? {} : { context: globals.context }),
    ...(globals.as === undefined ? {} : { as: globals.as }),
    ...(groups.length === 1 ? { asGroups: groups } : {}),
  });
  return groups.length > 1 ? new KubeClient(access, { fetch: groupFetch(groups) }) : new KubeClient(access);
}

/** The namespace of `-n`, else the kubeconfig context's, else "default". */
export function namespaceOr(client: KubeClient, given: string | undefined): string {
  return given ?? client.access.namespace ?? "default";
}
