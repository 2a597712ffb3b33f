/** Whether a token (RFC 7519) is what somebody asks for. No state, no clock. */
import { nodeCrypto } from "../x509/node-crypto.ts";
import type { JwtKey } from "./key-set.ts";

export interface JwtDemand {
  readonly issuer: string;
  /** One of them is enough. */
  readonly audiences: readonly string[];
  /** All of them; of each one value is enough. */
  readonly claims: ReadonlyArray<{ readonly name: string; readonly values: readonly string[] }>;
  readonly keys: readonly JwtKey[];
}

export type JwtResult =
  /** `until`: ms since 1970, the leeway included. */
  | { readonly kind: "valid"; readonly until: number }
  /** No token, or one that counts for nothing. Texts are ours alone, never the token's. */
  | { readonly kind: "invalid"; readonly why: string }
  /** A good token that says too little. */
  | { readonly kind: "insufficient"; readonly why: string };

/** Longest token, in characters. */
export const maxTokenLength = 8192;
/** How far clocks may differ, ms. */
const leeway = 30_000;

export const otherIssuer = "The token is of another issuer";

const invalid = (why: string): JwtResult => ({ kind: "invalid", why });

/** `now`: ms since 1970. What is cheap is looked at first; nothing of it is believed before the signature is. */
export function verifyToken(token: string, demand: JwtDemand, now: number): JwtResult {
  if (token.length > maxTokenLength) return invalid("The token is too long");
  const parts = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/.exec(token);
  const [, first = "", second = "", third = ""] = parts ?? [];
  const header = record(first);
  const claims = record(second);
  if (parts === null || header === null || claims === null) return invalid("The token is malformed");
  // Extensions that must be understood (RFC 7515 §4.1.11): none is.
  if (Object.hasOwn(header, "crit")) return invalid("The token is malformed");
  if (claims["iss"] !== demand.issuer) return invalid(otherIssuer);
  const audience = texts(claims["aud"]);
  if (!demand.audiences.some((name) => audience.includes(name))) return invalid("The token is for another audience");
  const { exp, nbf } = claims;
  if (typeof exp !== "number" || !Number.isFinite(exp)) return invalid("The token has no expiry");
  const until = exp * 1000 + leeway;
  if (until <= now) return invalid("The token has expired");
  if (nbf !== undefined && !(typeof nbf === "number" && nbf * 1000 <= now + leeway))
    return invalid("The token is not valid yet");
  const { alg, kid } = header;
  const fitting = demand.keys.filter(({ algorithm }) => algorithm === alg);
  if (fitting.length === 0) return invalid("The token's algorithm is not accepted");
  // Without a name it can only be the one that there is.
  const key =
    kid === undefined ? (fitting.length === 1 ? fitting[0] : undefined) : fitting.find(({ id }) => id === kid);
  if (key === undefined) return invalid("The token's key is not known");
  if (!isSigned(`${first}.${second}`, third, key)) return invalid("The token's signature is wrong");
  for (const { name, values } of demand.claims) {
    const said = texts(Object.hasOwn(claims, name) ? claims[name] : undefined);
    // Scopes are words of one text (RFC 8693 §4.2).
    const words = name === "scope" ? said.flatMap((text) => text.split(" ")) : said;
    if (!values.some((value) => words.includes(value)))
      return { kind: "insufficient", why: "The token lacks a claim that is needed" };
  }
  return { kind: "valid", until };
}

/** The algorithm is the key's: what the token says has only chosen among keys. */
function isSigned(signed: string, signature: string, { algorithm, jwk }: JwtKey): boolean {
  const crypto = nodeCrypto();
  try {
    const key = crypto.createPublicKey({ key: { ...jwk }, format: "jwk" });
    const encoding = algorithm === "ES256" ? ({ dsaEncoding: "ieee-p1363" } as const) : {};
    return crypto.verify("sha256", Buffer.from(signed), { key, ...encoding }, Buffer.from(signature, "base64url"));
  } catch {
    // A point that is not on the curve, and the like: such a key has signed nothing.
    return false;
  }
}

function record(part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    // Not JSON: no token.
    return null;
  }
}

/** A claim's values as texts. */
function texts(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.flatMap((one) =>
    typeof one === "string" || typeof one === "number" || typeof one === "boolean" ? [String(one)] : [],
  );
}
