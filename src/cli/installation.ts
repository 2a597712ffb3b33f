/** What an installation left behind, for `upgrade` and `prune`: read from the cluster or from its manifests in a file. */
import { MeshError } from "#lib/errors.ts";
import { parseCertificates, verifyChain } from "#lib/x509/certificate.ts";
import { resources, type Resource } from "#kube/resource.ts";
import type { ConfigMap, Secret } from "#kube/types/core.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { isJsonObject, type JsonObject } from "#manifests/json.ts";
import type { Trust } from "#manifests/trust.ts";
import { parseYaml } from "#manifests/yaml.ts";
import { knownValues } from "./known-values.ts";
import { renewBefore } from "./renewal.ts";

/** Gives one object or null; a KubeClient is one. */
export interface ObjectReader {
  find<T extends KubeObject>(resource: Resource, name: string, namespace?: string): Promise<T | null>;
}

export interface Installation {
  /** What the user set at installation and at upgrades since, with the trust that was made for them. */
  readonly overrides: JsonObject;
  /** Paths of stored values that this version does not know; they are not among the overrides. */
  readonly dropped: readonly string[];
  /** The issuer and the anchors in use; null when somebody else keeps them. */
  readonly trust: Trust | null;
  /** Certificates of webhook servers that are good for another while, by Service. */
  readonly webhookTls: Readonly<Record<string, WebhookTls>>;
}

/** What a webhook server shows, and the bundle by which the API server checks it. PEM. */
export interface WebhookTls {
  readonly certPem: string;
  readonly keyPem: string;
  readonly caPem: string;
}

export const overridesName = "linkerd-config-overrides";
export const trustRootsName = "linkerd-identity-trust-roots";
export const issuerSecretName = "linkerd-identity-issuer";

const webhookServices: ReadonlyArray<readonly [service: string, configuration: Resource]> = [
  ["linkerd-proxy-injector", resources.mutatingWebhookConfigurations],
  ["linkerd-sp-validator", resources.validatingWebhookConfigurations],
  ["linkerd-policy-validator", resources.validatingWebhookConfigurations],
];

/** A text of manifests as a reader. */
export function manifestReader(text: string, source: string): ObjectReader {
  const objects = parseYaml(text, source) as unknown as KubeObject[];
  return {
    find: async <T extends KubeObject>({ kind }: Resource, name: string) =>
      (objects.find((object) => object.kind === kind && object.metadata?.name === name) as T | undefined) ?? null,
  };
}

/** Null when no command line of ours installed anything in the namespace (Helm keeps its values itself). */
export async function readInstallation(
  reader: ObjectReader,
  namespace: string,
  now: number,
): Promise<Installation | null> {
  const secret = await reader.find<Secret>(resources.secrets, overridesName, namespace);
  if (secret === null) return null;
  const text = decoded(secret, overridesName);
  if (text === null) throw new MeshError("not-found", `Secret "${overridesName}" has no key "${overridesName}"`);
  const [overrides = {}] = parseYaml(text, `Secret "${overridesName}"`);
  // Installations of old kept everything below this member.
  const { global, ...rest } = overrides;
  const { values, dropped } = knownValues(isJsonObject(global) ? { ...global, ...rest } : overrides);
  return {
    overrides: values,
    dropped,
    trust: await readTrust(reader, namespace),
    webhookTls: await readWebhookTls(reader, namespace, now),
  };
}

async function readTrust(reader: ObjectReader, namespace: string): Promise<Trust | null> {
  const issuer = await reader.find<Secret>(resources.secrets, issuerSecretName, namespace);
  const roots = await reader.find<ConfigMap>(resources.configMaps, trustRootsName, namespace);
  const issuerCertPem = issuer === null ? null : decoded(issuer, "crt.pem");
  const issuerKeyPem = issuer === null ? null : decoded(issuer, "key.pem");
  const anchorPem = roots?.data?.["ca-bundle.crt"] ?? null;
  if (issuerCertPem === null || issuerKeyPem === null || anchorPem === null) return null;
  return { anchorPem, issuerCertPem, issuerKeyPem };
}

async function readWebhookTls(
  reader: ObjectReader,
  namespace: string,
  now: number,
): Promise<Record<string, WebhookTls>> {
  const kept: Record<string, WebhookTls> = {};
  for (const [service, resource] of webhookServices) {
    const secret = await reader.find<Secret>(resources.secrets, `${service}-k8s-tls`, namespace);
    const configuration = await reader.find<WebhookConfiguration>(resource, `${service}-webhook-config`);
    const bundle = configuration?.webhooks?.[0]?.clientConfig?.caBundle;
    if (secret === null || bundle === undefined) continue;
    const certPem = decoded(secret, "tls.crt");
    const keyPem = decoded(secret, "tls.key");
    const caPem = Buffer.from(bundle, "base64").toString("utf8");
    if (certPem === null || keyPem === null) continue;
    if (holds(certPem, caPem, now + renewBefore)) kept[service] = { certPem, keyPem, caPem };
  }
  return kept;
}

interface WebhookConfiguration extends KubeObject {
  readonly webhooks?: ReadonlyArray<{ readonly clientConfig?: { readonly caBundle?: string } }>;
}

/** Whether the certificate will still be good at that time; if not it is made anew, whatever is wrong with it. */
function holds(certPem: string, caPem: string, at: number): boolean {
  try {
    const [leaf, ...rest] = parseCertificates(certPem);
    verifyChain(leaf!, rest, parseCertificates(caPem), at);
    return true;
  } catch (error) {
    if (error instanceof MeshError) return false;
    throw error;
  }
}

function decoded(
  secret: Secret & { readonly stringData?: Readonly<Record<string, string>> },
  key: string,
): string | null {
  const plain = secret.stringData?.[key];
  if (plain !== undefined) return plain;
  const value = secret.data?.[key];
  return value === undefined ? null : Buffer.from(value, "base64").toString("utf8");
}
