/** Webhook configurations and the certificates of the servers behind them. */
import { tokenVolume } from "../inject/keys.ts";
import {
  allWhen,
  and,
  base64,
  demand,
  not,
  or,
  orElse,
  pick,
  some,
  text,
  trimmed,
  unlessBare,
  unlessEmpty,
  when,
  type Expr,
  type Expressions,
  type Tree,
  type TreeObject,
} from "../template/expression.ts";
import type { Values } from "../values.ts";
import { componentLabels, secret, type Component, type InstallContext } from "./labels.ts";

/** One webhook configuration object. */
export interface WebhookSettings {
  readonly component: Component;
  readonly kind: "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration";
  /** Name of the webhook's Service: "linkerd-proxy-injector". */
  readonly service: string;
  /** Where its settings are: "proxyInjector". */
  readonly path: "proxyInjector" | "profileValidator" | "policyValidator";
  readonly objectSelector?: Tree;
  readonly rules: readonly Tree[];
  readonly timeoutSeconds?: Expr<number>;
  /** More webhooks like it, with their differences. */
  readonly more?: readonly TreeObject[];
}

type WebhookPath = WebhookSettings["path"];

/** The Secret that holds a webhook's certificate. */
export const webhookSecretOf = (service: string): string => `${service}-k8s-tls`;

/** Whether somebody else keeps the Secret. */
const kept = ({ values }: InstallContext, path: WebhookPath): Expr<boolean> =>
  or(values[path].externalSecret, values.certManager.enabled);

/**
 * Whether the server asks the identity service for its certificate, as proxies do: when none is given, and the trust
 * anchors, by which the API server then checks it, are known here.
 */
const issued = (context: InstallContext, path: WebhookPath): Expr<boolean> =>
  and(not(kept(context, path)), not(some(context.values[path].crtPEM)), not(context.values.identity.externalCA));

/** How the container of a webhook's server gets its certificate. */
export interface ServerCertificate {
  readonly args: readonly Tree[];
  readonly mounts: readonly Tree[];
  readonly volumes: readonly Tree[];
}

/** `fileArgs` name the files to a program that doesn't look into the directory by itself. */
export function serverCertificate(
  context: InstallContext,
  service: string,
  path: WebhookPath,
  { volume, fileArgs = [] }: { readonly volume: string; readonly fileArgs?: readonly string[] },
): ServerCertificate {
  const { namespace, values } = context;
  const fromIdentity = issued(context, path);
  const address = text`--identity-addr=linkerd-identity.${namespace}.svc.${values.clusterDomain}.:8080`;
  return {
    args: [when(fromIdentity, address), ...allWhen(not(fromIdentity), () => fileArgs)],
    mounts: [
      when(
        fromIdentity,
        { mountPath: "/var/run/secrets/tokens", name: tokenVolume, readOnly: true },
        {
          mountPath: "/var/run/linkerd/tls",
          name: volume,
          readOnly: true,
        },
      ),
    ],
    // The token is one of the proxy's volumes.
    volumes: [when(not(fromIdentity), { name: volume, secret: { secretName: webhookSecretOf(service) } })],
  };
}

const needs = (path: string): string =>
  `Value "${path}.crtPEM" and its "keyPEM" are needed with "identity.externalCA": the webhook's certificate for its Service; or set "${path}.externalSecret" and one of "caBundle" and "injectCaFrom", or "certManager.enabled"`;

/** The Secret (unless somebody else keeps it) and the configuration. */
export function webhookManifests(context: InstallContext, settings: WebhookSettings): readonly Tree[] {
  const { component, service, path } = settings;
  const { certManager, webhookFailurePolicy, identityTrustAnchorsPEM, identity } = context.values;
  const options: Expressions<Values>["profileValidator"] = context.values[path];
  const external = kept(context, path);
  const fromIdentity = issued(context, path);
  const injected = or(some(options.injectCaFrom), some(options.injectCaFromSecret), certManager.enabled);
  const caFrom = pick(
    and(certManager.enabled, not(some(options.injectCaFrom))),
    text`${context.namespace}/${webhookSecretOf(service)}`,
    options.injectCaFrom,
  );
  const own = orElse(trimmed(options.caBundle), trimmed(options.crtPEM));
  const bundle = pick(fromIdentity, trimmed(identityTrustAnchorsPEM), own);
  const hook = {
    name: `${service}.linkerd.io`,
    namespaceSelector: options.namespaceSelector,
    objectSelector: settings.objectSelector,
    clientConfig: {
      service: { name: service, namespace: context.namespace, path: "/" },
      caBundle: when(not(injected), base64(bundle)),
    },
    failurePolicy: webhookFailurePolicy,
    admissionReviewVersions: ["v1", "v1beta1"],
    rules: settings.rules,
    sideEffects: "None",
    timeoutSeconds: settings.timeoutSeconds,
  };
  return [
    ...demand(or(external, fromIdentity, and(some(options.crtPEM), some(options.keyPEM))), needs(path)),
    ...demand(
      or(not(fromIdentity), identity.serviceAccountTokenProjection),
      `Value "${path}.crtPEM" and its "keyPEM" are needed without "identity.serviceAccountTokenProjection"`,
    ),
    ...demand(
      or(injected, some(bundle)),
      `Value "${path}.caBundle" is needed (or "injectCaFrom"): the API server checks the webhook's certificate by it`,
    ),
    when(
      not(or(external, fromIdentity)),
      secret(
        context,
        component,
        webhookSecretOf(service),
        { "tls.crt": trimmed(options.crtPEM), "tls.key": trimmed(options.keyPEM) },
        "kubernetes.io/tls",
      ),
    ),
    {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: settings.kind,
      metadata: {
        name: `${service}-webhook-config`,
        labels: componentLabels(context, component),
        // cert-manager fills the bundle in when one of its annotations is there.
        annotations: unlessBare({
          "cert-manager.io/inject-ca-from": unlessEmpty(caFrom),
          "cert-manager.io/inject-ca-from-secret": unlessEmpty(options.injectCaFromSecret),
        }),
      },
      webhooks: [hook, ...(settings.more ?? []).map((changes) => ({ ...hook, ...changes }))],
    },
  ];
}
