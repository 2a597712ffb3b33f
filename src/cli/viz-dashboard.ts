/** The way from this machine to the dashboard in the cluster. */
import type { KubeClient } from "#kube/client.ts";
import { listenForward } from "#kube/port-forward.ts";
import { sleep, systemClock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import { readyPod } from "./pod-http.ts";
import { metricsApiSelector } from "./viz-api.ts";

export const dashboardPort = 8084;

export interface DashboardForward {
  /** The local port. */
  readonly port: number;
  close(): void;
}

export interface ForwardOptions {
  readonly client: KubeClient;
  readonly vizNamespace: string;
  readonly ip: string;
  /** 0: any free one. */
  readonly port: number;
  /** ms to wait for a ready pod. */
  readonly wait: number;
  /** What the user should know while it runs. */
  readonly onNote: (text: string) => void;
}

export async function forwardDashboard(options: ForwardOptions): Promise<DashboardForward> {
  const { client, vizNamespace, ip, port, onNote } = options;
  // Each connection reads it anew, so that the forward outlives the pod: a rollout replaces it.
  const target = { namespace: vizNamespace, pod: await dashboardPod(options), port: dashboardPort };
  let looking = false;
  const lookAgain = async (why: MeshError): Promise<void> => {
    if (looking) return;
    looking = true;
    try {
      const pod = (await readyPod(client, vizNamespace, metricsApiSelector)).metadata.name;
      if (pod !== target.pod) onNote(`The dashboard moved to pod ${pod}`);
      target.pod = pod;
    } catch (error) {
      onNote(`${why.message}; ${error instanceof MeshError ? error.message : "looking for another pod failed"}`);
    } finally {
      looking = false;
    }
  };
  try {
    return listenForward(client, target, { ip, port, onError: (error) => void lookAgain(error) });
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== "address-in-use") throw error;
    throw new MeshError("address-in-use", `Port ${port} of ${ip} is in use; choose another with --port, or 0 for any`, {
      cause: error,
    });
  }
}

async function dashboardPod({ client, vizNamespace, wait }: ForwardOptions): Promise<string> {
  for (const deadline = systemClock.now() + wait; ;) {
    try {
      return (await readyPod(client, vizNamespace, metricsApiSelector)).metadata.name;
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      if (error.code === "not-found") {
        throw new MeshError(
          "not-found",
          `The viz extension is not installed in namespace "${vizNamespace}"; install it with: linkerd viz install | kubectl apply -f -`,
          { cause: error },
        );
      }
      if (error.code !== "unavailable" || systemClock.now() > deadline) throw error;
      await sleep(systemClock, 500);
    }
  }
}
