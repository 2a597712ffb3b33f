/** One call for the command line: settings in, manifests out, with certificates made for whatever the user didn't give. */
import { isJsonObject, mergeJson, type Json, type JsonObject, type Manifest } from "./json.ts";
import { renderControlPlane } from "./install.ts";
import { checkTrust, generateTrust, generateWebhookTls, type WebhookTls } from "./trust.ts";
import { ignoredSettings, type IgnoredValue } from "./values/rules.ts";
import { highAvailabilityLayer, registryLayer, resolveValues, trustDomainOf, type Values } from "./values.ts";

export interface InstallOptions {
  /** The version that images get and that is written down. */
  readonly version: string;
  /** Default "linkerd". */
  readonly namespace?: string;
  /** Settings of the user, later ones win: values files, `--set`, flags. See `values/set.ts` for `--set`. */
  readonly layers?: readonly Json[];
  /** `--ha`: under the user's layers. */
  readonly highAvailability?: boolean;
  /** `--registry` or LINKERD_DOCKER_REGISTRY. */
  readonly registry?: string;
  /** Milliseconds since 1970: certificates start here. */
  readonly now: number;
  /**
   * With `identity.externalCA` only: certificates of webhook servers that exist and are kept, by the Service's name; the
   * others are made. Otherwise the identity service issues them while the control plane runs.
   */
  readonly webhookTls?: Readonly<Record<string, WebhookTls>>;
}

export interface RenderedInstall {
  readonly values: Values;
  readonly manifests: readonly Manifest[];
  /** Values of the user's that are taken and have no effect, for a note to them. */
  readonly ignored: readonly IgnoredValue[];
}

/** Throws "invalid-argument" for settings that are unknown, mistyped or don't fit together. */
export function renderInstall(options: InstallOptions): RenderedInstall {
  const namespace = options.namespace ?? "linkerd";
  const user = (options.layers ?? []).reduce<Json>((merged, layer) => mergeJson(merged, layer ?? {}), {});
  const under: Json[] = [{ linkerdVersion: options.version, cliVersion: `linkerd/cli ${options.version}` }];
  if (options.highAvailability === true) under.push(highAvailabilityLayer);
  if (options.registry !== undefined && options.registry !== "") under.push(registryLayer(options.registry));
  const given = resolveValues(...under, user);
  const made = mergeJson(trustLayer(given, namespace, options.now), webhookLayer(given, namespace, options));
  const values = resolveValues(...under, user, made);
  const manifests = renderControlPlane(values, {
    namespace,
    createdBy: `linkerd/cli ${options.version}`,
    overrides: mergeJson(isJsonObject(user) ? user : {}, made) as JsonObject,
  });
  return { values, manifests, ignored: ignoredSettings(user) };
}

const webhooks = {
  proxyInjector: "linkerd-proxy-injector",
  profileValidator: "linkerd-sp-validator",
  policyValidator: "linkerd-policy-validator",
} as const;

/** Certificates for webhooks, where the identity service can't issue them: the API server would not know its anchors. */
function webhookLayer(values: Values, namespace: string, { now, webhookTls }: InstallOptions): JsonObject {
  const layer: JsonObject = {};
  if (!values.identity.externalCA || values.certManager.enabled) return layer;
  for (const [path, service] of Object.entries(webhooks)) {
    const { externalSecret, crtPEM, keyPEM } = values[path as keyof typeof webhooks];
    if (externalSecret || crtPEM !== "" || keyPEM !== "") continue;
    const { certPem, keyPem, caPem } = webhookTls?.[service] ?? generateWebhookTls(service, namespace, now);
    layer[path] = { crtPEM: certPem, keyPEM: keyPem, caBundle: caPem };
  }
  return layer;
}

/** The trust to add to the user's values: made when nothing was given; what was given is checked instead. */
function trustLayer(values: Values, controlPlaneNamespace: string, now: number): JsonObject {
  const { issuer, externalCA } = values.identity;
  const { crtPEM, keyPEM } = issuer.tls;
  const anchors = values.identityTrustAnchorsPEM;
  if (externalCA || issuer.scheme !== "linkerd.io/tls") return {};
  if (crtPEM === "" && keyPEM === "" && anchors === "") {
    const trust = generateTrust({ controlPlaneNamespace, trustDomain: trustDomainOf(values), now });
    return {
      identityTrustAnchorsPEM: trust.anchorPem,
      identity: { issuer: { tls: { crtPEM: trust.issuerCertPem, keyPEM: trust.issuerKeyPem } } },
    };
  }
  checkTrust({ anchorPem: anchors, issuerCertPem: crtPEM, issuerKeyPem: keyPEM }, now);
  return {};
}
