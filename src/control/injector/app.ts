/** The injector program: the admission webhook on one port, metrics and readiness on another. */
import { Watchable } from "#lib/watchable.ts";
import { KubeClient } from "#kube/client.ts";
import { loadClusterAccess } from "#kube/config.ts";
import { EventWriter } from "#kube/events.ts";
import { serveWebhook } from "#kube/webhook.ts";
import { serveAdmin } from "#lib/admin-server.ts";
import { type ControlContext, type RunningProgram, webhookFarewell } from "../context.ts";
import { servingCertificate } from "../serving/certificate-source.ts";
import { WatchedFacts } from "./cluster-facts.ts";
import { injectorConfig } from "./config.ts";
import { decide } from "./decide.ts";
import { InjectorMetrics } from "./metrics.ts";
import { watchValues } from "./values-source.ts";

/** What a test wants to know of the program. */
export interface RunningInjector extends RunningProgram {
  readonly port: number;
  readonly adminPort: number;
}

export async function start(context: ControlContext): Promise<RunningInjector> {
  const { clock, random, log, registry, drain } = context;
  const config = injectorConfig(context.args);
  const stop = new AbortController();
  const followed = { clock, log, signal: stop.signal };
  const values = watchValues(config.files, followed);
  const certificate = servingCertificate(config.certificate, { ...followed, random });
  const client = new KubeClient(loadClusterAccess({ kubeconfig: config.kubeconfig, env: context.env, clock }));
  const events = new EventWriter(client, "linkerd-proxy-injector", { clock, log });
  const facts = new WatchedFacts(client, { ...followed, random });
  const metrics = new InjectorMetrics(registry);
  const webhook = serveWebhook({
    ...config.listen,
    certificate,
    log,
    routes: {
      "/": (request) =>
        decide(request, {
          values,
          facts,
          metrics,
          writeEvent: (event) => events.write(event),
          controlPlaneNamespace: config.controlPlaneNamespace,
          createdBy: `linkerd/proxy-injector ${values.get().linkerdVersion}`,
        }),
    },
  });
  // Ready once every watch has listed: before, each answer would cost questions to the API server.
  const ready = new Watchable(false);
  const look = (): void => ready.set(webhook.serving.get() && facts.watches.every(({ listed }) => listed.get()));
  for (const { listed } of facts.watches) listed.watch(look);
  webhook.serving.watch(look);
  look();
  const admin = serveAdmin({ ...config.admin, registry, ready });
  drain.onDrain(() => {
    ready.set(false);
    clock.after(webhookFarewell, drain.hold());
  });
  log.info("Serving the injector webhook", { port: webhook.port });
  return {
    get port() {
      return webhook.port;
    },
    adminPort: admin.port,
    async stop() {
      stop.abort();
      for (const watch of facts.watches) watch.stop();
      await webhook.stop();
      await admin.stop();
    },
  };
}
