/** Certificate signing requests (PKCS #10, RFC 2986) with ECDSA P-256. */
import { MeshError } from "../errors.ts";
import { altNamesExtension, noAltNames, oidAltNames, readAltNames, readExtensions } from "./alt-names.ts";
import type { AltNames } from "./alt-names.ts";
import { bitString, context, der, DerReader, integer, oid, sequence, tags } from "./der.ts";
import { keyType } from "./key.ts";
import type { Key } from "./key.ts";
import { commonName, readCommonName } from "./name.ts";
import { nodeCrypto } from "./node-crypto.ts";

export const oidEcdsaSha256 = "1.2.840.10045.4.3.2";
const oidExtensionRequest = "1.2.840.113549.1.9.14";

/** A request for a leaf with this one DNS name, also as common name: what Linkerd's identity service accepts. */
export function createCsr(key: Key, dnsName: string): Uint8Array {
  const info = csrInfo(key.publicKeyDer, dnsName);
  return signedCsr(info, key.sign(info));
}

/** What of a request is signed. */
export function csrInfo(publicKeyDer: Uint8Array, dnsName: string): Uint8Array {
  return sequence(
    integer(Uint8Array.of(0)),
    commonName(dnsName),
    publicKeyDer,
    context(0, sequence(oid(oidExtensionRequest), der(tags.set, sequence(altNamesExtension({ dns: [dnsName] }))))),
  );
}

/** The request of {@link csrInfo} with its ECDSA signature (DER). */
export function signedCsr(info: Uint8Array, signature: Uint8Array): Uint8Array {
  return sequence(info, sequence(oid(oidEcdsaSha256)), bitString(signature));
}

export interface Csr {
  /** Null when the subject has no common name. */
  readonly subjectCn: string | null;
  readonly dnsNames: readonly string[];
  /** Whether any alternative name is not a DNS name. */
  readonly otherSans: boolean;
  readonly publicKeyDer: Uint8Array;
}

/** Reads a request and checks its signature, which proves that the sender has the key. Throws "invalid-argument". */
export function parseCsr(bytes: Uint8Array): Csr {
  const { csr, info, signature } = readCsr(bytes);
  const { createPublicKey, verify } = nodeCrypto();
  let proven: boolean;
  try {
    const key = createPublicKey({ key: Buffer.from(csr.publicKeyDer), format: "der", type: "spki" });
    proven = verify("sha256", info, key, signature);
  } catch (error) {
    throw new MeshError("invalid-argument", "Reading a public key failed", { cause: error });
  }
  if (!proven) throw rejected("its signature is wrong");
  return csr;
}

/** Reads a request without checking its signature. Throws "invalid-argument". */
export function readCsr(bytes: Uint8Array): {
  readonly csr: Csr;
  /** What is signed, and the ECDSA signature (DER). */
  readonly info: Uint8Array;
  readonly signature: Uint8Array;
} {
  const outer = new DerReader(bytes);
  const request = outer.enter(tags.sequence);
  outer.end();
  const info = request.expect(tags.sequence);
  const algorithm = request.enter(tags.sequence).oid();
  const signature = request.expect(tags.bitString).content;
  request.end();
  const body = new DerReader(info.content);
  const version = body.expect(tags.integer).content;
  if (version.length !== 1 || version[0] !== 0) throw rejected("its version is not 1");
  const subjectCn = readCommonName(body.expect(tags.sequence).whole);
  const publicKeyDer = body.expect(tags.sequence).whole;
  const attributes = body.optional(0xa0);
  body.end();
  const names = attributes === null ? null : requestedNames(new DerReader(attributes.content));
  if (algorithm !== oidEcdsaSha256)
    throw rejected(`it is signed with algorithm "${algorithm}", not ECDSA with SHA-256`);
  if (keyType(publicKeyDer) !== "ecdsa-p256") throw rejected(`its key is "${keyType(publicKeyDer)}", not ECDSA P-256`);
  if (signature[0] !== 0) throw rejected("its signature is wrong");
  const csr = {
    subjectCn,
    dnsNames: names?.dns ?? [],
    otherSans: names !== null && (names.others || names.uri.length + names.ip.length > 0),
    publicKeyDer,
  };
  return { csr, info: info.whole, signature: signature.subarray(1) };
}

function requestedNames(attributes: DerReader): AltNames | null {
  let names: AltNames | null = null;
  while (!attributes.done) {
    const attribute = attributes.enter(tags.sequence);
    const id = attribute.oid();
    const values = attribute.enter(tags.set);
    attribute.end();
    if (id !== oidExtensionRequest) continue;
    if (names !== null) throw rejected("it requests extensions twice");
    const value = readExtensions(values.enter(tags.sequence)).get(oidAltNames);
    values.end();
    names = value === undefined ? noAltNames : readAltNames(value);
  }
  return names;
}

function rejected(reason: string): MeshError {
  return new MeshError("invalid-argument", `Certificate signing request rejected: ${reason}`);
}
