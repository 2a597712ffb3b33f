import { describe, expect, test } from "bun:test";
import { seededRandom } from "#lib/random.ts";
import type { RequestHead } from "#wire/http1/head.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import {
  findRoute,
  matchedPrefix,
  matchesEverything,
  RouteFinder,
  type RequestMatch,
  type RouteMatchers,
  type ValueMatch,
} from "./match.ts";
import { wholeText } from "./pattern.ts";

const head = (more: {
  path?: string;
  method?: string;
  authority?: string;
  headers?: [string, string];
}): RequestHead => {
  const lines = [`${more.method ?? "GET"} ${more.path ?? "/"} HTTP/1.1`, `host: ${more.authority ?? "web.ns.svc:80"}`];
  if (more.headers !== undefined) lines.push(more.headers.join(": "));
  return parseRequestHead(`${lines.join("\r\n")}\r\n`);
};

const request = (more: Partial<RequestMatch>): RequestMatch => ({
  path: null,
  method: null,
  headers: [],
  query: [],
  ...more,
});
const route = (name: string, match: Partial<RouteMatchers>) => ({ name, match: { hosts: [], requests: [], ...match } });
const prefix = (path: string): RequestMatch => request({ path: { kind: "prefix", path } });
const exact = (path: string): RequestMatch => request({ path: { kind: "exact", path } });

describe("findRoute", () => {
  test("compares path prefixes by whole segments and ignores the query", () => {
    const routes = [route("a", { requests: [prefix("/a")] })];
    expect(findRoute(routes, head({ path: "/a?x=1" }))?.name).toBe("a");
    expect(findRoute(routes, head({ path: "/a/b" }))?.name).toBe("a");
    expect(findRoute(routes, head({ path: "/ab" }))).toBeNull();
  });

  test("prefers exact over longer over shorter paths, then methods, then headers", () => {
    const routes = [
      route("root", { requests: [prefix("/")] }),
      route("long", { requests: [prefix("/a/b")] }),
      route("exact", { requests: [exact("/a/b")] }),
      route("post", { requests: [request({ path: { kind: "prefix", path: "/p" }, method: "POST" })] }),
      route("any", { requests: [prefix("/p")] }),
      route("beta", {
        requests: [
          request({
            path: { kind: "prefix", path: "/p" },
            headers: [{ name: "x-beta", value: { kind: "exact", value: "1" } }],
          }),
        ],
      }),
    ];
    expect(findRoute(routes, head({ path: "/a/b" }))?.name).toBe("exact");
    expect(findRoute(routes, head({ path: "/a/b/c" }))?.name).toBe("long");
    expect(findRoute(routes, head({ path: "/z" }))?.name).toBe("root");
    expect(findRoute(routes, head({ path: "/p", method: "POST" }))?.name).toBe("post");
    expect(findRoute(routes, head({ path: "/p", headers: ["x-beta", "1"] }))?.name).toBe("beta");
    expect(findRoute(routes, head({ path: "/p" }))?.name).toBe("any");
  });

  test("prefers exact hosts over longer over shorter suffixes, without the port", () => {
    const routes = [
      route("none", {}),
      route("short", { hosts: [{ kind: "suffix", suffix: "svc" }] }),
      route("long", { hosts: [{ kind: "suffix", suffix: "ns.svc" }] }),
      route("exact", { hosts: [{ kind: "exact", host: "web.ns.svc" }] }),
    ];
    expect(findRoute(routes, head({}))?.name).toBe("exact");
    expect(findRoute(routes, head({ authority: "api.ns.svc" }))?.name).toBe("long");
    expect(findRoute(routes, head({ authority: "api.other.svc:1" }))?.name).toBe("short");
    expect(findRoute(routes, head({ authority: "svc" }))?.name).toBe("none");
  });

  test("matches query parameters and anchored patterns", () => {
    const routes = [
      route("q", {
        requests: [
          request({
            path: { kind: "regex", pattern: /^(?:\/item\/\d+)$/ },
            query: [{ name: "v", value: { kind: "exact", value: "2" } }],
          }),
        ],
      }),
    ];
    expect(findRoute(routes, head({ path: "/item/12?v=2" }))?.name).toBe("q");
    expect(findRoute(routes, head({ path: "/item/12?v=3" }))).toBeNull();
    expect(findRoute(routes, head({ path: "/item/12/x?v=2" }))).toBeNull();
  });

  test("takes the first of equals", () => {
    const routes = [route("first", { requests: [prefix("/")] }), route("second", { requests: [prefix("/")] })];
    expect(findRoute(routes, head({}))?.name).toBe("first");
  });
});

