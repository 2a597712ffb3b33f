/** Are the trust anchors and the issuer sound, and for how long? */
import { MeshError } from "#lib/errors.ts";
import { type Certificate, parseCertificates, verifyChain } from "#lib/x509/certificate.ts";
import { resources } from "#kube/resource.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import type { Pod } from "#kube/types/core.ts";
import type { ConfigMap } from "../../control-plane.ts";
import type { Category, CheckScope } from "../check.ts";

/** Warn when less than this is left. */
export const soonMs = 60 * 24 * 3_600_000;

export interface Secret extends KubeObject {
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

interface Trust {
  readonly anchorsPem: string;
  readonly anchors: readonly Certificate[];
  readonly issuer: Certificate;
  readonly chain: readonly Certificate[];
}

const rootsName = "linkerd-identity-trust-roots";
const issuerName = "linkerd-identity-issuer";

function decoded(secret: Secret, keys: readonly string[]): string | null {
  for (const key of keys) {
    const value = secret.data?.[key];
    if (value !== undefined) return Buffer.from(value, "base64").toString("utf8");
  }
  return null;
}

async function readTrust({ client, linkerdNamespace: namespace }: CheckScope): Promise<Trust> {
  const roots = await client().get<ConfigMap>(resources.configMaps, rootsName, namespace);
  const anchorsPem = roots.data?.["ca-bundle.crt"] ?? "";
  const secret = await client().get<Secret>(resources.secrets, issuerName, namespace);
  // The second names are those of the scheme kubernetes.io/tls.
  const issuerPem = decoded(secret, ["crt.pem", "tls.crt"]);
  if (issuerPem === null)
    throw new MeshError("invalid-argument", `Secret "${issuerName}" has neither crt.pem nor tls.crt`);
  const anchors = parseCertificates(anchorsPem);
  const [issuer, ...chain] = parseCertificates(issuerPem);
  if (anchors.length === 0) throw new MeshError("invalid-argument", `ConfigMap "${rootsName}" holds no trust anchor`);
  if (issuer === undefined) throw new MeshError("invalid-argument", `Secret "${issuerName}" holds no certificate`);
  return { anchorsPem, anchors, issuer, chain };
}

function label(certificate: Certificate): string {
  return `${certificate.serial} ${certificate.subjectCn ?? ""}`.trim();
}

export function assertValid(certificates: readonly Certificate[], wall: number): void {
  for (const certificate of certificates) {
    if (wall < certificate.notBefore)
      throw new MeshError("invalid-argument", `${label(certificate)}: not valid before ${iso(certificate.notBefore)}`);
    if (wall > certificate.notAfter)
      throw new MeshError("invalid-argument", `${label(certificate)}: expired on ${iso(certificate.notAfter)}`);
  }
}

export function assertNotSoon(certificates: readonly Certificate[], wall: number): void {
  for (const certificate of certificates) {
    if (certificate.notAfter - wall < soonMs)
      throw new MeshError("invalid-argument", `${label(certificate)}: will expire on ${iso(certificate.notAfter)}`);
  }
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

function assertAlgorithm(certificates: readonly Certificate[], allowed: readonly string[]): void {
  for (const certificate of certificates) {
    if (!allowed.includes(certificate.keyType)) {
      throw new MeshError(
        "invalid-argument",
        `${label(certificate)} uses the key type ${certificate.keyType}; use ${allowed.join(" or ")}`,
      );
    }
  }
}

export const linkerdIdentity: Category = {
  id: "linkerd-identity",
  checks: [
    {
      id: "l5d-identity-cert-config-valid",
      description: "certificate config is valid",
      fatal: true,
      run: async (scope) => {
        await readTrust(scope);
      },
    },
    {
      id: "l5d-identity-trustAnchors-use-supported-crypto",
      description: "trust anchors are using supported crypto algorithm",
      run: async (scope) => assertAlgorithm((await readTrust(scope)).anchors, ["ecdsa-p256", "rsa-2048", "rsa-4096"]),
    },
    {
      id: "l5d-identity-trustAnchors-are-time-valid",
      description: "trust anchors are within their validity period",
      run: async (scope) => assertValid((await readTrust(scope)).anchors, scope.wall()),
    },
    {
      id: "l5d-identity-trustAnchors-not-expiring-soon",
      description: "trust anchors are valid for at least 60 days",
      warning: true,
      run: async (scope) => assertNotSoon((await readTrust(scope)).anchors, scope.wall()),
    },
    {
      id: "l5d-identity-issuer-cert-uses-supported-crypto",
      description: "issuer cert is using supported crypto algorithm",
      run: async (scope) => assertAlgorithm([(await readTrust(scope)).issuer], ["ecdsa-p256"]),
    },
    {
      id: "l5d-identity-issuer-cert-is-time-valid",
      description: "issuer cert is within its validity period",
      run: async (scope) => assertValid([(await readTrust(scope)).issuer], scope.wall()),
    },
    {
      id: "l5d-identity-issuer-cert-not-expiring-soon",
      description: "issuer cert is valid for at least 60 days",
      warning: true,
      run: async (scope) => assertNotSoon([(await readTrust(scope)).issuer], scope.wall()),
    },
    {
      id: "l5d-identity-issuer-cert-issued-by-trust-anchor",
      description: "issuer cert is issued by the trust anchor",
      run: async (scope) => {
        const { issuer, chain, anchors } = await readTrust(scope);
        verifyChain(issuer, chain, anchors, scope.wall());
      },
    },
  ],
};

/** The anchors that a pod's proxy was injected with, or null when it has none as plain text. */
function injectedAnchors(pod: Pod): string | null {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const proxy = containers.find((container) => container.name === "linkerd-proxy");
  return proxy?.env?.find(({ name }) => name === "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS")?.value ?? null;
}

export const linkerdIdentityDataPlane: Category = {
  id: "linkerd-identity-data-plane",
  checks: [
    {
      id: "l5d-identity-data-plane-proxies-certs-match-ca",
      description: "data plane proxies certificate match CA",
      warning: true,
      run: async (scope) => {
        const { anchorsPem } = await readTrust(scope);
        const { items } = await scope.client().list<Pod>(resources.pods, {
          labelSelector: "linkerd.io/control-plane-ns",
          ...(scope.dataPlaneNamespace === null ? {} : { namespace: scope.dataPlaneNamespace }),
        });
        const differing = items.filter((pod) => {
          const anchors = injectedAnchors(pod);
          return anchors !== null && anchors.trim() !== anchorsPem.trim();
        });
        if (differing.length > 0) {
          const names = differing.map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`).join("\n  * ");
          throw new MeshError(
            "conflict",
            `Some pods do not have the current trust bundle and must be restarted:\n  * ${names}`,
          );
        }
      },
    },
  ],
};
