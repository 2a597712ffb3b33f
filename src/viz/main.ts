/** `linkerd metrics-api`: process, signals, exit codes. */
import { systemClock } from "#lib/clock.ts";
import { createLog, stderrSink } from "#lib/log.ts";
import { systemRandom } from "#lib/random.ts";
import { KubeClient } from "#kube/client.ts";
import { loadClusterAccess } from "#kube/config.ts";
import { startMetricsApi } from "./app.ts";
import { readConfig } from "./config.ts";

export async function main(argv: string[]): Promise<number> {
  const config = readConfig(argv);
  const log = createLog(stderrSink(config.logLevel, config.logFormat), "metrics_api");
  const client = new KubeClient(loadClusterAccess({ env: process.env }));
  const { pages } = await import("./web/pages.ts");
  const api = startMetricsApi({ config, client, clock: systemClock, random: systemRandom, log, pages });
  log.info("Serving", { port: api.port, dashboardPort: api.dashboardPort, adminPort: api.adminPort });
  const signal = await new Promise<string>((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => resolve(name));
  });
  log.info("Stopping", { signal });
  await api.stop();
  return 0;
}
