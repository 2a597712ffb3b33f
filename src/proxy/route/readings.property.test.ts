/** No spelling of a guarded path reaches a wider rule, whichever of these servers reads it. */
import { expect, test } from "bun:test";
import { posix } from "node:path";
import { array, assert, constantFrom, property } from "fast-check";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { findRoute, type RouteMatchers } from "./match.ts";

const route = (name: string, path: string) => ({
  name,
  match: {
    hosts: [],
    requests: [{ path: { kind: "prefix", path }, method: null, headers: [], query: [] }],
  } satisfies RouteMatchers,
});
const routes = [route("guarded", "/admin"), route("wide", "/")];
const find = (path: string): string | null =>
  findRoute(routes, parseRequestHead(`GET ${path} HTTP/1.1\r\nhost: web\r\n`))?.name ?? null;

const decode = (path: string): string =>
  path.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** How servers are known to read a path, each by itself. */
const servers: Record<string, (path: string) => string> = {
  "as it is": (path) => path,
  "the URL standard": (path) => new URL(`http://web${path}`).pathname,
  "decode, then resolve": (path) => posix.normalize(decode(path)),
  "resolve, then decode": (path) => decode(posix.normalize(path)),
  "merge slashes only": (path) => path.replaceAll(/\/+/g, "/"),
  "decode twice": (path) => posix.normalize(decode(decode(path))),
  "without parameters": (path) => posix.normalize(decode(path.replaceAll(/;[^/]*/g, ""))),
  "backslashes are slashes": (path) => posix.normalize(decode(path).replaceAll("\\", "/")),
};

const piece = constantFrom(
  "/",
  "//",
  ".",
  "..",
  "%2f",
  "%2F",
  "%2e",
  "%5c",
  ";",
  ";x=1",
  "admin",
  "%61dmin",
  "adm%69n",
  "x",
  "%25",
  "%252f",
  "%252e",
);

test("a path that any server takes for a guarded one is the guarded rule's or nobody's", () => {
  assert(
    property(array(piece, { maxLength: 9 }), (pieces) => {
      const path = `/${pieces.join("")}`;
      const found = find(path);
      for (const [server, read] of Object.entries(servers)) {
        const taken = read(path);
        const guarded = taken === "/admin" || taken.startsWith("/admin/");
        if (guarded) expect([server, path, found === "wide"]).toEqual([server, path, false]);
        else expect([server, path, found === "guarded"]).toEqual([server, path, false]);
      }
    }),
    { numRuns: 3000, seed: 42 },
  );
});
