/** A set of trust anchors: reading, checking and comparing it. Pure. */
import { MeshError } from "#lib/errors.ts";
import { certificatePem, parseCertificates, type Certificate } from "#lib/x509/certificate.ts";

export interface TrustAnchor {
  readonly certificate: Certificate;
  /** SHA-256 of the DER, lower-case hexadecimal: what `openssl x509 -fingerprint -sha256` shows. */
  readonly fingerprint: string;
}

export interface TrustBundle {
  /** At least one, each once, in the order in which they were given. */
  readonly anchors: readonly TrustAnchor[];
  /** The anchors alone, whatever stood between them. */
  readonly pem: string;
}

/** Limits of a bundle that is learned: characters and certificates. */
const maxLength = 262_144;
export const maxAnchors = 100;

/** A bundle of these anchors; those given twice count once. */
export function trustBundle(certificates: readonly Certificate[]): TrustBundle {
  const anchors = new Map<string, TrustAnchor>();
  for (const certificate of certificates) {
    const fingerprint = new Bun.CryptoHasher("sha256").update(certificate.der).digest("hex");
    if (!anchors.has(fingerprint)) anchors.set(fingerprint, { certificate, fingerprint });
  }
  const list = [...anchors.values()];
  return { anchors: list, pem: list.map(({ certificate }) => certificatePem(certificate)).join("") };
}

/**
 * Reads a bundle that came over the network and checks that it can be one: PEM, authorities only, within the limits, at
 * least one valid at `wall` (ms since 1970). Expired ones are left out. Throws "invalid-argument".
 */
export function parseTrustBundle(pem: string, wall: number): TrustBundle {
  if (pem.length > maxLength)
    throw new MeshError("invalid-argument", `A trust bundle has over ${maxLength} characters`);
  const certificates = parseCertificates(pem);
  if (certificates.length > maxAnchors) {
    throw new MeshError("invalid-argument", `A trust bundle has over ${maxAnchors} certificates`);
  }
  const leaf = certificates.find((certificate) => !certificate.isCa);
  if (leaf !== undefined) {
    throw new MeshError(
      "invalid-argument",
      `A trust bundle has a certificate that is no authority: "${leaf.subjectCn ?? leaf.serial}"`,
    );
  }
  const usable = certificates.filter(({ notAfter }) => notAfter >= wall);
  if (!usable.some(({ notBefore }) => notBefore <= wall)) {
    throw new MeshError("invalid-argument", "A trust bundle has no anchor that is valid now");
  }
  return trustBundle(usable);
}

/** The anchors of `bundle` that `other` lacks. */
export function missingFrom(other: TrustBundle, bundle: TrustBundle): TrustAnchor[] {
  const known = new Set(other.anchors.map(({ fingerprint }) => fingerprint));
  return bundle.anchors.filter(({ fingerprint }) => !known.has(fingerprint));
}

/** The same anchors, in any order. */
export function sameBundle(a: TrustBundle, b: TrustBundle): boolean {
  return a.anchors.length === b.anchors.length && missingFrom(a, b).length === 0;
}
