/** HTTP requests to a pod through a port-forward of the API server. */
import { MeshError } from "#lib/errors.ts";
import type { KubeClient } from "#kube/client.ts";
import { listenForward } from "#kube/port-forward.ts";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";

export interface PodAnswer {
  readonly status: number;
  readonly body: string;
}

const timeoutMs = 30_000;

/** Opens a forward to the pod's port, hands out a GET over it, and closes it when `use` is done. */
export async function withPodHttp<Result>(
  client: KubeClient,
  target: { readonly namespace: string; readonly pod: string; readonly port: number },
  use: (get: (path: string) => Promise<PodAnswer>) => Promise<Result>,
): Promise<Result> {
  let failure: MeshError | null = null;
  const forward = listenForward(client, target, { onError: (error) => (failure = error) });
  try {
    return await use(async (path) => {
      try {
        const answer = await fetch(`http://127.0.0.1:${forward.port}${path}`, {
          signal: AbortSignal.timeout(timeoutMs),
          keepalive: false,
        });
        return { status: answer.status, body: await answer.text() };
      } catch (error) {
        throw new MeshError(
          "unavailable",
          `Could not reach port ${target.port} of pod "${target.namespace}/${target.pod}"`,
          { cause: failure ?? error },
        );
      }
    });
  } finally {
    forward.close();
  }
}

export function isReady(pod: Pod): boolean {
  return (
    pod.status?.phase === "Running" &&
    pod.metadata.deletionTimestamp === undefined &&
    (pod.status.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True")
  );
}

/** A ready pod with these labels. Throws "unavailable" saying what it looked for. */
export async function readyPod(client: KubeClient, namespace: string, labelSelector: string): Promise<Pod> {
  const { items } = await client.list<Pod>(resources.pods, { namespace, labelSelector });
  const pod = items.find(isReady);
  if (pod !== undefined) return pod;
  throw new MeshError(
    items.length === 0 ? "not-found" : "unavailable",
    items.length === 0
      ? `No pod with labels "${labelSelector}" in namespace "${namespace}"`
      : `None of the ${items.length} pods with labels "${labelSelector}" in namespace "${namespace}" is ready`,
  );
}
