/**
 * What a client without rights tries to get at what only another may: spellings of a path, identities and hints of the mesh,
 * requests inside of requests. Through a whole proxy, and judged by what the application got.
 */
import { expect, test } from "bun:test";
import { connect } from "node:http2";
import { posix } from "node:path";
import { ipMessage } from "#rpc/address.ts";
import { eventually, makeBed } from "./bed.ts";
import { dial } from "../http/testing/wire.ts";
import type { TestProxy } from "./harness.ts";

const bed = makeBed();

const labels = (name: string) => ({ group: "policy.linkerd.io", kind: "authorizationpolicy", name });
const networks = [{ net: { ip: ipMessage("127.0.0.0"), prefixLen: 8 } }];
const everybody = {
  networks,
  authentication: { permit: { case: "unauthenticated", value: {} } },
  labels: labels("all"),
};
const boss = {
  networks,
  authentication: {
    permit: { case: "meshTLS", value: { clients: { case: "identities", value: { identities: [{ name: "boss" }] } } } },
  },
  labels: labels("boss"),
};
const path = (value: string) => ({ path: { kind: { case: "prefix", value } } });
const role = { ...path("/"), headers: [{ name: "x-role", value: { case: "exact", value: Buffer.from("admin") } }] };
const route = (name: string, matches: readonly object[], who: object) => ({
  metadata: { kind: { case: "resource", value: { group: "g", kind: "HTTPRoute", name } } },
  authorizations: [who],
  rules: [{ matches }],
});

interface Guarded {
  readonly proxy: TestProxy;
  /** Requests that the application got, as "GET /path" and headers by name. */
  readonly got: Array<{ readonly line: string; readonly headers: Headers }>;
}

/** `/admin` and what has the role are the boss's, all else is everybody's. */
async function guarded(protocol: "http1" | "http2"): Promise<Guarded> {
  const got: Array<{ line: string; headers: Headers }> = [];
  const app =
    protocol === "http1"
      ? bed.app(({ method, url, headers }) => {
          got.push({ line: `${method} ${url.replace(/^http:\/\/[^/]*/, "")}`, headers });
          return new Response("ok");
        })
      : await bed.http2App((stream, headers) => {
          const fields = Object.entries(headers).filter(([name]) => !name.startsWith(":"));
          got.push({
            line: `${String(headers[":method"])} ${String(headers[":path"])}`,
            headers: new Headers(fields.map(([name, value]) => [name, String(value)])),
          });
          stream.respond({ ":status": 200 });
          stream.end("ok");
        });
  const routes = [route("guarded", [path("/admin"), role], boss), route("wide", [path("/")], everybody)];
  bed.control.setPolicy(app.port, {
    protocol: { kind: { case: protocol, value: { routes } } },
    labels: { group: "policy.linkerd.io", kind: "server", name: "web" },
  } as never);
  const proxy = await bed.proxy({
    inboundDst: { ip: "127.0.0.1", port: app.port },
    env: { INBOUND_PORTS: String(app.port) },
  });
  await eventually(() => bed.control.calls.some((call) => call.includes(String(app.port))));
  await Bun.sleep(20);
  return { proxy, got };
}

