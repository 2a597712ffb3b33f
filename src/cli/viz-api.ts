/** Reaches the metrics API of the viz extension. */
import type { KubeClient } from "#kube/client.ts";
import { MeshError } from "#lib/errors.ts";
import { fetchError } from "#kube/fetch-error.ts";
import { networkReason } from "./explain.ts";
import { fetchRows, type MetricsRequest } from "#viz/client/metrics-client.ts";
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
  return await vizRows<StatRow>(client, vizNamespace, address, "stat", query);
}

/** The rows of any answer of the extension. */
export async function vizRows<Row>(
  client: () => KubeClient,
  vizNamespace: string,
  address: string | undefined,
  answer: string,
  query: StatRequest,
): Promise<Row[]> {
  const ask = (request: MetricsRequest): Promise<Row[]> => fetchRows<Row>(request, answer, query);
  if (address !== undefined) {
    return await ask(async (path) => {
      try {
        const answer = await fetch(`http://${address}${path}`, { signal: AbortSignal.timeout(30_000) });
        return { status: answer.status, body: await answer.text() };
      } catch (error) {
        const { code } = fetchError(error, "ask", address);
        throw new MeshError(code, `Could not ask the metrics API at "${address}": ${networkReason(code)}`, {
          cause: error,
        });
      }
    });
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
  return await withPodHttp(client(), target, ask);
}
