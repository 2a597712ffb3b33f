/** The kubeconfig that the plugin reads on the node. */
import { stringify } from "yaml";

export const kubeconfigName = "ZZZ-linkerd-cni-kubeconfig";

export interface PluginAccess {
  /** Base URL of the API server, as it is reached from the node. */
  readonly server: string;
  readonly caPem: string;
  readonly token: string;
}

export function kubeconfigText({ server, caPem, token }: PluginAccess): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: "local", cluster: { server, "certificate-authority-data": Buffer.from(caPem).toString("base64") } },
    ],
    users: [{ name: "linkerd-cni", user: { token } }],
    contexts: [{ name: "linkerd-cni-context", context: { cluster: "local", user: "linkerd-cni" } }],
    "current-context": "linkerd-cni-context",
  });
}
