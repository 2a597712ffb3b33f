/** The certificates of an installation: trust anchor, issuer, and those of the webhook servers. */
import { errorChain, MeshError } from "#lib/errors.ts";
import { certificatePem, parseCertificates, verifyChain, type Certificate } from "#lib/x509/certificate.ts";
import { loadKey } from "#lib/x509/key.ts";
import { createLeaf, createRoot, validFor } from "#lib/x509/sign.ts";

/** How long made certificates live: a year, in ms. */
const year = 365 * 24 * 60 * 60 * 1000;
/** How far the clocks of the cluster's machines may be behind ours, in ms. */
const skew = 20_000;

/** What identities of an installation rest on. PEM. */
export interface Trust {
  /** One or more certificates: what proxies trust. */
  readonly anchorPem: string;
  readonly issuerCertPem: string;
  readonly issuerKeyPem: string;
}

/**
 * A new self-signed authority for a year that is both the trust anchor and the issuer, as `linkerd install` makes when it
 * is given none. Good for trying out; an anchor that outlives its issuers has to come from the user.
 */
export function generateTrust(options: {
  readonly controlPlaneNamespace: string;
  readonly trustDomain: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Lifetime in ms; default a year. */
  readonly lifetime?: number;
}): Trust {
  const name = `identity.${options.controlPlaneNamespace}.${options.trustDomain}`;
  const root = createRoot(name, validFor(options.now, options.lifetime ?? year, skew));
  const pem = certificatePem(root.certificate);
  return { anchorPem: pem, issuerCertPem: pem, issuerKeyPem: root.key.privateKeyPem };
}

/** A webhook server's certificate and key, and the bundle by which the API server checks it. PEM. */
export interface WebhookTls {
  readonly certPem: string;
  readonly keyPem: string;
  readonly caPem: string;
}

/** A certificate for a webhook's Service, signed by an authority of its own whose key is forgotten at once. */
export function generateWebhookTls(service: string, namespace: string, now: number): WebhookTls {
  const host = `${service}.${namespace}.svc`;
  const authority = createRoot(`${host} authority`, validFor(now, year, skew));
  const leaf = createLeaf(authority, [host], validFor(now, year, skew));
  return {
    certPem: certificatePem(leaf.certificate),
    keyPem: leaf.key.privateKeyPem,
    caPem: certificatePem(authority.certificate),
  };
}

/** Keys that anchors may have. Issuers: ECDSA P-256 only. */
const anchorKeys = ["ecdsa-p256", "rsa-2048", "rsa-4096"];

/**
 * Checks that an issuer can issue: a CA with a P-256 key that fits its certificate, valid now, on a path to one of the
 * anchors. Throws "invalid-argument" with what is wrong. Answers the parsed pieces.
 */
export function checkTrust(
  trust: Trust,
  now: number,
): {
  readonly issuer: Certificate;
  readonly intermediates: readonly Certificate[];
  readonly anchors: readonly Certificate[];
} {
  const anchors = read("trust anchors", trust.anchorPem);
  const [issuer, ...intermediates] = read("issuer certificate", trust.issuerCertPem);
  if (issuer === undefined) throw invalid("The issuer certificate is empty");
  for (const anchor of anchors) {
    if (!anchorKeys.includes(anchor.keyType)) {
      throw invalid(
        `Trust anchor "${anchor.subjectCn ?? ""}" has a key of type ${anchor.keyType}; use ECDSA P-256 or RSA 2048 or 4096`,
      );
    }
  }
  if (!issuer.isCa) throw invalid(`Issuer certificate "${issuer.subjectCn ?? ""}" is not a certificate authority`);
  if (issuer.keyType !== "ecdsa-p256") {
    throw invalid(
      `Issuer certificate "${issuer.subjectCn ?? ""}" has a key of type ${issuer.keyType}; use ECDSA P-256`,
    );
  }
  let publicKey: Uint8Array;
  try {
    publicKey = loadKey(trust.issuerKeyPem).publicKeyDer;
  } catch (error) {
    throw new MeshError("invalid-argument", `The issuer's private key can't be used: ${errorChain(error)}`);
  }
  if (Buffer.compare(publicKey, issuer.publicKeyDer) !== 0) {
    throw invalid("The issuer's private key does not belong to the issuer certificate");
  }
  try {
    verifyChain(issuer, intermediates, anchors, now);
  } catch (error) {
    throw new MeshError("invalid-argument", `The issuer does not hold against the trust anchors: ${errorChain(error)}`);
  }
  return { issuer, intermediates, anchors };
}

function read(what: string, pem: string): Certificate[] {
  try {
    return parseCertificates(pem);
  } catch (error) {
    throw new MeshError("invalid-argument", `The ${what} can't be read: ${errorChain(error)}`);
  }
}

function invalid(message: string): MeshError {
  return new MeshError("invalid-argument", message);
}
