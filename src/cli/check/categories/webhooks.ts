/** Do the webhooks serve certificates that the API server accepts, and for how long? */
import { MeshError } from "#lib/errors.ts";
import { type Certificate, parseCertificates, verifyChain } from "#lib/x509/certificate.ts";
import { resources, type Resource } from "#kube/resource.ts";
import type { Workload } from "#kube/types/apps.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import type { ConfigMap, Secret } from "#kube/types/core.ts";
import { type Category, type Check, type CheckScope, SkipCheck } from "../check.ts";
import { hasValidators } from "./config.ts";
import { assertNotSoon } from "./identity.ts";

interface WebhookConfiguration extends KubeObject {
  readonly webhooks?: ReadonlyArray<{ readonly clientConfig: { readonly caBundle?: string } }>;
}

/** The Deployment and the container of a webhook's server. */
const servers: Readonly<Record<string, { readonly deployment: string; readonly container: string }>> = {
  "proxy-injector": { deployment: "linkerd-proxy-injector", container: "proxy-injector" },
  "sp-validator": { deployment: "linkerd-destination", container: "sp-validator" },
  "policy-validator": { deployment: "linkerd-destination", container: "policy" },
};

/** Whether the server asks the identity service: a Secret may be left of an earlier version, which nobody reads any more. */
async function asksIdentity({ client, linkerdNamespace, facts }: CheckScope, webhook: string): Promise<boolean> {
  const server = servers[webhook];
  if (server === undefined) return false;
  const { deployment, container } = server;
  const found = await facts.once(`deployment ${deployment}`, () =>
    client().find<Workload>(resources.deployments, deployment, linkerdNamespace),
  );
  const { args = [] } = found?.spec.template.spec.containers.find(({ name }) => name === container) ?? {};
  return args.some((argument) => argument.startsWith("--identity-addr="));
}

/** The certificate that the webhook's server reads; null when the identity service issues it. */
async function chainOf(scope: CheckScope, webhook: string): Promise<Certificate[] | null> {
  if (await asksIdentity(scope, webhook)) return null;
  const { client, linkerdNamespace } = scope;
  const secretName = `linkerd-${webhook}-k8s-tls`;
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
        const chain = await chainOf(scope, name);
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
        const chain = await chainOf(scope, name);
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
