/** `linkerd tap-injector`: process, signals, exit codes. */
import { sleep, systemClock } from "#lib/clock.ts";
import { createLog, stderrSink } from "#lib/log.ts";
import { systemRandom } from "#lib/random.ts";
import { KubeClient } from "#kube/client.ts";
import { loadClusterAccess } from "#kube/config.ts";
import { startTapInjector } from "./app.ts";
import { readInjectorConfig } from "./config.ts";

/** ms to answer on after the signal: API servers send reviews until every node has heard that the pod goes. */
const farewell = 3000;

export async function main(argv: string[]): Promise<number> {
  const config = readInjectorConfig(argv);
  const log = createLog(stderrSink(config.logLevel, config.logFormat), "tap_injector");
  const client = new KubeClient(loadClusterAccess({ kubeconfig: config.kubeconfig, env: process.env }));
  const injector = startTapInjector({ config, client, clock: systemClock, random: systemRandom, log });
  log.info("Serving", { port: injector.port, adminPort: injector.adminPort });
  const signal = await new Promise<string>((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => resolve(name));
  });
  log.info("Stopping", { signal });
  await sleep(systemClock, farewell);
  await injector.stop();
  return 0;
}
