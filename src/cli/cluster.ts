/** Reaching the cluster that the global flags name. Apart from shell.ts, so that commands without a cluster start sooner. */
import { KubeClient } from "#kube/client.ts";
import { loadClusterAccess } from "#kube/config.ts";
import type { Context } from "./globals.ts";

/** A client for the cluster that the global flags name. */
export function cluster({ globals, terminal }: Context): KubeClient {
  return new KubeClient(
    loadClusterAccess({
      env: terminal.env,
      ...(globals.kubeconfig === undefined ? {} : { kubeconfig: globals.kubeconfig }),
      ...(globals.context === undefined ? {} : { context: globals.context }),
      ...(globals.as === undefined ? {} : { as: globals.as }),
      ...(globals.asGroup.length === 0 ? {} : { asGroups: globals.asGroup }),
    }),
  );
}

/** The namespace of `-n`, else the kubeconfig context's, else "default". */
export function namespaceOr(client: KubeClient, given: string | undefined): string {
  return given ?? client.access.namespace ?? "default";
}
