/** Facts about a cluster's nodes and API server that an installation depends on. */
import { MeshError } from "#lib/errors.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { Service } from "#kube/types/core.ts";
import type { KubeObject } from "#kube/types/meta.ts";

interface NodeWithRuntime extends KubeObject {
  readonly status?: { readonly nodeInfo?: { readonly containerRuntimeVersion?: string } };
}

/** Throws when a node runs containers with Docker, whose network namespaces only root may change. */
export async function refuseDockerRuntime(client: KubeClient): Promise<void> {
  const { items } = await client.list<NodeWithRuntime>(resources.nodes);
  const docker = items.filter((node) => node.status?.nodeInfo?.containerRuntimeVersion?.startsWith("docker:") === true);
  if (docker.length === 0) return;
  throw new MeshError(
    "environment",
    "there are nodes using the docker container runtime and proxy-init container must run as root user.\n" +
      "try installing linkerd via --set proxyInit.runAsRoot=true",
  );
}

/** The ports of the API server as pods reach it ("443,6443"), or null when nobody may tell. */
export async function apiServerPorts(client: KubeClient): Promise<string | null> {
  const service = await client.find<Service>(resources.services, "kubernetes", "default");
  const numbers = (service?.spec.ports ?? []).flatMap(({ port, targetPort }) =>
    typeof targetPort === "number" ? [port, targetPort] : [port],
  );
  const unique = [...new Set(numbers)].toSorted((a, b) => a - b);
  return unique.length === 0 ? null : unique.join(",");
}
