/** Making certificates: roots, issuers and leaves, all with ECDSA P-256 and SHA-256. */
import { createHash, randomBytes } from "node:crypto";
import { MeshError } from "../errors.ts";
import { parseIp } from "../net-addr.ts";
import { altNamesExtension } from "./alt-names.ts";
import {
  oidAuthorityKeyId,
  oidBasicConstraints,
  oidExtendedKeyUsage,
  oidKeyUsage,
  oidSubjectKeyId,
  parseCertificate,
} from "./certificate.ts";
import type { Certificate } from "./certificate.ts";
import { oidEcdsaSha256 } from "./csr.ts";
import { bitString, boolean, context, der, DerReader, integer, octetString, oid, sequence, tags, time } from "./der.ts";
import { createKey } from "./key.ts";
import type { Key } from "./key.ts";
import { commonName } from "./name.ts";

/** A certificate and the key that it is for. */
export interface Authority {
  readonly certificate: Certificate;
  readonly key: Key;
}

/** Inclusive, ms since 1970; seconds count. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** From now on for `lifetime` ms, and `skew` ms (default 0) longer on both sides for clocks that differ. */
export function validFor(now: number, lifetime: number, skew = 0): Validity {
  return { notBefore: now - skew, notAfter: now + lifetime + skew };
}

export interface CertificateOptions extends Validity {
  /** Null: signed with its own key, given as `selfKey`. */
  readonly issuer: Authority | null;
  readonly selfKey?: Key;
  /** Common name; may be empty when there are alternative names. */
  readonly subject: string;
  readonly publicKeyDer: Uint8Array;
  readonly dnsNames?: readonly string[];
  readonly uris?: readonly string[];
  readonly ips?: readonly string[];
  /** A CA may sign certificates, with at most `pathLength` further CAs below it (null: any). Default: a leaf. */
  readonly ca?: { readonly pathLength: number | null };
  /** What a leaf may be used for. Default both. */
  readonly usages?: readonly ("server" | "client")[];
  /** 16 bytes. Default random. */
  readonly serial?: Uint8Array;
}

const usageOids = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" } as const;
/** First content byte of KeyUsage with its count of unused bits: digitalSignature; keyCertSign and cRLSign. */
const keyUsageLeaf = Uint8Array.of(7, 0x80);
const keyUsageCa = Uint8Array.of(1, 0x06);

function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

/** SHA-1 of the key bits (RFC 5280 §4.2.1.2, method 1): a label, not a protection. */
function keyId(publicKeyDer: Uint8Array): Uint8Array {
  const body = new DerReader(publicKeyDer).enter(tags.sequence);
  body.expect(tags.sequence);
  return new Uint8Array(createHash("sha1").update(body.expect(tags.bitString).content.subarray(1)).digest());
}

/** Signs a certificate. Throws "invalid-argument" where the result would be refused by everybody. */
export function signCertificate(options: CertificateOptions): Certificate {
  const key = options.issuer?.key ?? options.selfKey;
  if (key === undefined) throw new MeshError("internal", "A self-signed certificate needs its key");
  if (options.notAfter <= options.notBefore) {
    throw new MeshError("invalid-argument", `Certificate of "${options.subject}" would never be valid`);
  }
  const above = options.issuer?.certificate;
  if (above !== undefined && !above.isCa) {
    throw new MeshError("invalid-argument", `"${above.subjectCn ?? ""}" is not a certificate authority`);
  }
  const { dnsNames = [], uris = [], ips = [], usages = ["server", "client"] } = options;
  const named = dnsNames.length + uris.length + ips.length > 0;
  const names = named
    ? [altNamesExtension({ dns: dnsNames, uri: uris, ip: ips, critical: options.subject === "" })]
    : [];
  const pathLength = options.ca?.pathLength ?? null;
  const limit = pathLength === null ? [] : [integer(Uint8Array.of(pathLength))];
  const purpose =
    options.ca === undefined
      ? [
          extension(oidBasicConstraints, true, sequence()),
          extension(oidKeyUsage, true, der(tags.bitString, keyUsageLeaf)),
          extension(oidExtendedKeyUsage, false, sequence(...usages.map((usage) => oid(usageOids[usage])))),
        ]
      : [
          extension(oidBasicConstraints, true, sequence(boolean(true), ...limit)),
          extension(oidKeyUsage, true, der(tags.bitString, keyUsageCa)),
        ];
  const ownId = keyId(options.publicKeyDer);
  const aboveId = above === undefined ? ownId : (above.subjectKeyId ?? keyId(above.publicKeyDer));
  const body = sequence(
    context(0, integer(Uint8Array.of(2))),
    integer(options.serial ?? randomSerial()),
    sequence(oid(oidEcdsaSha256)),
    above?.subject ?? commonName(options.subject),
    sequence(time(options.notBefore), time(options.notAfter)),
    commonName(options.subject),
    options.publicKeyDer,
    context(
      3,
      sequence(
        ...purpose,
        extension(oidSubjectKeyId, false, octetString(ownId)),
        extension(oidAuthorityKeyId, false, sequence(der(0x80, aboveId))),
        ...names,
      ),
    ),
  );
  return parseCertificate(sequence(body, sequence(oid(oidEcdsaSha256)), bitString(key.sign(body))));
}

/** 16 bytes, positive and not zero. */
function randomSerial(): Uint8Array {
  const serial = new Uint8Array(randomBytes(16));
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

/** A new self-signed root. */
export function createRoot(subject: string, validity: Validity): Authority {
  const key = createKey();
  const certificate = signCertificate({
    ...validity,
    issuer: null,
    selfKey: key,
    subject,
    publicKeyDer: key.publicKeyDer,
    ca: { pathLength: null },
  });
  return { certificate, key };
}

/** A new intermediate that may sign leaves only. */
export function createIssuer(root: Authority, subject: string, validity: Validity): Authority {
  const key = createKey();
  const certificate = signCertificate({
    ...validity,
    issuer: root,
    subject,
    publicKeyDer: key.publicKeyDer,
    ca: { pathLength: 0 },
  });
  return { certificate, key };
}

/**
 * A new leaf with its own key, for servers of ours and for tests. `names`: DNS names, IP addresses and URIs; the first
 * is also the subject.
 */
export function createLeaf(issuer: Authority, names: readonly string[], validity: Validity): Authority {
  const key = createKey();
  const uris = names.filter((name) => name.includes("://"));
  const ips = names.filter((name) => parseIp(name) !== null);
  const certificate = signCertificate({
    ...validity,
    issuer,
    subject: names[0] ?? "",
    publicKeyDer: key.publicKeyDer,
    dnsNames: names.filter((name) => !uris.includes(name) && !ips.includes(name)),
    uris,
    ips,
  });
  return { certificate, key };
}
