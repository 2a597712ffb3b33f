import { describe, expect, test } from "bun:test";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { findRoute, type PathMatch, type RouteMatchers } from "./match.ts";
import { otherReadings } from "./readings.ts";

const route = (name: string, path: PathMatch) => ({
  name,
  match: { hosts: [], requests: [{ path, method: null, headers: [], query: [] }] } satisfies RouteMatchers,
});
const find = (routes: ReturnType<typeof route>[], path: string): string | null =>
  findRoute(routes, parseRequestHead(`GET ${path} HTTP/1.1\r\nhost: web\r\n`))?.name ?? null;

test("a plain path has one reading", () => {
  for (const path of ["/", "/a/b.c", "/.well-known/x", "/a..b/c", "*", ""]) expect(otherReadings(path)).toEqual([]);
});

test("a long path is read as long as that is little work, and is nobody's beyond", () => {
  expect(otherReadings(`/a%20b${"c".repeat(10_000)}`)).toEqual([`/a b${"c".repeat(10_000)}`]);
  // Few enough readings, each of them long: 50 ms of work for every request.
  expect(otherReadings(`/${"%2525;%255c..%2f%2f.".repeat(1600)}`)).toBeNull();
});

describe("with a guarded prefix beside a wide one", () => {
  const routes = [route("guarded", { kind: "prefix", path: "/admin" }), route("wide", { kind: "prefix", path: "/" })];

  test("what a server could take for the guarded path reaches neither rule", () => {
    for (const path of [
      "/%61dmin",
      "//admin",
      "/x/../admin",
      "/x/..%2fadmin",
      "/x/%2e%2e/admin",
      "/x/.%2E%2Fadmin/keys",
      "/./admin",
      "/admin/..",
      "/admin/../x",
      "/x/..;/admin",
      "/x%5c..%5cadmin",
      "/x//../admin",
      "/%252e%252e/%2561dmin",
      "/admin%2fkeys",
      "/admin%00",
      "/x%00/y",
      "/x%2500",
    ]) {
      expect([path, find(routes, path)]).toEqual([path, null]);
    }
  });

  test("an encoding that makes no difference between rules passes", () => {
    expect(find(routes, "/projects/group%2Fname?ref=a%2Fb")).toBe("wide");
    expect(find(routes, "/caf%C3%A9//x")).toBe("wide");
    expect(find(routes, "/admin/a%20b;v=1")).toBe("guarded");
  });
});

test("where no rule looks at paths, every path passes", () => {
  expect(find([route("wide", { kind: "prefix", path: "/" })], "/a/..%2f%00")).toBe("wide");
});

test("an exact rule and a pattern are not reached by another spelling", () => {
  const exact = [route("exact", { kind: "exact", path: "/ok" }), route("rest", { kind: "prefix", path: "/" })];
  expect([find(exact, "/ok"), find(exact, "/%6fk"), find(exact, "/ok/")]).toEqual(["exact", null, "rest"]);
});
