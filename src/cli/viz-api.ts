/** Reaches the metrics API of the viz extension. */
import type { KubeClient } from "#kube/client.ts";
import { MeshError } from "#lib/errors.ts";
import { fetchError } from "#kube/fetch-error.ts";
import { networkReason } from "./explain.ts";
import { fetchStat } from "#viz/client/metrics-client.ts";
import type { StatRequest, StatRow } from "#viz/client/stat-row.ts";
import { readyPod, withPodHttp } from "./pod-http.ts";

export const metricsApiSelector = "linkerd.io/extension=viz,component=metrics-api";
export const metricsApiPort = 8085;

/** Statistics from the extension in `vizNamespace`, or from `address` ("host:port") when given. */
export async function vizStat(
  client: () => KubeClient,
  vizNamespace: string,
  address: string | undefined,
  query: StatRequest,
): Promise<StatRow[]> {
  if (address !== undefined) {
    return await fetchStat(async (path) => {
      try {
        const answer = await fetch(`http://${address}${path}`, { signal: AbortSignal.timeout(30_000) });
        return { status: answer.status, body: await answer.text() };
      } catch (error) {
        const { code } = fetchError(error, "ask", address);
        throw new MeshError(code, `Could not ask the metrics API at "${address}": ${networkReason(code)}`, {
          cause: error,
        });
      }
    }, query);
  }
  let pod;
  try {
    pod = await readyPod(client(), vizNamespace, metricsApiSelector);
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== "not-found") throw error;
    throw new MeshError(
      "not-found",
      `The viz extension is not installed in namespace "${vizNamespace}"; install it with: linkerd viz install | kubectl apply -f -`,
      { cause: error },
    );
  }
  const target = { namespace: vizNamespace, pod: pod.metadata.name, port: metricsApiPort };
  return await withPodHttp(client(), target, (get) => fetchStat(get, query));
}
