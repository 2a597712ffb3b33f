import { describe, expect, test } from "bun:test";
import { seededRandom } from "#lib/random.ts";
import type { RequestHead } from "#wire/http1/head.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { parseResponseHead } from "#wire/http1/parse-response.ts";
import { requestBlock, responseBlock } from "#wire/http2/header-block.ts";
import { HpackEncoder } from "#wire/http2/hpack/encoder.ts";
import { BlockRequest, BlockResponse } from "./h2/heads.ts";
import { forwardedRequest } from "./rewrite.ts";
import { changeRequest, changeResponse } from "./edit-head.ts";
import { FilterChain, type Filter, type Filtered, type HeaderChanges, type Redirect } from "../route/filter.ts";
import type { RouteMatchers } from "../route/match.ts";

const random = seededRandom(1);
const prefixed = (path: string): RouteMatchers => ({
  hosts: [],
  requests: [{ path: { kind: "prefix", path }, method: null, headers: [], query: [] }],
});
const head = (target: string, more = "", host = "web:8080") =>
  parseRequestHead(`GET ${target} HTTP/1.1\r\nhost: ${host}\r\n${more}`);
const changes = (more: Partial<HeaderChanges>): HeaderChanges => ({ set: [], add: [], remove: new Set(), ...more });

function apply(filters: Filter[], target: string, more = "", prefix = "/"): Filtered {
  return new FilterChain(filters, prefixed(prefix)).apply(head(target, more), "http", random);
}
/** What goes on of `request`. */
function passed(chain: FilterChain, request: RequestHead): RequestHead {
  const filtered = chain.apply(request, "http", random);
  if (filtered.kind !== "pass") throw new Error(`It does not pass: ${filtered.kind}`);
  return filtered.changes === null ? request : changeRequest(request, filtered.changes);
}

describe("header changes", () => {
  const filters: Filter[] = [
    {
      kind: "request-headers",
      changes: changes({ set: ["x-set", "new"], add: ["x-add", "2"], remove: new Set(["x-gone"]) }),
    },
  ];

  test("set replaces every value, add joins, remove removes; the rest keeps its place and spelling", () => {
    const out = passed(
      new FilterChain(filters, prefixed("/")),
      head("/", "X-Set: 1\r\nX-Add: 1\r\nX-Gone: 1\r\nX-Set: 2\r\nX-Keep: k\r\n"),
    );
    expect(forwardedRequest(out, null)).toBe(
      "GET / HTTP/1.1\r\nhost: web:8080\r\nX-Add: 1\r\nX-Keep: k\r\nx-set: new\r\nx-add: 2\r\n",
    );
  });

  test("of requests and responses of HTTP/2 count for the room that they take", () => {
    const large: Filter[] = [{ kind: "request-headers", changes: changes({ set: ["x-set", "v".repeat(4000)] }) }];
    const line = { method: "GET", scheme: "http", authority: "web", path: "/" };
    const request = passed(new FilterChain(large, prefixed("/")), new BlockRequest(requestBlock(line, []), true));
    const response = changeResponse(new BlockResponse(responseBlock(200, []), true), [
      changes({ add: ["x", "v".repeat(4000)] }),
    ]);
    for (const { block } of [request as BlockRequest, response as BlockResponse])
      expect(new HpackEncoder().encode(block, Buffer.alloc(10_000), 0)).toBeLessThanOrEqual(HpackEncoder.bound(block));
  });

  test("do the same to requests and responses that came by HTTP/2", () => {
    const line = { method: "GET", scheme: "http", authority: "web", path: "/" };
    const block = new BlockRequest(requestBlock(line, ["x-set", "1", "x-gone", "1", "x-keep", "k"]), true);
    const out = passed(new FilterChain(filters, prefixed("/")), block);
    expect((out as BlockRequest).block.fields).toEqual([
      ":method",
      "GET",
      ":scheme",
      "http",
      ":authority",
      "web",
      ":path",
      "/",
      "x-keep",
      "k",
      "x-set",
      "new",
      "x-add",
      "2",
    ]);
    const set = [changes({ set: ["server", "x"] })];
    const response = new BlockResponse(responseBlock(200, ["server", "y", "etag", "z"]), false);
    expect((changeResponse(response, set) as BlockResponse).block.fields).toEqual([
      ":status",
      "200",
      "etag",
      "z",
      "server",
      "x",
    ]);
    expect(changeResponse(parseResponseHead("HTTP/1.1 200 OK\r\nServer: y\r\n"), set).headers).toEqual(["server", "x"]);
  });

  test("are made once for a head that comes again", () => {
    const chain = new FilterChain(filters, prefixed("/"));
    const shared = head("/");
    shared.shared = true;
    const first = passed(chain, shared);
    expect(passed(chain, shared)).toBe(first);
    expect([first.shared, passed(chain, head("/")).shared]).toEqual([true, false]);
  });
});

