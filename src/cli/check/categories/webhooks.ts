/** Do the webhooks serve certificates that the API server accepts, and for how long? */
import { MeshError } from "#lib/errors.ts";
import { type Certificate, parseCertificates, verifyChain } from "#lib/x509/certificate.ts";
import { resources, type Resource } from "#kube/resource.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import type { ConfigMap, Secret } from "#kube/types/core.ts";
import { type Category, type Check, type CheckScope, SkipCheck } from "../check.ts";
import { hasValidators } from "./config.ts";
import { assertNotSoon } from "./identity.ts";

interface WebhookConfiguration extends KubeObject {
  readonly webhooks?: ReadonlyArray<{ readonly clientConfig: { readonly caBundle?: string } }>;
}

/** The certificate that the webhook's server reads; null without a Secret, when the identity service issues it. */
async function chainOf({ client, linkerdNamespace }: CheckScope, secretName: string): Promise<Certificate[] | null> {
  const secret = await client().find<Secret>(resources.secrets, secretName, linkerdNamespace);
  if (secret === null) return null;
  const pem = Buffer.from(secret.data?.["tls.crt"] ?? secret.data?.["crt.pem"] ?? "", "base64").toString("utf8");
  const chain = parseCertificates(pem);
  if (chain.length === 0)
    throw new MeshError("invalid-argument", `Secret "${secretName}" holds no certificate in tls.crt`);
  return chain;
}

/** A certificate of the identity service is on a path to one of the mesh's anchors: those must be what the API server checks by. */
async function assertAnchors({ client, linkerdNamespace }: CheckScope, bundle: readonly Certificate[]): Promise<void> {
  const roots = await client().get<ConfigMap>(resources.configMaps, "linkerd-identity-trust-roots", linkerdNamespace);
  const anchors = parseCertificates(roots.data?.["ca-bundle.crt"] ?? "");
  for (const anchor of anchors) {
    if (bundle.some(({ der }) => Buffer.compare(der, anchor.der) === 0)) continue;
    throw new MeshError(
      "invalid-argument",
      `the webhook's caBundle lacks the trust anchor "${anchor.subjectCn ?? ""}", and the identity service issues its certificate`,
    );
  }
}

/** `configurations` is where the webhook is registered; `optional` ones are skipped where they are not installed. */
function webhookChecks(name: string, configurations: Resource, optional: boolean): Check[] {
  const secretName = `linkerd-${name}-k8s-tls`;
  const skipUnlessInstalled = async (scope: CheckScope): Promise<void> => {
    if (optional && !(await hasValidators(scope))) throw new SkipCheck();
  };
  return [
    {
      id: `l5d-${name}-webhook-cert-valid`,
      description: `${name} webhook has valid cert`,
      fatal: true,
      run: async (scope) => {
        await skipUnlessInstalled(scope);
        const configuration = await scope
          .client()
          .get<WebhookConfiguration>(configurations, `linkerd-${name}-webhook-config`);
        const bundle = configuration.webhooks?.[0]?.clientConfig.caBundle;
        if (bundle === undefined)
          throw new MeshError("invalid-argument", `linkerd-${name}-webhook-config has no caBundle`);
        const anchors = parseCertificates(Buffer.from(bundle, "base64").toString("utf8"));
        const chain = await chainOf(scope, secretName);
        if (chain === null) return assertAnchors(scope, anchors);
        const [leaf, ...rest] = chain;
        verifyChain(leaf!, rest, anchors, scope.wall());
        const host = `linkerd-${name}.${scope.linkerdNamespace}.svc`;
        if (leaf!.dnsNames.includes(host)) return;
        throw new MeshError(
          "invalid-argument",
          `the certificate is for ${leaf!.dnsNames.join(", ") || "no name"}, not for ${host}`,
        );
      },
    },
    {
      id: `l5d-${name}-webhook-cert-not-expiring-soon`,
      description: `${name} cert is valid for at least 60 days`,
      warning: true,
      run: async (scope) => {
        await skipUnlessInstalled(scope);
        const chain = await chainOf(scope, secretName);
        // The identity service's live for a day and are renewed by themselves.
        if (chain !== null) assertNotSoon(chain, scope.wall());
      },
    },
  ];
}

export const webhooks: Category = {
  id: "linkerd-webhooks-and-apisvc-tls",
  checks: [
    ...webhookChecks("proxy-injector", resources.mutatingWebhookConfigurations, false),
    ...webhookChecks("sp-validator", resources.validatingWebhookConfigurations, true),
    ...webhookChecks("policy-validator", resources.validatingWebhookConfigurations, true),
  ],
};
