/** A Server that asks for tokens (RFC 7519), through a whole proxy. */
import { describe, expect, test } from "bun:test";
import { encoded, testIssuer, TestIssuer } from "#lib/jwt/testing/issuer.ts";
import { ipMessage } from "#rpc/address.ts";
import { TokenCheck, maxKnownTokens } from "../policy/token-check.ts";
import { eventually, makeBed } from "./bed.ts";

const bed = makeBed();
const issuer = new TestIssuer();
const other = new TestIssuer();

const network = [{ net: { ip: ipMessage("127.0.0.0"), prefixLen: 8 } }];
const authz = (name: string, permit: object = { case: "unauthenticated", value: {} }) => ({
  networks: network,
  authentication: { permit },
  metadata: { kind: { case: "resource", value: { group: "policy.linkerd.io", kind: "authorizationpolicy", name } } },
});
const meshed = { case: "meshTLS", value: { clients: { case: "identities", value: { suffixes: [{ parts: [] }] } } } };
const byToken = (more: object = {}) => ({
  authz: authz("tokens"),
  issuer: testIssuer,
  audiences: ["api"],
  keySet: issuer.keySet,
  ...more,
});

/** A proxy before an application, with this policy, and how often the application was asked. */
async function inbound(policy: object, routes: readonly object[] = []) {
  let asked = 0;
  const { port } = bed.app(() => {
    asked++;
    return new Response("ok");
  });
  bed.control.setPolicy(port, {
    protocol: { kind: { case: "http1", value: { routes } } },
    labels: { group: "policy.linkerd.io", kind: "server", name: "web" },
    ...policy,
  } as never);
  const proxy = await bed.proxy({ inboundDst: { ip: "127.0.0.1", port }, env: { INBOUND_PORTS: String(port) } });
  await eventually(() => bed.control.calls.some((call) => call.includes(String(port))));
  await Bun.sleep(20);
  const get = async (token: string | null, more: { path?: string; headers?: Record<string, string> } = {}) => {
    const headers = { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...more.headers };
    const response = await fetch(`${proxy.inboundUrl}${more.path ?? "/"}`, { headers });
    await response.arrayBuffer();
    return [response.status, response.headers.get("www-authenticate")] as const;
  };
  return { proxy, get, asked: () => asked };
}

const bad = (why: string) => [401, `Bearer error="invalid_token", error_description="${why}"`] as const;

