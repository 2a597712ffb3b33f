/** `linkerd tap-api`: process, signals, exit codes. */
import { systemClock } from "#lib/clock.ts";
import { createLog, stderrSink } from "#lib/log.ts";
import { systemRandom } from "#lib/random.ts";
import { KubeClient } from "#kube/client.ts";
import { loadClusterAccess } from "#kube/config.ts";
import { startTapApi } from "./app.ts";
import { readTapConfig } from "./config.ts";

export async function main(argv: string[]): Promise<number> {
  const config = readTapConfig(argv);
  const log = createLog(stderrSink(config.logLevel, config.logFormat), "tap");
  const client = new KubeClient(loadClusterAccess({ kubeconfig: config.kubeconfig, env: process.env }));
  const api = startTapApi({ config, client, clock: systemClock, random: systemRandom, log });
  log.info("Serving", { port: api.port, adminPort: api.adminPort });
  const signal = await new Promise<string>((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => resolve(name));
  });
  log.info("Stopping", { signal });
  await api.stop();
  return 0;
}
