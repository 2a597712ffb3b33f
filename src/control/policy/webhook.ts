/** The policy program's validating webhook. */
import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import type { Random } from "#lib/random.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { AdmissionRequest } from "#kube/types/admission.ts";
import { serveWebhook, type WebhookServer } from "#kube/webhook.ts";
import type { Findings } from "../admission/findings.ts";
import { countedReviews } from "../admission/metrics.ts";
import { nameOf, reviewer } from "../admission/review.ts";
import { policyRules } from "../admission/rules.ts";
import { sameServer } from "../admission/rules/server.ts";
import type { PolicyWebhookConfig } from "../config.ts";
import { servingCertificate } from "../serving/certificate-source.ts";

export interface PolicyWebhookDeps {
  readonly client: Pick<KubeClient, "list">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly registry: Registry;
  readonly signal: AbortSignal;
}

export function servePolicyWebhook(config: PolicyWebhookConfig, deps: PolicyWebhookDeps): WebhookServer {
  const { client, clock, random, log, registry, signal } = deps;
  return serveWebhook({
    ...config.listen,
    certificate: servingCertificate(config.certificate, { clock, random, log, signal }),
    log,
    routes: {
      "/": countedReviews(
        registry,
        clock,
        reviewer(policyRules, (request, findings) => checkOtherServers(client, request, findings)),
      ),
    },
  });
}

/**
 * Two Servers must not claim the same port of the same pods. The API server is asked, and not an index: of two that are
 * created one right after the other, the index might not know the first yet.
 */
export async function checkOtherServers(
  client: Pick<KubeClient, "list">,
  request: AdmissionRequest,
  findings: Findings,
): Promise<void> {
  const { kind, namespace = "" } = request;
  if (kind.kind !== "Server" || namespace === "") return;
  const { items } = await client.list(resources.servers, { namespace });
  const other = sameServer(nameOf(request), request.object?.["spec"], items);
  if (other !== null) {
    findings.problem("spec", `Server "${other}" already has the same port of pods that this one selects`);
  }
}
