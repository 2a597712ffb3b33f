/** ECDSA P-256 keys, by node:crypto. Proxies use {@link file://./web-key.ts} instead. */
import type { KeyObject } from "node:crypto";
import { MeshError } from "../errors.ts";
import { DerReader, tags } from "./der.ts";
import { nodeCrypto } from "./node-crypto.ts";

export interface Key {
  /** PKCS#8, PEM. A secret. */
  readonly privateKeyPem: string;
  /** PKCS#8, DER: the content of Linkerd's key.p8. A secret. */
  readonly privateKeyDer: Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeyDer: Uint8Array;
  /** An ECDSA signature with SHA-256, DER. */
  sign(data: Uint8Array): Uint8Array;
}

/** What a public key is, for rules such as "issuers use ECDSA P-256, anchors also RSA 2048 or 4096". */
export type KeyType = "ecdsa-p256" | "ecdsa-p384" | "ecdsa-p521" | "ed25519" | `rsa-${number}` | "other";

function wrap(privateKey: KeyObject): Key {
  const { createPublicKey, sign } = nodeCrypto();
  const publicKeyDer = new Uint8Array(createPublicKey(privateKey).export({ type: "spki", format: "der" }));
  const type = keyType(publicKeyDer);
  if (type !== "ecdsa-p256") {
    throw new MeshError("invalid-argument", `A key of type "${type}" where ECDSA P-256 is needed`);
  }
  return {
    privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    privateKeyDer: new Uint8Array(privateKey.export({ type: "pkcs8", format: "der" })),
    publicKeyDer,
    sign: (data) => new Uint8Array(sign("sha256", data, privateKey)),
  };
}

/** A new P-256 key. */
export function createKey(): Key {
  return wrap(nodeCrypto().generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
}

/** Reads PEM (PKCS#8 or SEC1) or PKCS#8 DER; throws "invalid-argument" for anything but P-256. Never quotes the key. */
export function loadKey(key: string | Uint8Array): Key {
  const { createPrivateKey } = nodeCrypto();
  try {
    return wrap(
      typeof key === "string"
        ? createPrivateKey(key)
        : createPrivateKey({ key: Buffer.from(key), format: "der", type: "pkcs8" }),
    );
  } catch (error) {
    if (error instanceof MeshError) throw error;
    throw new MeshError("invalid-argument", "Reading a private key failed", { cause: error });
  }
}

const oidEcPublicKey = "1.2.840.10045.2.1";
const oidRsa = "1.2.840.113549.1.1.1";
const oidEd25519 = "1.3.101.112";
const curves: Readonly<Record<string, readonly [type: KeyType, pointBytes: number]>> = {
  "1.2.840.10045.3.1.7": ["ecdsa-p256", 65],
  "1.3.132.0.34": ["ecdsa-p384", 97],
  "1.3.132.0.35": ["ecdsa-p521", 133],
};

/** The type of a SubjectPublicKeyInfo. Whether the key can be used at all shows when it is. */
export function keyType(publicKeyDer: Uint8Array): KeyType {
  try {
    const outer = new DerReader(publicKeyDer);
    const info = outer.enter(tags.sequence);
    outer.end();
    const algorithm = info.enter(tags.sequence);
    const id = algorithm.oid();
    const key = info.expect(tags.bitString).content;
    info.end();
    if (key[0] !== 0) throw new MeshError("invalid-argument", "Reading DER: a key of broken bytes");
    switch (id) {
      case oidEcPublicKey: {
        const [type, pointBytes] = curves[algorithm.oid()] ?? ["other", key.length - 1];
        // Uncompressed points only (RFC 5480 §2.2), as everybody uses them.
        if (type !== "other" && (key.length - 1 !== pointBytes || key[1] !== 4)) {
          throw new MeshError("invalid-argument", "Reading DER: a key that is no point");
        }
        return type;
      }
      case oidRsa: {
        const modulus = new DerReader(key.subarray(1)).enter(tags.sequence).expect(tags.integer).content;
        return `rsa-${bits(modulus)}`;
      }
      case oidEd25519:
        return "ed25519";
      default:
        return "other";
    }
  } catch (error) {
    throw new MeshError("invalid-argument", "Reading a public key failed", { cause: error });
  }
}

/** The length of a big-endian number without its leading zeros. */
function bits(number: Uint8Array): number {
  const first = number.findIndex((octet) => octet !== 0);
  if (first < 0) return 0;
  return (number.length - first - 1) * 8 + (32 - Math.clz32(number[first] ?? 0));
}