describe("headers and hosts", () => {
  const beta = route("beta", {
    requests: [request({ headers: [{ name: "x-v", value: { kind: "exact", value: "b" } }] })],
  });
  test("a repeated header is all of its values, so one of them can't stand for the rest", () => {
    const twice = parseRequestHead("GET / HTTP/1.1\r\nhost: web\r\nx-v: b\r\nx-v: a\r\n");
    expect(findRoute([beta], twice)).toBeNull();
    expect(findRoute([beta], head({ headers: ["X-V", "b"] }))?.name).toBe("beta");
  });
  test("a host is the same with the root's dot", () => {
    const routes = [route("exact", { hosts: [{ kind: "exact", host: "web.ns.svc" }] }), route("rest", {})];
    expect(findRoute(routes, head({ authority: "WEB.ns.svc.:80" }))?.name).toBe("exact");
  });
});

describe("gRPC methods", () => {
  const exactly = (value: string | null): ValueMatch | null => (value === null ? null : { kind: "exact", value });
  const rpc = (name: string, service: string | null, method: string | null) =>
    route(name, { requests: [request({ path: { kind: "rpc", service: exactly(service), method: exactly(method) } })] });
  const routes = [
    rpc("any", null, null),
    rpc("method", null, "Get"),
    rpc("service", "a.Books", null),
    rpc("both", "a.Books", "Get"),
  ];
  test("rank by the service's characters, then by the method's", () => {
    const rows: Array<[string, string | null]> = [
      ["/a.Books/Get", "both"],
      ["/a.Books/List", "service"],
      ["/b.Films/Get", "method"],
      ["/b.Films/List", "any"],
      ["/a.Books/Get/x", null],
      ["/a.Books", null],
      ["/a.Bookshop/Get", "method"],
      ["/a.Books/%47et", null],
    ];
    for (const [path, name] of rows)
      expect([path, findRoute(routes, head({ path, method: "POST" }))?.name ?? null]).toEqual([path, name]);
  });
});

describe("gRPC methods by expression", () => {
  const like = (source: string): ValueMatch => ({ kind: "regex", pattern: wholeText(source) });
  const rpc = (name: string, service: ValueMatch | null, method: ValueMatch | null) =>
    route(name, { requests: [request({ path: { kind: "rpc", service, method } })] });
  test("are about whole names, after every exact name and before any", () => {
    const routes = [
      rpc("any", null, null),
      rpc("like", like("a\\.(Books|Films)"), like("(Get|List).*")),
      rpc("exact", { kind: "exact", value: "a.Books" }, { kind: "exact", value: "Get" }),
    ];
    const rows: Array<[string, string | null]> = [
      ["/a.Books/Get", "exact"],
      ["/a.Films/GetAll", "like"],
      ["/a.Films/Forget", "any"],
      ["/xa.Films/Get", "any"],
      ["/aXFilms/Get", "any"],
      ["/a.Films/Get/x", null],
    ];
    for (const [path, name] of rows)
      expect([path, findRoute(routes, head({ path, method: "POST" }))?.name ?? null]).toEqual([path, name]);
  });
  test("that are bad match nothing, and those that backtrack elsewhere take no time", () => {
    expect(findRoute([rpc("bad", like("(?=a)"), null)], head({ path: "/a/Get" }))).toBeNull();
    const slow = [rpc("slow", like("(a+)+"), null)];
    expect(findRoute(slow, head({ path: `/${"a".repeat(5000)}!/Get` }))).toBeNull();
    expect(findRoute(slow, head({ path: `/${"a".repeat(5000)}/Get` }))?.name).toBe("slow");
  });
});

