/**
 * ServiceAccount tokens: JSON Web Tokens signed ES256 with the cluster's key, with the claims that Kubernetes puts in
 * ("Managing Service Accounts", bound tokens; RFC 7519, RFC 7515).
 */
import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { Clock } from "#lib/clock.ts";

export interface TokenSpec {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly serviceAccountUid: string;
  /** Empty: the API server's own. */
  readonly audiences: readonly string[];
  /** Seconds. */
  readonly lifetime: number;
  readonly pod: { readonly name: string; readonly uid: string } | null;
}

/** What a valid signature and an unexpired time vouch for. */
export interface TokenClaims {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly serviceAccountUid: string;
  readonly audiences: readonly string[];
  readonly pod: { readonly name: string; readonly uid: string } | null;
}

/** Bytes of a token at most; longer ones are refused unread. */
const maxToken = 8192;

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function parse(part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    // Not JSON: whoever sent it is not known to us.
    return null;
  }
}

export interface TokenIssuerOptions {
  /** A P-256 private key, PEM. */
  readonly keyPem: string;
  /** The `iss` claim and the default audience, for example "https://kubernetes.default.svc.cluster.local". */
  readonly issuer: string;
  readonly clock: Clock;
}

export class TokenIssuer {
  readonly issuer: string;
  private readonly clock: Clock;
  private readonly privateKey: KeyObject;
  private readonly publicKey: KeyObject;
  private readonly keyId: string;

  constructor(options: TokenIssuerOptions) {
    this.issuer = options.issuer;
    this.clock = options.clock;
    this.privateKey = createPrivateKey(options.keyPem);
    this.publicKey = createPublicKey(this.privateKey);
    this.keyId = createHash("sha256")
      .update(this.publicKey.export({ type: "spki", format: "der" }))
      .digest("base64url");
  }

  /** `expires` is ms since 1970. */
  issue(spec: TokenSpec): { token: string; expires: number } {
    const now = Math.floor(this.clock.wall() / 1000);
    const claims = {
      aud: spec.audiences.length > 0 ? spec.audiences : [this.issuer],
      exp: now + spec.lifetime,
      iat: now,
      iss: this.issuer,
      jti: crypto.randomUUID(),
      "kubernetes.io": {
        namespace: spec.namespace,
        ...(spec.pod === null ? {} : { pod: spec.pod }),
        serviceaccount: { name: spec.serviceAccount, uid: spec.serviceAccountUid },
      },
      nbf: now,
      sub: `system:serviceaccount:${spec.namespace}:${spec.serviceAccount}`,
    };
    const signed = `${encode({ alg: "ES256", kid: this.keyId })}.${encode(claims)}`;
    const signature = sign("sha256", Buffer.from(signed), { key: this.privateKey, dsaEncoding: "ieee-p1363" });
    return { token: `${signed}.${signature.toString("base64url")}`, expires: (now + spec.lifetime) * 1000 };
  }

  /** The claims of a token of ours that is valid now, or null. Whether its objects still exist is the caller's question. */
  verify(token: string): TokenClaims | null {
    if (token.length > maxToken) return null;
    const [header = "", body = "", signature = "", ...rest] = token.split(".");
    if (rest.length > 0 || parse(header)?.["alg"] !== "ES256") return null;
    const key = { key: this.publicKey, dsaEncoding: "ieee-p1363" } as const;
    if (!verify("sha256", Buffer.from(`${header}.${body}`), key, Buffer.from(signature, "base64url"))) return null;
    const claims = parse(body);
    if (claims === null || claims["iss"] !== this.issuer) return null;
    const now = this.clock.wall() / 1000;
    if (!(Number(claims["exp"]) > now && Number(claims["nbf"]) <= now + 5)) return null;
    const bound = claims["kubernetes.io"] as {
      namespace: string;
      pod?: { name: string; uid: string };
      serviceaccount: { name: string; uid: string };
    };
    return {
      namespace: bound.namespace,
      serviceAccount: bound.serviceaccount.name,
      serviceAccountUid: bound.serviceaccount.uid,
      audiences: claims["aud"] as string[],
      pod: bound.pod ?? null,
    };
  }

  /** The public key as a JSON Web Key Set (RFC 7517), for GET /openid/v1/jwks. */
  keySet(): unknown {
    return { keys: [{ use: "sig", alg: "ES256", kid: this.keyId, ...this.publicKey.export({ format: "jwk" }) }] };
  }
}