describe("a Server that asks for a token", () => {
  test("lets good ones through, asks who has none for one, and counts both", async () => {
    const { proxy, get, asked } = await inbound({ jwtAuthorizations: [byToken()] });
    expect(await get(null)).toEqual([401, "Bearer"]);
    expect(await get(null, { headers: { authorization: "Basic YTpi" } })).toEqual([401, "Bearer"]);
    expect(asked()).toBe(0);
    expect(await get(issuer.token())).toEqual([200, null]);
    expect(await get(issuer.token({}, { alg: "ES256" }))).toEqual([200, null]);
    expect(asked()).toBe(2);
    expect(proxy.series("inbound_http_authz_allow_total", 'authz_name="tokens"')[0]).toEndWith(" 2");
    expect(proxy.series("inbound_http_authz_deny_total", 'srv_name="web"')[0]).toEndWith(" 2");
    expect(proxy.series("inbound_http_errors_total", 'error="unauthenticated"')[0]).toEndWith(" 2");
  });

  test("lets no forgery through", async () => {
    const { get, asked } = await inbound({ jwtAuthorizations: [byToken()] });
    const [, body = ""] = issuer.token().split(".");
    expect(await get(issuer.token({}, { alg: "none" }))).toEqual(bad("The token's algorithm is not accepted"));
    expect(await get(`${encoded({ alg: "none" })}.${body}.`)).toEqual(bad("The token is malformed"));
    expect(await get(issuer.token({}, { alg: "HS256" }))).toEqual(bad("The token's algorithm is not accepted"));
    expect(await get(issuer.token({}, { kid: "ec" }))).toEqual(bad("The token's key is not known"));
    expect(await get(other.token())).toEqual(bad("The token's signature is wrong"));
    expect(await get(issuer.token({ exp: 1_000_000 }))).toEqual(bad("The token has expired"));
    expect(await get(issuer.token({ aud: "db" }))).toEqual(bad("The token is for another audience"));
    expect(await get(issuer.token({ iss: "https://evil.test" }))).toEqual(bad("The token is of another issuer"));
    expect(await get(issuer.token({ fat: "x".repeat(10_000) }))).toEqual(bad("The token is too long"));
    expect(asked()).toBe(0);
  });

  test("takes neither of two Authorization headers", async () => {
    const { proxy, asked } = await inbound({ jwtAuthorizations: [byToken()] });
    const client = await bed.wireClient(proxy, "inbound");
    const line = `authorization: Bearer ${issuer.token()}\r\n`;
    client.send(`GET / HTTP/1.1\r\nhost: a\r\n${line}${line}connection: close\r\n\r\n`);
    expect(await client.rest()).toMatch(/^HTTP\/1.1 40[01]/);
    expect(asked()).toBe(0);
  });

  test("answers gRPC with UNAUTHENTICATED", async () => {
    const { get } = await inbound({ jwtAuthorizations: [byToken()] });
    expect((await get(null, { headers: { "content-type": "application/grpc" } }))[0]).toBe(200);
    const { proxy, asked } = await inbound({ jwtAuthorizations: [byToken()] });
    const response = await fetch(proxy.inboundUrl, { method: "POST", headers: { "content-type": "application/grpc" } });
    expect([response.headers.get("grpc-status"), asked()]).toEqual(["16", 0]);
  });

  test("answers 403 to a good token without the claims, and where no token would help", async () => {
    const claims = [{ name: "groups", values: ["admin"] }];
    const server = await inbound({ jwtAuthorizations: [byToken({ claims })] });
    expect(await server.get(issuer.token({ groups: ["admin"] }))).toEqual([200, null]);
    expect(await server.get(issuer.token({ groups: ["dev"] }))).toEqual([403, null]);
    const forMesh = await inbound({ jwtAuthorizations: [byToken({ authz: authz("mesh", meshed) })] });
    expect(await forMesh.get(issuer.token())).toEqual([403, null]);
    expect(forMesh.asked()).toBe(0);
  });

  test("denies whom a denial is about, whatever the token", async () => {
    const { get, asked } = await inbound({ jwtAuthorizations: [byToken()], denials: [authz("no")] });
    expect([await get(issuer.token()), await get(null), asked()]).toEqual([[403, null], [403, null], 0]);
  });

  test("asks nobody whom another authorization permits, and takes a token of any that permit by one", async () => {
    const open = await inbound({ jwtAuthorizations: [byToken()], authorizations: [authz("all")] });
    expect([await open.get(null), await open.get("rubbish")]).toEqual([
      [200, null],
      [200, null],
    ]);
    const second = byToken({ issuer: "https://second.test", keySet: other.keySet });
    const two = await inbound({ jwtAuthorizations: [byToken(), second] });
    expect(await two.get(issuer.token())).toEqual([200, null]);
    expect(await two.get(other.token({ iss: "https://second.test" }))).toEqual([200, null]);
    expect(await two.get(issuer.token({ iss: "https://second.test" }))).toEqual(bad("The token's signature is wrong"));
  });

  test("lets nobody in while it has no keys, and says so", async () => {
    for (const keySet of ["", "{", '{"keys":[]}']) {
      const { get } = await inbound({ jwtAuthorizations: [byToken({ keySet })] });
      expect(await get(issuer.token())).toEqual(bad("The issuer's keys are not available"));
    }
  });

  test("passes on no bytes that are no requests", async () => {
    const { proxy, asked } = await inbound({
      protocol: { kind: { case: "detect", value: {} } },
      jwtAuthorizations: [byToken()],
    });
    const client = await bed.wireClient(proxy, "inbound");
    client.send("\u0001\u0002 no request\r\n\r\n");
    expect(await client.rest()).not.toContain("200");
    expect(asked()).toBe(0);
  });
});

test("a route may ask for a token of its own", async () => {
  const path = (value: string) => [{ path: { kind: { case: "prefix", value } } }];
  const routes = [
    { rules: [{ matches: path("/orders") }], jwtAuthorizations: [byToken()] },
    { rules: [{ matches: path("/open") }], authorizations: [authz("all")] },
  ];
  const { get } = await inbound({}, routes);
  expect(await get(null, { path: "/open" })).toEqual([200, null]);
  expect(await get(null, { path: "/orders" })).toEqual([401, "Bearer"]);
  expect(await get(issuer.token(), { path: "/orders" })).toEqual([200, null]);
});

test("a token is remembered until it expires, and many distinct ones take no more room", () => {
  const check = new TokenCheck({ issuer: testIssuer, audiences: ["api"], claims: [], keySet: issuer.keySet });
  const ask = (token: string, wall: number) => check.check(["authorization", `Bearer ${token}`], wall).kind;
  const short = issuer.token({ exp: 1000 });
  expect([ask(short, 990_000), ask(short, 1_020_000), ask(short, 1_031_000), ask(short, 990_000)]).toEqual([
    "valid",
    "valid",
    "invalid",
    "valid",
  ]);
  for (let at = 0; at < 50; at++) ask(other.token({ jti: at }), 0);
  expect(check.knownTokens).toBe(1);
  for (let at = 0; at < maxKnownTokens + 20; at++) ask(issuer.token({ jti: at }, { alg: "ES256" }), 0);
  expect(check.knownTokens).toBe(maxKnownTokens);
});
