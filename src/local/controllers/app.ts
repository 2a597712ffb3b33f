/** Starts every controller. */
import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { LocalClient } from "../api/client.ts";
import { EventRecorder } from "../node/event-recorder.ts";
import type { Store } from "../store/store.ts";
import { startClusterServices } from "./cluster-services.ts";
import type { ControllerContext } from "./context.ts";
import { startDaemonSets } from "./daemon-set.ts";
import { startDeployments } from "./deployment.ts";
import { startEndpoints } from "./endpoints.ts";
import { startJobs } from "./job.ts";
import { startNamespaces } from "./namespace.ts";
import { startReplicaSets } from "./replica-set.ts";
import { startScheduler } from "./scheduler.ts";
import { startStatefulSets } from "./stateful-set.ts";

export async function startControllers(options: {
  readonly client: LocalClient;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly caPem: string;
}): Promise<{ stop(): void }> {
  const stops: Array<() => void> = [];
  const events = new EventRecorder({
    client: options.client,
    clock: options.clock,
    log: options.log,
    component: "controller-manager",
  });
  const context: ControllerContext = { ...options, events, onStop: (stop) => stops.push(stop) };
  startNamespaces(context);
  await startClusterServices(context);
  startScheduler(context);
  startEndpoints(context);
  startReplicaSets(context);
  startDeployments(context);
  startStatefulSets(context);
  startDaemonSets(context);
  startJobs(context);
  return {
    stop() {
      for (const stop of stops) stop();
    },
  };
}
