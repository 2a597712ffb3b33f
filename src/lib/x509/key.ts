/** ECDSA P-256 keys. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { MeshError } from "../errors.ts";

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
  const publicKey = createPublicKey(privateKey);
  if (keyTypeOf(publicKey) !== "ecdsa-p256") {
    throw new MeshError("invalid-argument", `A key of type "${keyTypeOf(publicKey)}" where ECDSA P-256 is needed`);
  }
  return {
    privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    privateKeyDer: new Uint8Array(privateKey.export({ type: "pkcs8", format: "der" })),
    publicKeyDer: new Uint8Array(publicKey.export({ type: "spki", format: "der" })),
    sign: (data) => new Uint8Array(sign("sha256", data, privateKey)),
  };
}

/** A new P-256 key. */
export function createKey(): Key {
  return wrap(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
}

/** Reads PEM (PKCS#8 or SEC1) or PKCS#8 DER; throws "invalid-argument" for anything but P-256. Never quotes the key. */
export function loadKey(key: string | Uint8Array): Key {
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

/** The type of a SubjectPublicKeyInfo. */
export function keyType(publicKeyDer: Uint8Array): KeyType {
  try {
    return keyTypeOf(createPublicKey({ key: Buffer.from(publicKeyDer), format: "der", type: "spki" }));
  } catch (error) {
    throw new MeshError("invalid-argument", "Reading a public key failed", { cause: error });
  }
}

function keyTypeOf(key: KeyObject): KeyType {
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === "ed25519") return "ed25519";
  if (key.asymmetricKeyType === "rsa") return `rsa-${details?.modulusLength ?? 0}`;
  if (key.asymmetricKeyType !== "ec") return "other";
  switch (details?.namedCurve) {
    case "prime256v1":
    case "P-256":
      return "ecdsa-p256";
    case "secp384r1":
    case "P-384":
      return "ecdsa-p384";
    case "secp521r1":
    case "P-521":
      return "ecdsa-p521";
    default:
      return "other";
  }
}
