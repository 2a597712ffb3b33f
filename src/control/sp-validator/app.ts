/** The sp-validator program: a webhook that refuses ServiceProfiles with mistakes. It asks nobody. */
import { Watchable } from "#lib/watchable.ts";
import { countedReviews } from "../admission/metrics.ts";
import { reviewer } from "../admission/review.ts";
import { profileRules } from "../admission/rules.ts";
import { serveWebhook } from "#kube/webhook.ts";
import { serveAdmin } from "#lib/admin-server.ts";
import { type ControlContext, type RunningProgram, webhookFarewell } from "../context.ts";
import { servingCertificate } from "../serving/certificate-source.ts";
import { spValidatorConfig } from "./config.ts";

/** What a test wants to know of the program. */
export interface RunningValidator extends RunningProgram {
  readonly port: number;
  readonly adminPort: number;
}

export async function start(context: ControlContext): Promise<RunningValidator> {
  const { clock, random, log, registry, drain } = context;
  const config = spValidatorConfig(context.args);
  const stop = new AbortController();
  const webhook = serveWebhook({
    ...config.listen,
    certificate: servingCertificate(config.certificate, { clock, random, log, signal: stop.signal }),
    log,
    routes: { "/": countedReviews(registry, clock, reviewer(profileRules)) },
  });
  const ready = new Watchable(webhook.serving.get());
  webhook.serving.watch((serving) => ready.set(serving));
  const admin = serveAdmin({ ...config.admin, registry, ready });
  drain.onDrain(() => {
    ready.set(false);
    clock.after(webhookFarewell, drain.hold());
  });
  log.info("Serving the ServiceProfile webhook", { port: webhook.port });
  return {
    get port() {
      return webhook.port;
    },
    adminPort: admin.port,
    async stop() {
      stop.abort();
      await webhook.stop();
      await admin.stop();
    },
  };
}
