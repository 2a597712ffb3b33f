/** The keys that tokens are signed with (RFC 7517): what can be used of a set, and why nothing can. */

/** Signatures that are accepted (RFC 7518 §3.1). Never "none", never one by a shared secret. */
export type JwtAlgorithm = "RS256" | "ES256";

export interface JwtKey {
  /** Null: it has no name. */
  readonly id: string | null;
  readonly algorithm: JwtAlgorithm;
  /** Only the public members, as node:crypto reads them. */
  readonly jwk: Readonly<Record<string, string>>;
}

/** Longest set, in characters, and most keys of one. */
export const maxKeySetLength = 64 * 1024;
const maxKeys = 32;

/** RSA moduli, in bytes: smaller ones can be broken, larger ones only take time. */
const [minModulus, maxModulus] = [256, 1024];

/**
 * The usable keys; others (for encryption, of other algorithms) are left out, as the sets of issuers have them. Throws a
 * plain text when there is none, or when the set gives a secret away.
 */
export function readKeySet(text: string): readonly JwtKey[] {
  if (text.length > maxKeySetLength) throw new KeySetError(`is longer than ${maxKeySetLength} characters`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new KeySetError("is not JSON");
  }
  const list = isRecord(parsed) ? parsed["keys"] : undefined;
  if (!Array.isArray(list)) throw new KeySetError('has no list "keys"');
  if (list.length > maxKeys) throw new KeySetError(`has more than ${maxKeys} keys`);
  const keys: JwtKey[] = [];
  for (const entry of list as unknown[]) {
    if (!isRecord(entry)) throw new KeySetError("has a key that is no object");
    if (entry["kty"] === "oct") throw new KeySetError("has a shared secret; whoever checks tokens could make them");
    if ("d" in entry) throw new KeySetError("has a private key; use the public one");
    const key = readKey(entry);
    if (key === null) continue;
    if (keys.some(({ id, algorithm }) => id === key.id && algorithm === key.algorithm)) {
      throw new KeySetError(`has several keys ${key.id === null ? "without kid" : `"${key.id}"`} for ${key.algorithm}`);
    }
    keys.push(key);
  }
  if (keys.length === 0) throw new KeySetError("has no key for RS256 or ES256");
  return keys;
}

/** What is wrong with a set, to follow its name. */
export class KeySetError extends Error {}

function readKey(entry: Readonly<Record<string, unknown>>): JwtKey | null {
  const { kty, use = "sig", alg, kid = null, crv } = entry;
  if (use !== "sig" || (kid !== null && typeof kid !== "string")) return null;
  const members = (...names: string[]): Record<string, string> | null => {
    const found = names.map((name) => [name, entry[name]] as const);
    const good = found.every(([, value]) => typeof value === "string" && /^[A-Za-z0-9_-]+$/.test(value));
    return good ? (Object.fromEntries(found) as Record<string, string>) : null;
  };
  const bytes = (text: string | undefined): number => Buffer.from(text ?? "", "base64url").length;
  if (kty === "RSA" && (alg === undefined || alg === "RS256")) {
    const jwk = members("n", "e");
    const length = bytes(jwk?.["n"]);
    if (jwk === null || length < minModulus || length > maxModulus || bytes(jwk["e"]) > 8) return null;
    return { id: kid, algorithm: "RS256", jwk: { kty, ...jwk } };
  }
  if (kty === "EC" && crv === "P-256" && (alg === undefined || alg === "ES256")) {
    const jwk = members("x", "y");
    return jwk === null || bytes(jwk["x"]) !== 32 || bytes(jwk["y"]) !== 32
      ? null
      : { id: kid, algorithm: "ES256", jwk: { kty, crv, ...jwk } };
  }
  return null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
