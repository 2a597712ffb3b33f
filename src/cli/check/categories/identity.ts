/** Are the trust anchors and the issuer sound, and for how long? */
import { MeshError } from "#lib/errors.ts";
import { type Certificate, parseCertificates, verifyChain } from "#lib/x509/certificate.ts";
import { resources } from "#kube/resource.ts";
import type { ConfigMap, Secret } from "#kube/types/core.ts";
import { issuerSecretName, trustRootsName } from "../../installation.ts";
import { renewBefore } from "../../renewal.ts";
import { injectedAnchors, learnsAnchors } from "../../meshed-trust.ts";
import { bullets, type Category, type CheckScope } from "../check.ts";
import { dataPlanePods } from "./proxies.ts";

interface Trust {
  readonly anchorsPem: string;
  readonly anchors: readonly Certificate[];
  readonly issuer: Certificate;
  readonly chain: readonly Certificate[];
}

function decoded(secret: Secret, keys: readonly string[]): string | null {
  for (const key of keys) {
    const value = secret.data?.[key];
    if (value !== undefined) return Buffer.from(value, "base64").toString("utf8");
  }
  return null;
}

async function readTrust(scope: CheckScope): Promise<Trust> {
  return await scope.facts.once("trust", () => readTrustOnce(scope));
}

async function readTrustOnce({ client, linkerdNamespace: namespace }: CheckScope): Promise<Trust> {
  const roots = await client().get<ConfigMap>(resources.configMaps, trustRootsName, namespace);
  const anchorsPem = roots.data?.["ca-bundle.crt"] ?? "";
  const secret = await client().get<Secret>(resources.secrets, issuerSecretName, namespace);
  // The second names are those of the scheme kubernetes.io/tls.
  const issuerPem = decoded(secret, ["crt.pem", "tls.crt"]);
  if (issuerPem === null)
    throw new MeshError("invalid-argument", `Secret "${issuerSecretName}" has neither crt.pem nor tls.crt`);
  const anchors = parseCertificates(anchorsPem);
  const [issuer, ...chain] = parseCertificates(issuerPem);
  if (anchors.length === 0)
    throw new MeshError("invalid-argument", `ConfigMap "${trustRootsName}" holds no trust anchor`);
  if (issuer === undefined)
    throw new MeshError("invalid-argument", `Secret "${issuerSecretName}" holds no certificate`);
  return { anchorsPem, anchors, issuer, chain };
}

/** "is not valid before …" or "… after …", or null when the certificate is valid now. */
function validityProblem(certificate: Certificate, wall: number): string | null {
  if (wall < certificate.notBefore) return `not valid before: ${iso(certificate.notBefore)}`;
  if (wall > certificate.notAfter) return `not valid anymore. Expired on ${iso(certificate.notAfter)}`;
  return null;
}

function expiryProblem(certificate: Certificate, wall: number): string | null {
  return certificate.notAfter - wall < renewBefore ? `will expire on ${iso(certificate.notAfter)}` : null;
}

function keyProblem(certificate: Certificate, allowed: readonly string[]): string | null {
  if (allowed.includes(certificate.keyType)) return null;
  return `must use ${allowed.join(" or ")} as its key type, instead ${certificate.keyType} was provided`;
}

/** RFC 3339 without fractions. */
function iso(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}

/** Throws the list of certificates that have a problem. */
function assertAll(
  certificates: readonly Certificate[],
  heading: string,
  problem: (certificate: Certificate) => string | null,
): void {
  const found = certificates.flatMap((certificate) => {
    const what = problem(certificate);
    return what === null ? [] : [`${BigInt(`0x${certificate.serial || "0"}`)} ${certificate.subjectCn ?? ""} ${what}`];
  });
  if (found.length > 0) throw new MeshError("invalid-argument", `${heading}:\n${bullets(found)}`);
}

function assertIssuer(problem: string | null): void {
  if (problem !== null) throw new MeshError("invalid-argument", `issuer certificate ${problem}`);
}

/** Throws when one of the certificates of a server expires soon. */
export function assertNotSoon(certificates: readonly Certificate[], wall: number): void {
  for (const certificate of certificates) {
    const problem = expiryProblem(certificate, wall);
    if (problem !== null) throw new MeshError("invalid-argument", `certificate ${problem}`);
  }
}

const anchorKeys = ["ecdsa-p256", "rsa-2048", "rsa-4096"];

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
      fatal: true,
      run: async (scope) =>
        assertAll((await readTrust(scope)).anchors, "Invalid trustAnchors", (anchor) => keyProblem(anchor, anchorKeys)),
    },
    {
      id: "l5d-identity-trustAnchors-are-time-valid",
      description: "trust anchors are within their validity period",
      fatal: true,
      run: async (scope) =>
        assertAll((await readTrust(scope)).anchors, "Invalid anchors", (anchor) =>
          validityProblem(anchor, scope.wall()),
        ),
    },
    {
      id: "l5d-identity-trustAnchors-not-expiring-soon",
      description: "trust anchors are valid for at least 60 days",
      warning: true,
      run: async (scope) =>
        assertAll((await readTrust(scope)).anchors, "Anchors expiring soon", (anchor) =>
          expiryProblem(anchor, scope.wall()),
        ),
    },
    {
      id: "l5d-identity-issuer-cert-uses-supported-crypto",
      description: "issuer cert is using supported crypto algorithm",
      fatal: true,
      run: async (scope) => {
        const { issuer } = await readTrust(scope);
        assertIssuer(keyProblem(issuer, ["ecdsa-p256"]));
      },
    },
    {
      id: "l5d-identity-issuer-cert-is-time-valid",
      description: "issuer cert is within its validity period",
      fatal: true,
      run: async (scope) => {
        const { issuer } = await readTrust(scope);
        const problem = validityProblem(issuer, scope.wall());
        assertIssuer(problem === null ? null : `is ${problem}`);
      },
    },
    {
      id: "l5d-identity-issuer-cert-not-expiring-soon",
      description: "issuer cert is valid for at least 60 days",
      warning: true,
      run: async (scope) => {
        const { issuer } = await readTrust(scope);
        assertIssuer(expiryProblem(issuer, scope.wall()));
      },
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

export const linkerdIdentityDataPlane: Category = {
  id: "linkerd-identity-data-plane",
  checks: [
    {
      id: "l5d-identity-data-plane-proxies-certs-match-ca",
      description: "data plane proxies certificate match CA",
      warning: true,
      run: async (scope) => {
        const { anchorsPem } = await readTrust(scope);
        const differing = (await dataPlanePods(scope)).filter((pod) => {
          const anchors = injectedAnchors(pod);
          return anchors !== null && anchors.trim() !== anchorsPem.trim() && !learnsAnchors(pod);
        });
        if (differing.length === 0) return;
        const names = differing.map(({ metadata }) =>
          scope.dataPlaneNamespace === null ? `${metadata.namespace}/${metadata.name}` : metadata.name,
        );
        throw new MeshError(
          "conflict",
          `Some pods do not have the current trust bundle and must be restarted:\n${bullets(names)}`,
        );
      },
    },
  ],
};
