/**
 * Keys and signatures by the runtime's WebCrypto, for programs that can wait for an answer: it costs 0.2 MB of private
 * memory where node:crypto costs 1.7 MB, and a proxy needs it once a day.
 */
import { MeshError } from "../errors.ts";
import { mayIssue, type Certificate } from "./certificate.ts";
import { bitString, DerReader, integer, oid, sequence, tags } from "./der.ts";
import type { KeyType } from "./key.ts";
import { encodePem } from "./pem.ts";

/** An ECDSA P-256 key. */
export interface WebKey {
  /** PKCS#8, PEM. A secret. */
  readonly privateKeyPem: string;
  /** PKCS#8, DER: the content of Linkerd's key.p8. A secret. */
  readonly privateKeyDer: Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeyDer: Uint8Array;
  /** An ECDSA signature with SHA-256, DER. */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

const p256 = { name: "ECDSA", namedCurve: "P-256" } as const;

/** A new P-256 key. */
export async function createWebKey(): Promise<WebKey> {
  const { privateKey } = await crypto.subtle.generateKey(p256, true, ["sign"]);
  return await wrap(privateKey, new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey)));
}

/** Reads PKCS#8 DER; throws "invalid-argument" for anything but P-256. Never quotes the key. */
export async function loadWebKey(pkcs8: Uint8Array): Promise<WebKey> {
  try {
    const key = await crypto.subtle.importKey("pkcs8", own(pkcs8), p256, true, ["sign"]);
    return await wrap(key, pkcs8);
  } catch (error) {
    throw new MeshError("invalid-argument", "Reading a P-256 private key failed", { cause: error });
  }
}

async function wrap(privateKey: CryptoKey, privateKeyDer: Uint8Array): Promise<WebKey> {
  const { x = "", y = "" } = await crypto.subtle.exportKey("jwk", privateKey);
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
  return {
    privateKeyPem: encodePem("PRIVATE KEY", privateKeyDer),
    privateKeyDer,
    publicKeyDer: sequence(sequence(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")), bitString(point)),
    async sign(data) {
      const raw = new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, own(data)));
      return sequence(integer(raw.subarray(0, 32)), integer(raw.subarray(32)));
    },
  };
}

type Hash = "SHA-256" | "SHA-384" | "SHA-512";
/** Signature algorithms of certificates (RFC 5758, RFC 8017, RFC 8410). */
const algorithms: Readonly<Record<string, readonly [name: "ECDSA" | "RSASSA-PKCS1-v1_5" | "Ed25519", hash: Hash]>> = {
  "1.2.840.10045.4.3.2": ["ECDSA", "SHA-256"],
  "1.2.840.10045.4.3.3": ["ECDSA", "SHA-384"],
  "1.2.840.10045.4.3.4": ["ECDSA", "SHA-512"],
  "1.2.840.113549.1.1.11": ["RSASSA-PKCS1-v1_5", "SHA-256"],
  "1.2.840.113549.1.1.12": ["RSASSA-PKCS1-v1_5", "SHA-384"],
  "1.2.840.113549.1.1.13": ["RSASSA-PKCS1-v1_5", "SHA-512"],
  "1.3.101.112": ["Ed25519", "SHA-512"],
};
const curves: Partial<Readonly<Record<KeyType, readonly [name: string, coordinateBytes: number]>>> = {
  "ecdsa-p256": ["P-256", 32],
  "ecdsa-p384": ["P-384", 48],
  "ecdsa-p521": ["P-521", 66],
};

/** Whether `issuer` is a CA whose name and signature `certificate` carries; no for algorithms that nobody should use. */
async function carriesSignature(certificate: Certificate, issuer: Certificate): Promise<boolean> {
  if (!mayIssue(certificate, issuer)) return false;
  const parts = new DerReader(certificate.der).enter(tags.sequence);
  const signed = parts.expect(tags.sequence);
  const outside = parts.expect(tags.sequence);
  const signature = parts.expect(tags.bitString).content;
  const body = new DerReader(signed.content);
  body.optional(0xa0);
  body.expect(tags.integer);
  // The algorithm is told twice; only the inner one is signed (RFC 5280 §4.1.1.2).
  if (Buffer.compare(body.expect(tags.sequence).whole, outside.whole) !== 0 || signature[0] !== 0) return false;
  const algorithm = algorithms[new DerReader(outside.content).oid()];
  if (algorithm === undefined) return false;
  const [name, hash] = algorithm;
  const [namedCurve, size] = curves[issuer.keyType] ?? ["", 0];
  if ((name === "ECDSA") !== size > 0) return false;
  try {
    const key = await crypto.subtle.importKey(
      "spki",
      own(issuer.publicKeyDer),
      name === "ECDSA" ? { name, namedCurve } : { name, hash },
      false,
      ["verify"],
    );
    const bytes = signature.subarray(1);
    const raw = name === "ECDSA" ? fixedSize(bytes, size) : bytes;
    return await crypto.subtle.verify(name === "ECDSA" ? { name, hash } : { name }, key, own(raw), own(signed.whole));
  } catch (error) {
    throw new MeshError("invalid-argument", "Checking a certificate's signature failed", { cause: error });
  }
}

/** ECDSA's two numbers from DER, each padded to the length of a coordinate. */
function fixedSize(signature: Uint8Array, size: number): Uint8Array {
  const numbers = new DerReader(signature).enter(tags.sequence);
  const out = new Uint8Array(2 * size);
  for (const end of [size, 2 * size]) {
    let number = numbers.expect(tags.integer).content;
    while (number.length > size && number[0] === 0) number = number.subarray(1);
    if (number.length > size)
      throw new MeshError("invalid-argument", "Reading DER: a number of a signature is too long");
    out.set(number, end - number.length);
  }
  numbers.end();
  return out;
}

/** In memory of its own, as the runtime's types ask for. */
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

/**
 * Checks who of `issuers` signed which of `certificates`, and gives the answers as the function that `verifyChain` wants.
 * It says no for certificates that were not among these.
 */
export async function checkSignatures(
  certificates: readonly Certificate[],
  issuers: readonly Certificate[],
): Promise<(certificate: Certificate, issuer: Certificate) => boolean> {
  const signed = new Map<Certificate, Set<Certificate>>();
  for (const certificate of certificates) {
    const by = new Set<Certificate>();
    for (const issuer of issuers) if (await carriesSignature(certificate, issuer)) by.add(issuer);
    signed.set(certificate, by);
  }
  return (certificate, issuer) => signed.get(certificate)?.has(issuer) === true;
}
