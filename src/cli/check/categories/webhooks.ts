/** Do the webhooks serve certificates that the API server accepts, and for how long? */
import { MeshError } from "#lib/errors.ts";
import { type Certificate, parseCertificates, verifyChain } from "#lib/x509/certificate.ts";
import { resources, type Resource } from "#kube/resource.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import type { Secret } from "#kube/types/core.ts";
import { type Category, type Check, type CheckScope, SkipCheck } from "../check.ts";
import { hasValidators } from "./config.ts";
import { assertNotSoon } from "./identity.ts";

interface WebhookConfiguration extends KubeObject {
  readonly webhooks?: ReadonlyArray<{ readonly clientConfig: { readonly caBundle?: string } }>;
}

async function chainOf({ client, linkerdNamespace }: CheckScope, secretName: string): Promise<Certificate[]> {
  const secret = await client().get<Secret>(resources.secrets, secretName, linkerdNamespace);
  const pem = Buffer.from(secret.data?.["tls.crt"] ?? secret.data?.["crt.pem"] ?? "", "base64").toString("utf8");
  const chain = parseCertificates(pem);
  if (chain.length === 0)
    throw new MeshError("invalid-argument", `Secret "${secretName}" holds no certificate in tls.crt`);
  return chain;
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
        const [leaf, ...rest] = await chainOf(scope, secretName);
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
        assertNotSoon(await chainOf(scope, secretName), scope.wall());
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
