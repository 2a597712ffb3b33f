/** Certificate signing requests (PKCS #10, RFC 2986) with ECDSA P-256. */
import { createPublicKey, verify } from "node:crypto";
import { MeshError } from "../errors.ts";
import { altNamesExtension, noAltNames, oidAltNames, readAltNames, readExtensions } from "./alt-names.ts";
import type { AltNames } from "./alt-names.ts";
import { bitString, context, der, DerReader, integer, oid, sequence, tags } from "./der.ts";
import { keyType } from "./key.ts";
import type { Key } from "./key.ts";
import { commonName, readCommonName } from "./name.ts";

export const oidEcdsaSha256 = "1.2.840.10045.4.3.2";
const oidExtensionRequest = "1.2.840.113549.1.9.14";

/** A request for a leaf with this one DNS name, also as common name: what Linkerd's identity service accepts. */
export function createCsr(key: Key, dnsName: string): Uint8Array {
  const info = sequence(
    integer(Uint8Array.of(0)),
    commonName(dnsName),
    key.publicKeyDer,
    context(0, sequence(oid(oidExtensionRequest), der(tags.set, sequence(altNamesExtension({ dns: [dnsName] }))))),
  );
  return sequence(info, sequence(oid(oidEcdsaSha256)), bitString(key.sign(info)));
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
  const key = createPublicKey({ key: Buffer.from(publicKeyDer), format: "der", type: "spki" });
  if (signature[0] !== 0 || !verify("sha256", info.whole, key, signature.subarray(1))) {
    throw rejected("its signature is wrong");
  }
  return {
    subjectCn,
    dnsNames: names?.dns ?? [],
    otherSans: names !== null && (names.others || names.uri.length + names.ip.length > 0),
    publicKeyDer,
  };
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
