/** Mutating and validating webhooks, in the order of their configurations' names. */
import type { Log } from "#lib/log.ts";
import { errorChain } from "#lib/errors.ts";
import type { KubeObject } from "../../store/object.ts";
import type { Store } from "../../store/store.ts";
import { jsonPatch } from "../patch/json-patch.ts";
import { StatusError } from "../status-error.ts";
import type { AdmissionRequest } from "./admission.ts";
import { callWebhook } from "./webhook-call.ts";
import type { ServiceDial, Verdict } from "./webhook-call.ts";
import { concerns } from "./webhook-match.ts";
import type { Webhook } from "./webhook-match.ts";

const group = "admissionregistration.k8s.io";

export interface WebhookParts {
  readonly store: Store;
  readonly log: Log;
  readonly dial: ServiceDial;
}

function configured(store: Store, resource: string, request: AdmissionRequest): Webhook[] {
  // Webhooks never judge webhook configurations: a broken one could then not be removed.
  if (request.info.group === group) return [];
  return store
    .list(`${resource}.${group}`)
    .flatMap((configuration) => (configuration["webhooks"] ?? []) as Webhook[])
    .filter((webhook) => concerns(store, webhook, request));
}

/** Null when the webhook can't be asked and may be passed over. */
async function ask(parts: WebhookParts, webhook: Webhook, request: AdmissionRequest): Promise<Verdict | null> {
  try {
    const verdict = await callWebhook(webhook, request, parts.dial);
    for (const line of verdict.warnings) request.context.warnings.push(line);
    return verdict;
  } catch (thrown) {
    const why = `failed calling webhook "${webhook.name}": ${errorChain(thrown)}`;
    if (webhook.failurePolicy === "Fail") {
      throw new StatusError("InternalError", `Internal error occurred: ${why}`, { causes: [{ message: why }] });
    }
    parts.log.warn("A webhook was passed over", { webhook: webhook.name, name: request.name }, thrown);
    return null;
  }
}

function assertAllowed(webhook: Webhook, verdict: Verdict): void {
  if (verdict.allowed) return;
  const why = verdict.message === "" ? " without explanation" : `: ${verdict.message}`;
  const reason = verdict.reason === "" ? "Forbidden" : verdict.reason;
  const code = verdict.code >= 400 && verdict.code < 600 ? verdict.code : 403;
  throw new StatusError(reason, `admission webhook "${webhook.name}" denied the request${why}`, {}, code);
}

/** What a webhook can't change. */
const fixed = [
  "name",
  "namespace",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
];

function applyPatch(request: AdmissionRequest, object: KubeObject, patch: unknown): boolean {
  const before = structuredClone(object);
  const { value } = request.info.strategy.decode(
    jsonPatch(object, patch) as Record<string, unknown>,
    request.info.version,
  );
  const metadata = { ...(value["metadata"] as Record<string, unknown>) };
  const old = before.metadata as unknown as Record<string, unknown>;
  for (const field of fixed) {
    if (old[field] === undefined) delete metadata[field];
    else metadata[field] = old[field];
  }
  for (const key of Object.keys(object)) delete object[key];
  Object.assign(object, value, { apiVersion: before.apiVersion, kind: before.kind, metadata });
  return !Bun.deepEquals(before, object);
}

/** Runs mutating webhooks over `request.object`, in place. Resolves to whether it changed. */
export async function runMutating(parts: WebhookParts, request: AdmissionRequest): Promise<boolean> {
  const webhooks = configured(parts.store, "mutatingwebhookconfigurations", request);
  let lastChange = -1;
  const run = async (webhook: Webhook, index: number): Promise<void> => {
    const verdict = await ask(parts, webhook, request);
    if (verdict === null) return;
    assertAllowed(webhook, verdict);
    if (verdict.patch === null || request.object === null) return;
    if (applyPatch(request, request.object, verdict.patch)) lastChange = index;
  };
  for (const [index, webhook] of webhooks.entries()) await run(webhook, index);
  const changed = lastChange >= 0;
  // A webhook that asks for it sees once what others changed after it.
  const final = lastChange;
  for (const [index, webhook] of webhooks.entries()) {
    if (index < final && webhook.reinvocationPolicy === "IfNeeded") await run(webhook, index);
  }
  return changed;
}

/** Asks validating webhooks, all at once. */
export async function runValidating(parts: WebhookParts, request: AdmissionRequest): Promise<void> {
  const webhooks = configured(parts.store, "validatingwebhookconfigurations", request);
  await Promise.all(
    webhooks.map(async (webhook) => {
      const verdict = await ask(parts, webhook, request);
      if (verdict !== null) assertAllowed(webhook, verdict);
    }),
  );
}
