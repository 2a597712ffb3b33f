/** Everything that `linkerd install` prints, in the order in which it can be applied. */
import type { JsonObject, Manifest } from "./json.ts";
import { destinationManifests, type ValidatorTls } from "./install/destination.ts";
import { identityManifests } from "./install/identity.ts";
import type { InstallContext } from "./install/labels.ts";
import { configManifests, namespaceManifest, overridesSecret } from "./install/namespace.ts";
import { proxyInjectorManifests } from "./install/proxy-injector.ts";
import type { WebhookTls } from "./install/webhook.ts";
import type { Values } from "./values.ts";

/** Certificates of the control plane's webhook servers; made by whoever renders, because they need a clock and randomness. */
export interface WebhookCerts {
  readonly proxyInjector: WebhookTls;
  /** Null leaves the two validating webhooks out, with their Services and the program behind one of them. */
  readonly validators: ValidatorTls | null;
}

export interface RenderOptions {
  /** Default "linkerd". */
  readonly namespace: string;
  /** For the annotation `linkerd.io/created-by`: "linkerd/cli VERSION". */
  readonly createdBy: string;
  readonly webhookCerts: WebhookCerts;
  /** What the user set, kept for upgrades in Secret `linkerd-config-overrides`; null leaves the Secret out (Helm keeps its own). */
  readonly overrides: JsonObject | null;
  /** False for Helm, which makes the namespace itself. Default true. */
  readonly withNamespace?: boolean;
}

/**
 * The control plane. `values` must hold the trust anchors and, in the scheme `linkerd.io/tls`, the issuer's certificate
 * and key; see `trust.ts` for making them. The heartbeat CronJob of other distributions is never part of it.
 */
export function renderControlPlane(values: Values, options: RenderOptions): Manifest[] {
  const context: InstallContext = { values, namespace: options.namespace, createdBy: options.createdBy };
  return [
    ...(options.withNamespace === false ? [] : [namespaceManifest(context)]),
    ...identityManifests(context),
    ...destinationManifests(context, options.webhookCerts.validators),
    ...configManifests(context),
    ...(options.overrides === null ? [] : [overridesSecret(context, options.overrides)]),
    ...proxyInjectorManifests(context, options.webhookCerts.proxyInjector),
  ];
}
