/** Webhook configurations and the certificates of the servers behind them. */
import type { JsonObject, Manifest, ManifestMetadata } from "../json.ts";
import type { Values } from "../values.ts";
import { base64, clusterWide, secret, type Component, type InstallContext } from "./labels.ts";

/** A webhook server's certificate and key, and the bundle by which the API server checks it. PEM. */
export interface WebhookTls {
  readonly certPem: string;
  readonly keyPem: string;
  readonly caPem: string;
}

/** One webhook configuration object with one webhook. */
export interface WebhookSettings {
  readonly component: Component;
  readonly kind: "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration";
  /** Name of the webhook's Service: "linkerd-proxy-injector". */
  readonly service: string;
  readonly tls: WebhookTls;
  readonly options: Pick<
    Values["proxyInjector"],
    "externalSecret" | "crtPEM" | "keyPEM" | "caBundle" | "injectCaFrom" | "injectCaFromSecret" | "namespaceSelector"
  >;
  readonly objectSelector?: JsonObject;
  readonly rules: JsonObject[];
  readonly timeoutSeconds?: number;
}

/** The Secret (unless somebody else keeps it) and the configuration. */
export function webhookManifests(context: InstallContext, settings: WebhookSettings): Manifest[] {
  const { options, tls, component, service } = settings;
  const manifests: Manifest[] = [];
  if (!options.externalSecret) {
    manifests.push(
      secret(
        context,
        component,
        `${service}-k8s-tls`,
        { "tls.crt": (options.crtPEM || tls.certPem).trim(), "tls.key": (options.keyPEM || tls.keyPem).trim() },
        "kubernetes.io/tls",
      ),
    );
  }
  // cert-manager fills the bundle in when one of its annotations is there.
  const injectedBundle = options.injectCaFrom !== "" || options.injectCaFromSecret !== "";
  const metadata: ManifestMetadata = clusterWide(context, component, `${service}-webhook-config`);
  if (injectedBundle) {
    metadata.annotations = {};
    if (options.injectCaFrom !== "") metadata.annotations["cert-manager.io/inject-ca-from"] = options.injectCaFrom;
    if (options.injectCaFromSecret !== "") {
      metadata.annotations["cert-manager.io/inject-ca-from-secret"] = options.injectCaFromSecret;
    }
  }
  manifests.push({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: settings.kind,
    metadata,
    webhooks: [
      {
        name: `${service}.linkerd.io`,
        namespaceSelector: options.namespaceSelector,
        objectSelector: settings.objectSelector,
        clientConfig: {
          service: { name: service, namespace: context.namespace, path: "/" },
          caBundle: injectedBundle ? undefined : base64((options.caBundle || options.crtPEM || tls.caPem).trim()),
        },
        failurePolicy: context.values.webhookFailurePolicy,
        admissionReviewVersions: ["v1", "v1beta1"],
        rules: settings.rules,
        sideEffects: "None",
        timeoutSeconds: settings.timeoutSeconds,
      },
    ],
  });
  return manifests;
}
