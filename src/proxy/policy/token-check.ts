/** Whether requests bring the token that an authorization asks for. */
import { readKeySet, KeySetError, type JwtKey } from "#lib/jwt/key-set.ts";
import { type JwtDemand, type JwtResult, maxTokenLength, verifyToken } from "#lib/jwt/verify.ts";
import { nodeCrypto } from "#lib/x509/node-crypto.ts";
import type { FlatHeaders } from "#wire/http1/head.ts";

export interface TokenOptions extends Omit<JwtDemand, "keys"> {
  /** As the issuer publishes it; "": there is none. */
  readonly keySet: string;
}

/** Good tokens that are remembered; of more the oldest is forgotten and checked anew. */
export const maxKnownTokens = 1024;

const missing: JwtResult = { kind: "invalid", why: "The request has no token" };
const twofold: JwtResult = { kind: "invalid", why: "The request has several Authorization headers" };
const noKeys: JwtResult = { kind: "invalid", why: "The issuer's keys are not available" };
export const isMissing = (result: JwtResult): boolean => result === missing;

export class TokenCheck {
  private readonly demand: JwtDemand;
  /** Until when, by digest. Only what was signed by the issuer is kept: others can't crowd it out. */
  private readonly known = new Map<string, number>();

  constructor({ keySet, ...options }: TokenOptions) {
    this.demand = { ...options, keys: keysOf(keySet) };
  }

  /** `wall`: ms since 1970. */
  check(headers: FlatHeaders, wall: number): JwtResult {
    const token = bearer(headers);
    if (typeof token !== "string") return token;
    if (this.demand.keys.length === 0) return noKeys;
    if (token.length > maxTokenLength) return verifyToken(token, this.demand, wall);
    const digest = nodeCrypto().createHash("sha256").update(token).digest("base64");
    const until = this.known.get(digest);
    if (until !== undefined) {
      if (wall < until) return { kind: "valid", until };
      this.known.delete(digest);
    }
    const result = verifyToken(token, this.demand, wall);
    if (result.kind === "valid") this.remember(digest, result.until);
    return result;
  }

  get knownTokens(): number {
    return this.known.size;
  }

  private remember(digest: string, until: number): void {
    if (this.known.size >= maxKnownTokens) {
      const [oldest] = this.known.keys();
      if (oldest !== undefined) this.known.delete(oldest);
    }
    this.known.set(digest, until);
  }
}

/** Of `Authorization: Bearer` (RFC 6750 §2.1). With two headers the application might read the other one. */
function bearer(headers: FlatHeaders): string | JwtResult {
  let found: string | null = null;
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] !== "authorization") continue;
    if (found !== null) return twofold;
    found = headers[at + 1] ?? "";
  }
  const token = found === null ? null : /^bearer +(\S+) *$/i.exec(found);
  return token?.[1] ?? missing;
}

/** None when the set can't be read: then nobody has a good token. */
function keysOf(keySet: string): readonly JwtKey[] {
  try {
    return keySet === "" ? [] : readKeySet(keySet);
  } catch (thrown) {
    if (thrown instanceof KeySetError) return [];
    throw thrown;
  }
}