test("what frames a message, names its host or belongs to the mesh is not changed", () => {
  const set = [
    "content-length",
    "9",
    "transfer-encoding",
    "x",
    "host",
    "evil",
    "l5d-client-id",
    "me",
    "connection",
    "close",
  ];
  const filter: Filter = { kind: "request-headers", changes: changes({ set, add: set, remove: new Set(["host"]) }) };
  const out = passed(new FilterChain([filter], prefixed("/")), head("/"));
  expect(forwardedRequest(out, null)).toBe("GET / HTTP/1.1\r\nhost: web:8080\r\n");
});

describe("rewrites", () => {
  const rows: Array<[string, string, string, string]> = [
    // prefix of the match, replacement, target, outcome
    ["/foo", "/bar", "/foo/x?q=1", "/bar/x?q=1"],
    ["/foo", "/", "/foo/x", "/x"],
    ["/foo", "/", "/foo", "/"],
    ["/foo/", "/bar/", "/foo/x", "/bar/x"],
    ["/", "/bar", "/x", "/bar/x"],
    ["/foo", "/bar", "/foo", "/bar"],
  ];
  test("replace the prefix by which the request matched", () => {
    for (const [prefix, path, target, expected] of rows) {
      const out = passed(
        new FilterChain([{ kind: "rewrite", host: null, path: { kind: "prefix", path } }], prefixed(prefix)),
        head(target),
      );
      expect([prefix, path, target, out.path, out.target]).toEqual([prefix, path, target, expected, expected]);
    }
  });
  test("replace the whole path and the host", () => {
    const change: Filter = { kind: "rewrite", host: "other.example", path: { kind: "full", path: "/one" } };
    const out = passed(new FilterChain([change], prefixed("/")), head("/a/b?c"));
    expect(forwardedRequest(out, null)).toBe("GET /one?c HTTP/1.1\r\nhost: other.example\r\n");
    expect(out.authority).toBe("other.example");
  });
});

describe("redirects", () => {
  const redirect = (more: Partial<Redirect>): Filter => ({
    kind: "redirect",
    status: 302,
    scheme: null,
    host: null,
    port: null,
    path: null,
    ...more,
  });
  test("make the Location of the request and of what is given", () => {
    const rows: Array<[Partial<Redirect>, string]> = [
      [{}, "http://web:8080/a/b?c=d"],
      [{ host: "example.org" }, "http://example.org:8080/a/b?c=d"],
      [{ scheme: "https" }, "https://web/a/b?c=d"],
      [{ scheme: "https", port: 8443 }, "https://web:8443/a/b?c=d"],
      [{ port: 80 }, "http://web/a/b?c=d"],
      [{ path: { kind: "full", path: "/x" } }, "http://web:8080/x?c=d"],
      [{ path: { kind: "prefix", path: "/x" } }, "http://web:8080/x/b?c=d"],
    ];
    for (const [more, expected] of rows) {
      const out = apply([redirect(more)], "/a/b?c=d", "", "/a");
      expect([more, out]).toEqual([more, { kind: "redirect", status: 302, location: expected }]);
    }
  });
});

test("a failure answers its share of the requests", () => {
  const filter: Filter = { kind: "failure", status: 503, grpc: 14, message: "Injected", ratio: 0.25 };
  let failures = 0;
  for (let i = 0; i < 4000; i++) if (apply([filter], "/").kind === "failure") failures++;
  expect(Math.abs(failures - 1000)).toBeLessThan(100);
});
