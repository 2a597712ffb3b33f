import { describe, expect, test } from "bun:test";
import { readKeySet } from "./key-set.ts";
import { encoded, testIssuer, TestIssuer } from "./testing/issuer.ts";
import { type JwtDemand, maxTokenLength, verifyToken } from "./verify.ts";

const issuer = new TestIssuer();
const other = new TestIssuer();
const now = 1_800_000_000_000;
const demand: JwtDemand = {
  issuer: testIssuer,
  audiences: ["api", "web"],
  claims: [],
  keys: readKeySet(issuer.keySet),
};
const judged = (token: string, of: Partial<JwtDemand> = {}): string => {
  const result = verifyToken(token, { ...demand, ...of }, now);
  return result.kind === "valid" ? "valid" : `${result.kind}: ${result.why}`;
};
const seconds = now / 1000;

describe("A token", () => {
  test("is good by RS256 and ES256, for one of several audiences, without a kid where there is one key", () => {
    expect(judged(issuer.token())).toBe("valid");
    expect(judged(issuer.token({}, { alg: "ES256" }))).toBe("valid");
    expect(judged(issuer.token({ aud: ["x", "web"] }))).toBe("valid");
    expect(judged(issuer.token({}, { kid: undefined }))).toBe("valid");
  });

  const good = issuer.token();
  const [head = "", body = "", signature = ""] = good.split(".");
  const forged = encoded({ iss: testIssuer, aud: "api", exp: 4_102_444_800, sub: "root" });
  test.each([
    ["alg none", issuer.token({}, { alg: "none" }), "The token's algorithm is not accepted"],
    ["alg none without signature", `${encoded({ alg: "none" })}.${body}.`, "The token is malformed"],
    ["HS256 by the public key", issuer.token({}, { alg: "HS256" }), "The token's algorithm is not accepted"],
    [
      "an algorithm that is no text",
      issuer.token({}, { alg: ["RS256"] as never }),
      "The token's algorithm is not accepted",
    ],
    ["another key's kid", issuer.token({}, { kid: "ec" }), "The token's key is not known"],
    ["an unknown kid", issuer.token({}, { kid: "x" }), "The token's key is not known"],
    ["a kid that is no text", issuer.token({}, { kid: null }), "The token's key is not known"],
    ["RS256 by somebody else", other.token(), "The token's signature is wrong"],
    ["ES256 by somebody else", other.token({}, { alg: "ES256" }), "The token's signature is wrong"],
    [
      "a key that it brings along",
      other.token({}, { jwk: other.rsa.publicKey.export({ format: "jwk" }) }),
      "The token's signature is wrong",
    ],
    ["other claims", `${head}.${forged}.${signature}`, "The token's signature is wrong"],
    ["a cut signature", good.slice(0, -4), "The token's signature is wrong"],
    [
      "an ES256 signature of zeros",
      `${encoded({ alg: "ES256", kid: "ec" })}.${body}.${Buffer.alloc(64).toString("base64url")}`,
      "The token's signature is wrong",
    ],
    ["an extension that must be understood", issuer.token({}, { crit: ["b64"], b64: false }), "The token is malformed"],
    ["five parts", `${good}.a.b`, "The token is malformed"],
    ["text that is not base64url", good.replace(".", ".="), "The token is malformed"],
    ["a body that is no object", `${head}.${encoded([1])}.${signature}`, "The token is malformed"],
    ["nothing", "", "The token is malformed"],
    ["too much", issuer.token({ fat: "x".repeat(maxTokenLength) }), "The token is too long"],
    ["another issuer", issuer.token({ iss: "https://evil.test" }), "The token is of another issuer"],
    ["another audience", issuer.token({ aud: "db" }), "The token is for another audience"],
    ["no audience", issuer.token({ aud: undefined }), "The token is for another audience"],
    ["an end", issuer.token({ exp: seconds - 31 }), "The token has expired"],
    ["no expiry", issuer.token({ exp: undefined }), "The token has no expiry"],
    ["an expiry that is no number", issuer.token({ exp: "4102444800" }), "The token has no expiry"],
    ["a time to come", issuer.token({ nbf: seconds + 31 }), "The token is not valid yet"],
    ["a beginning that is no number", issuer.token({ nbf: "0" }), "The token is not valid yet"],
  ])("with %s is not", (_what, token, why) => {
    expect(judged(token)).toBe(`invalid: ${why}`);
  });

  test("may be wrong by the clocks' difference", () => {
    expect(judged(issuer.token({ exp: seconds - 29, nbf: seconds + 29 }))).toBe("valid");
  });

  test("needs all claims, of each one value, in lists and scopes too", () => {
    const claims = [
      { name: "groups", values: ["admin", "ops"] },
      { name: "scope", values: ["orders:write"] },
      { name: "level", values: ["3"] },
    ];
    const said = { groups: ["dev", "ops"], scope: "orders:read orders:write", level: 3 };
    expect(judged(issuer.token(said), { claims })).toBe("valid");
    const lacks = "insufficient: The token lacks a claim that is needed";
    expect(judged(issuer.token({ ...said, groups: ["dev"] }), { claims })).toBe(lacks);
    expect(judged(issuer.token({ ...said, scope: "orders:writer" }), { claims })).toBe(lacks);
    expect(judged(issuer.token(), { claims: [{ name: "constructor", values: ["x"] }] })).toBe(lacks);
  });
});

describe("readKeySet", () => {
  const rsa = { ...issuer.rsa.publicKey.export({ format: "jwk" }), kid: "a" };
  const set = (...keys: unknown[]): string => JSON.stringify({ keys });
  test("takes the keys that can be used and leaves others out", () => {
    const keys = readKeySet(
      set(rsa, { ...rsa, kid: "b", use: "enc" }, { kty: "OKP", kid: "c" }, { ...rsa, kid: "d", alg: "RS512" }),
    );
    expect(keys.map(({ id, algorithm }) => `${id} ${algorithm}`)).toEqual(["a RS256"]);
    expect(Object.keys(keys[0]?.jwk ?? {})).toEqual(["kty", "n", "e"]);
  });
  test.each([
    ["{", "is not JSON"],
    ["[]", 'has no list "keys"'],
    [set(), "has no key for RS256 or ES256"],
    [set({ ...rsa, n: "AQAB" }), "has no key for RS256 or ES256"],
    [set({ kty: "oct", k: "c2VjcmV0" }), "has a shared secret; whoever checks tokens could make them"],
    [set(issuer.rsa.privateKey.export({ format: "jwk" })), "has a private key; use the public one"],
    [set(rsa, rsa), 'has several keys "a" for RS256'],
    [set(...Array.from({ length: 33 }, () => rsa)), "has more than 32 keys"],
    [" ".repeat(65_537), "is longer than 65536 characters"],
  ])("refuses %s", (text, why) => {
    expect(() => readKeySet(text)).toThrow(why);
  });
});
