import { serveAdmin } from "#lib/admin-server.ts";
import { systemClock } from "#lib/clock.ts";
import { createLog, stderrSink } from "#lib/log.ts";
import { registerProcessMetrics } from "#lib/metrics/process.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { inNetworkNamespace } from "#lib/net/network-namespace.ts";
import { systemRandom } from "#lib/random.ts";
import { KubeClient } from "#kube/client.ts";
import { loadClusterAccess } from "#kube/config.ts";
import { EventWriter } from "#kube/events.ts";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { watchResource } from "#kube/watch.ts";
import { existingTables, installTable } from "../nftables/apply.ts";
import { Repair } from "./app.ts";
import { readConfig } from "./config.ts";
import { findNamespace } from "./namespaces.ts";

/** `linkerd cni repair FLAGS`: runs until it is told to stop. */
export async function main(argv: readonly string[]): Promise<number> {
  const config = readConfig(argv, process.env);
  if (config === null) return 0;
  const log = createLog(stderrSink(config.logLevel, config.logFormat), "linkerd::cni_repair");
  process.on("uncaughtException", (thrown) => log.error("A bug: an exception was not handled", {}, thrown));
  process.on("unhandledRejection", (thrown) => log.error("A bug: a rejection was not handled", {}, thrown));
  const clock = systemClock;
  const registry = new Registry();
  registerProcessMetrics(registry, Date.now());
  const client = new KubeClient(loadClusterAccess({ env: process.env, clock }));
  const repair = new Repair({
    rules: config.rules,
    client,
    events: new EventWriter(client, "linkerd-cni-repair-controller", { clock, log }),
    findNamespace: (ips) => findNamespace(config.netnsDir, ips),
    ensure: (netns, table) =>
      inNetworkNamespace(netns, () => {
        if (existingTables(table.name).length > 0) return false;
        installTable(table);
        return true;
      }),
    clock,
    log,
    registry,
  });
  const watch = watchResource<Pod>(
    client,
    { resource: resources.pods, fieldSelector: `spec.nodeName=${config.nodeName}` },
    repair,
    { clock, random: systemRandom, log },
  );
  const admin = serveAdmin({ ip: "::", port: config.adminPort, registry, ready: watch.listed });
  const signal = await new Promise<string>((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => resolve(name));
  });
  log.info(`Got ${signal}, stopping`);
  watch.stop();
  repair.stop();
  await admin.stop();
  return 0;
}
