/** For tests: an issuer with a key of each kind, and tokens as good or as bad as wanted. */
import { createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export const testIssuer = "https://issuer.test";

export class TestIssuer {
  readonly rsa: Pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  readonly ec: Pair = generateKeyPairSync("ec", { namedCurve: "P-256" });

  get keySet(): string {
    const key = ({ publicKey }: Pair, kid: string) => ({ ...publicKey.export({ format: "jwk" }), kid, use: "sig" });
    return JSON.stringify({ keys: [key(this.rsa, "rsa"), key(this.ec, "ec")] });
  }

  /** Good for audience "api" from 1970 to 2100, but for what is said. */
  token(claims: object = {}, header: { alg?: string; [name: string]: unknown } = {}): string {
    const { alg = "RS256" } = header;
    const said = { iss: testIssuer, aud: "api", exp: 4_102_444_800, sub: "alice", ...claims };
    const signed = `${encoded({ alg, kid: alg === "ES256" ? "ec" : "rsa", ...header })}.${encoded(said)}`;
    return `${signed}.${this.signature(alg, signed)}`;
  }

  private signature(alg: string, signed: string): string {
    const bytes = Buffer.from(signed);
    if (alg === "ES256")
      return sign("sha256", bytes, { key: this.ec.privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url");
    if (alg === "RS256") return sign("sha256", bytes, this.rsa.privateKey).toString("base64url");
    if (alg !== "HS256") return "AA";
    // The confusion of old: the public key as shared secret.
    const secret = this.rsa.publicKey.export({ type: "spki", format: "pem" });
    return createHmac("sha256", secret).update(signed).digest("base64url");
  }
}

export function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