/** All the ways in which servers are known to read a path. */
function readings(spelled: string): string[] {
  const decode = (text: string): string =>
    text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const [plain = ""] = spelled.split(/[?#]/, 1);
  const ways = [plain, decode(plain), decode(decode(plain)), decode(plain).replaceAll("\\", "/").replace(/\0.*/s, "")];
  return ways.flatMap((way) => [way, way.replaceAll(/;[^/]*/g, "")]).map((way) => posix.normalize(way));
}
const meansAdmin = (spelled: string): boolean => readings(spelled).some((read) => /^\/+admin(\/|$)/.test(read));

const spellings = [
  "/admin",
  "/admin/",
  "/admin/x?y=/",
  "/admin?x",
  "//admin",
  "///admin//x",
  "/./admin",
  "/x/../admin",
  "/x/..//admin",
  "/%61dmin",
  "/%2561dmin",
  "/adm%69n/x",
  "/%2fadmin",
  "/%2Fadmin",
  "/admin%2fx",
  "/x%2f..%2fadmin",
  "/x/%2e%2e/admin",
  "/x/%2E%2e/admin",
  "/x/.%2e/admin",
  "/%2e/admin",
  "/x/%252e%252e/admin",
  "/admin;x=1",
  "/;a/admin",
  "/x;/../admin",
  "/x\\..\\admin",
  "/x%5c..%5cadmin",
  "/admin%00",
  "/admin%00.html",
  "/admin/..;/admin",
  "/admin#x",
];

test.each(["http1", "http2"] as const)("no spelling of a guarded path gets through %s", async (protocol) => {
  const { proxy, got } = await guarded(protocol);
  const statuses = new Map<string, number>();
  for (const spelling of spellings) statuses.set(spelling, await ask(protocol, proxy, spelling, {}));
  expect(got.filter(({ line }) => meansAdmin(line.slice(4)))).toEqual([]);
  for (const [spelling, status] of statuses) {
    // What means the guarded path is refused, by the guard or because no route is for it, and nothing breaks the proxy.
    if (meansAdmin(spelling)) expect([spelling, [400, 403, 404].includes(status)]).toEqual([spelling, true]);
  }
  expect(await ask(protocol, proxy, "/public", {})).toBe(200);
  expect(got.at(-1)?.line).toBe("GET /public");
});

async function ask(
  protocol: "http1" | "http2",
  proxy: TestProxy,
  target: string,
  headers: Record<string, string>,
): Promise<number> {
  if (protocol === "http1") {
    const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return await statusOf(proxy, `GET ${target} HTTP/1.1\r\nHost: web\r\n${fields.join("")}Connection: close\r\n\r\n`);
  }
  const session = connect(proxy.inboundUrl);
  session.on("error", () => {});
  const stream = session.request({ ":path": target, ...headers });
  const status = await new Promise<number>((resolve) => {
    stream.on("response", (fields) => resolve(Number(fields[":status"])));
    // A stream that is reset was refused without an answer.
    stream.on("error", () => resolve(400));
    stream.on("close", () => resolve(400));
    stream.end();
  });
  session.destroy();
  return status;
}

/** Of the first answer; 400 where the connection ended without one. */
async function statusOf(proxy: TestProxy, request: string): Promise<number> {
  const wire = await dial(proxy.proxy.inbound.port);
  bed.after(() => wire.socket.terminate());
  wire.send(request);
  const answer = await wire.rest();
  return answer === "" ? 400 : Number(answer.split(" ", 2)[1]);
}

test.each(["http1", "http2"] as const)("no header makes a client of %s another one", async (protocol) => {
  const { proxy, got } = await guarded(protocol);
  const forged = [
    "l5d-client-id",
    "l5d-require-id",
    "l5d-dst-override",
    "l5d-dst-canonical",
    "l5d-orig-proto",
    "l5d-proxy-error",
    "l5d-retry-http",
    "l5d-timeout",
  ];
  for (const name of forged) {
    for (const spelled of protocol === "http1" ? [name, name.toUpperCase(), `L${name.slice(1)}`] : [name]) {
      expect([name, await ask(protocol, proxy, "/admin", { [spelled]: "boss" })]).toEqual([name, 403]);
      expect([name, await ask(protocol, proxy, "/public", { [spelled]: "boss" })]).toEqual([name, 200]);
    }
  }
  const seen = got.flatMap(({ headers }) => [...headers.keys()]).filter((name) => name.startsWith("l5d-"));
  expect(seen).toEqual([]);
  for (const more of [{ "x-forwarded-client-cert": "By=boss" }, { forwarded: "for=boss" }, { authorization: "boss" }]) {
    expect(await ask(protocol, proxy, "/admin", more)).toBe(403);
  }
});

const line = "GET /public HTTP/1.1\r\nHost: web\r\n";
const inner = "GET /admin HTTP/1.1\r\nHost: web\r\n\r\n";
test.each([
  ["a space before the colon", `${line}X-Role : admin\r\n\r\n`],
  ["a tab before the colon", `${line}X-Role\t: admin\r\n\r\n`],
  ["a folded line", `${line}A: b\r\n X-Role: admin\r\n\r\n`],
  ["a bare line feed", `${line}A: b\nX-Role: admin\r\n\r\n`],
  ["a bare carriage return", `${line}A: b\rX-Role: admin\r\n\r\n`],
  ["NUL in a name", `${line}X-Role\0: admin\r\n\r\n`],
  ["NUL in a path", "GET /admin\0 HTTP/1.1\r\nHost: web\r\n\r\n"],
  ["a space in a path", "GET /public /admin HTTP/1.1\r\nHost: web\r\n\r\n"],
  ["the role in another case", `${line}x-RoLe: admin\r\n\r\n`],
  ["white space around the role", `${line}x-role: \t admin  \r\n\r\n`],
  [
    "two lengths",
    `POST /public HTTP/1.1\r\nHost: web\r\nContent-Length: 0\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
  ],
  [
    "a length and chunks",
    `POST /public HTTP/1.1\r\nHost: web\r\nContent-Length: ${inner.length + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
  ],
  [
    "chunks by another name",
    `POST /public HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${inner}`,
  ],
  ["a length with a sign", `POST /public HTTP/1.1\r\nHost: web\r\nContent-Length: +0\r\n\r\n${inner}`],
  ["a list of lengths", `POST /public HTTP/1.1\r\nHost: web\r\nContent-Length: 0, ${inner.length}\r\n\r\n${inner}`],
  [
    "a chunk's size in another base",
    `POST /public HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n${inner}`,
  ],
  ["a request after another one", `${line}\r\n${inner}`],
  ["the path in the absolute form", "GET http://web/admin HTTP/1.1\r\nHost: web\r\n\r\n"],
  ["the path in the absolute form, of another host", "GET http://other/admin HTTP/1.1\r\nHost: web\r\n\r\n"],
  ["two hosts", "GET /admin HTTP/1.1\r\nHost: web\r\nHost: other\r\n\r\n"],
  [
    "an upgrade to what is looked at no more",
    `GET /admin HTTP/1.1\r\nHost: web\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n`,
  ],
  ["a method to tunnel by", "CONNECT /admin HTTP/1.1\r\nHost: web\r\n\r\n"],
])("%s brings nobody to what is guarded", async (_, request) => {
  const { proxy, got } = await guarded("http1");
  const wire = await dial(proxy.proxy.inbound.port);
  bed.after(() => wire.socket.terminate());
  wire.send(request);
  await wire.take((text) => text.includes("HTTP/1.1 ")).catch(() => "");
  // Whatever else was understood of it has been answered by now, in the order of what was sent.
  wire.socket.terminate();
  await statusOf(proxy, `GET /public HTTP/1.1\r\nHost: web\r\nX-Last: 1\r\nConnection: close\r\n\r\n`);
  expect(got.at(-1)?.headers.get("x-last")).toBe("1");
  expect(got.filter((one) => meansAdmin(one.line.slice(4)) || one.headers.get("x-role") === "admin")).toEqual([]);
});
