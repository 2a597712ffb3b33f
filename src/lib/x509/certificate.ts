/** Reading X.509 certificates (RFC 5280) and checking chains. */
import { MeshError } from "../errors.ts";
import { noAltNames, oidAltNames, readAltNames, readExtensions } from "./alt-names.ts";
import { DerReader, readTime, tags } from "./der.ts";
import { keyType } from "./key.ts";
import type { KeyType } from "./key.ts";
import { readCommonName } from "./name.ts";
import { nodeCrypto } from "./node-crypto.ts";
import { decodeCertificates, encodePem } from "./pem.ts";

export const oidBasicConstraints = "2.5.29.19";
export const oidKeyUsage = "2.5.29.15";
export const oidExtendedKeyUsage = "2.5.29.37";
export const oidSubjectKeyId = "2.5.29.14";
export const oidAuthorityKeyId = "2.5.29.35";

export interface Certificate {
  readonly der: Uint8Array;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  /** Names as DER; two names are the same when their bytes are. */
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subjectCn: string | null;
  readonly issuerCn: string | null;
  /** ms since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  readonly ips: readonly string[];
  /** Whether there are alternative names of other kinds. */
  readonly otherSans: boolean;
  readonly isCa: boolean;
  /** How many CA certificates may follow below this one; null: no limit. */
  readonly pathLength: number | null;
  readonly publicKeyDer: Uint8Array;
  readonly keyType: KeyType;
  readonly subjectKeyId: Uint8Array | null;
}

/** Reads one DER certificate; throws "invalid-argument". The signature is not checked: see {@link isIssuedBy}. */
export function parseCertificate(bytes: Uint8Array): Certificate {
  const outer = new DerReader(bytes);
  const certificate = outer.enter(tags.sequence);
  outer.end();
  const body = certificate.enter(tags.sequence);
  certificate.expect(tags.sequence);
  certificate.expect(tags.bitString);
  certificate.end();
  body.optional(0xa0);
  const serial = Buffer.from(body.expect(tags.integer).content).toString("hex");
  body.expect(tags.sequence);
  const issuer = body.expect(tags.sequence).whole;
  const validity = body.enter(tags.sequence);
  const notBefore = readTime(validity.any());
  const notAfter = readTime(validity.any());
  const subject = body.expect(tags.sequence).whole;
  const publicKeyDer = body.expect(tags.sequence).whole;
  body.optional(0x81);
  body.optional(0x82);
  const list = body.optional(0xa3);
  body.end();
  const extensions =
    list === null ? new Map<string, Uint8Array>() : readExtensions(new DerReader(list.content).enter(tags.sequence));
  const altNames = extensions.get(oidAltNames);
  const names = altNames === undefined ? noAltNames : readAltNames(altNames);
  const subjectKeyId = extensions.get(oidSubjectKeyId);
  return {
    der: bytes,
    serial,
    subject,
    issuer,
    subjectCn: readCommonName(subject),
    issuerCn: readCommonName(issuer),
    notBefore,
    notAfter,
    dnsNames: names.dns,
    uris: names.uri,
    ips: names.ip,
    otherSans: names.others,
    ...readBasicConstraints(extensions.get(oidBasicConstraints)),
    publicKeyDer,
    keyType: keyType(publicKeyDer),
    subjectKeyId: subjectKeyId === undefined ? null : new DerReader(subjectKeyId).expect(tags.octetString).content,
  };
}

function readBasicConstraints(value: Uint8Array | undefined): { isCa: boolean; pathLength: number | null } {
  if (value === undefined) return { isCa: false, pathLength: null };
  const body = new DerReader(value).enter(tags.sequence);
  const isCa = body.optional(tags.boolean)?.content[0] === 0xff;
  const length = body.optional(tags.integer)?.content;
  body.end();
  return { isCa, pathLength: length === undefined ? null : Number.parseInt(Buffer.from(length).toString("hex"), 16) };
}

/** Reads the first certificate of a PEM text. */
export function parseCertificatePem(pem: string): Certificate {
  return parseCertificates(pem)[0] as Certificate;
}

/** Reads every certificate of a PEM bundle, at least one. */
export function parseCertificates(pem: string): Certificate[] {
  return decodeCertificates(pem).map(parseCertificate);
}

export function certificatePem(certificate: { readonly der: Uint8Array }): string {
  return encodePem("CERTIFICATE", certificate.der);
}

/** Whether `issuer` is a CA whose name `certificate` carries; the signature is another matter. */
export function mayIssue(certificate: Certificate, issuer: Certificate): boolean {
  return issuer.isCa && Buffer.compare(certificate.issuer, issuer.subject) === 0;
}

/** Whether `issuer` is a CA whose name and signature `certificate` carries. */
export function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  if (!mayIssue(certificate, issuer)) return false;
  const { createPublicKey, X509Certificate } = nodeCrypto();
  try {
    const key = createPublicKey({ key: Buffer.from(issuer.publicKeyDer), format: "der", type: "spki" });
    return new X509Certificate(certificate.der).verify(key);
  } catch (error) {
    throw new MeshError("invalid-argument", "Checking a certificate's signature failed", { cause: error });
  }
}

/** Chains longer than this are refused. */
const maxChain = 8;

/**
 * Checks that a path leads from `leaf` over `intermediates` to one of `anchors`, everything on it being valid at `at`
 * (ms since 1970), and answers it, leaf first and anchor last. Throws "permission-denied" with the reason.
 * `issuedBy`: who checks signatures; by default node:crypto.
 */
export function verifyChain(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  anchors: readonly Certificate[],
  at: number,
  issuedBy: (certificate: Certificate, issuer: Certificate) => boolean = isIssuedBy,
): Certificate[] {
  const path = [leaf];
  for (;;) {
    const last = path.at(-1) as Certificate;
    if (at < last.notBefore) throw refused(last, `is not valid before ${new Date(last.notBefore).toISOString()}`);
    if (at > last.notAfter) throw refused(last, `expired at ${new Date(last.notAfter).toISOString()}`);
    // The leaf does not count as a CA below its issuer unless it is one.
    const below = path.length - 2 + (leaf.isCa ? 1 : 0);
    if (path.length > 1 && last.pathLength !== null && below > last.pathLength) {
      throw refused(last, `allows only ${last.pathLength} authorities below itself`);
    }
    if (anchors.some((anchor) => Buffer.compare(anchor.der, last.der) === 0)) return path;
    if (path.length > maxChain) throw refused(leaf, `has a chain of more than ${maxChain}`);
    const signers = anchors.filter((anchor) => issuedBy(last, anchor));
    // An anchor and its renewal may have one key; a bundle of both holds when one of them does.
    const next =
      signers.find(({ notBefore, notAfter }) => at >= notBefore && at <= notAfter) ??
      signers[0] ??
      intermediates.find((candidate) => !path.includes(candidate) && issuedBy(last, candidate));
    if (next === undefined) throw refused(last, `is signed by the unknown authority "${last.issuerCn ?? ""}"`);
    path.push(next);
  }
}

function refused(certificate: Certificate, reason: string): MeshError {
  return new MeshError(
    "permission-denied",
    `Certificate of "${certificate.subjectCn ?? certificate.serial}" ${reason}`,
  );
}