describe("matchedPrefix", () => {
  test("is the longest prefix that matches, without a slash at its end", () => {
    const { match } = route("a", { requests: [prefix("/"), prefix("/a/"), prefix("/a/b"), exact("/a/x")] });
    expect(["/a/b/c", "/a?x", "/z", "/a/x"].map((path) => matchedPrefix(match, head({ path })))).toEqual([
      "/a/b",
      "/a",
      "",
      "",
    ]);
  });
});

describe("matchesEverything", () => {
  test("is true only when no request can miss", () => {
    expect(matchesEverything({ hosts: [], requests: [] })).toBe(true);
    expect(matchesEverything({ hosts: [], requests: [prefix("/")] })).toBe(true);
    expect(matchesEverything({ hosts: [], requests: [prefix("/a")] })).toBe(false);
    expect(matchesEverything({ hosts: [{ kind: "exact", host: "a" }], requests: [] })).toBe(false);
  });
});

describe("RouteFinder", () => {
  test("answers a shared head from memory and another one anew, both as findRoute does", () => {
    const routes = [route("a", { requests: [prefix("/a")] }), route("b", { requests: [prefix("/b")] })];
    const finder = new RouteFinder(routes);
    const shared = head({ path: "/b/c" });
    shared.shared = true;
    expect([finder.find(shared)?.name, finder.find(shared)?.name]).toEqual(["b", "b"]);
    expect(finder.find(head({ path: "/a" }))?.name).toBe("a");
    const missing = head({ path: "/z" });
    missing.shared = true;
    expect([finder.find(missing), finder.find(missing)]).toEqual([null, null]);
  });
});

test("a finder that remembers paths gives every request the route that comparing them all gives", () => {
  const random = seededRandom(7);
  const one = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;
  const paths = ["/", "/a", "/a/b", "/a/b/c", "/b", "/a%2Fb", "/a/../b", "/x.Y/Z", "/a?q=1", "/a/b?q=2&r=1"];
  const header = (name: string): RequestMatch["headers"] => [{ name, value: { kind: "exact", value: "1" } }];
  const line = (): RequestMatch =>
    request({
      path: one([
        null,
        { kind: "prefix", path: one(["/", "/a", "/a/", "/a/b"]) },
        { kind: "exact", path: one(["/a", "/b"]) },
        {
          kind: "rpc",
          service: one([null, { kind: "exact", value: "x.Y" }]),
          method: one([null, { kind: "exact", value: "Z" }]),
        },
      ]),
      method: one([null, null, "GET"]),
      headers: one([[], [], header("x-a"), [...header("x-a"), ...header("x-b")]]),
      query: one([[], [], [{ name: "q", value: { kind: "exact", value: "1" } }]]),
    });
  const kinds = new Set<string>();
  for (let round = 0; round < 300; round++) {
    const routes = Array.from({ length: 1 + Math.floor(random.next() * 4) }, (_, index) =>
      route(String(index), {
        hosts: one([[], [], [{ kind: "exact", host: "a.b" }], [{ kind: "suffix", suffix: "b" }]]),
        requests: Array.from({ length: Math.floor(random.next() * 3) }, line),
        ...one([{}, {}, { test: ({ method }: RequestHead) => method === "GET" }]),
      }),
    );
    const finder = new RouteFinder(routes);
    for (let at = 0; at < 30; at++) {
      const asked = head({
        path: one(paths),
        method: one(["GET", "POST"]),
        authority: one(["a.b", "c.b:80", "d"]),
        ...one<{ headers?: [string, string] }>([{}, { headers: ["x-a", "1"] }, { headers: ["x-b", "1"] }]),
      });
      const expected = findRoute(routes, asked);
      expect(finder.find(asked)).toBe(expected);
      kinds.add(expected?.name ?? "none");
    }
  }
  expect(kinds.size).toBeGreaterThan(3);
});
