/**
 * Routes: the one found is the one that a plain reading of the Gateway API finds, also through the memory for repeated heads. An
 * input is numbers that choose routes and a request.
 */
import type { HostMatch, NamedMatch, PathMatch, RequestMatch, RouteMatchers, ValueMatch } from "#proxy/route/match.ts";
import { findRoute, RouteFinder } from "#proxy/route/match.ts";
import { wholeText } from "#proxy/route/pattern.ts";
import { otherReadings } from "#proxy/route/readings.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { bestRoute } from "../references/routing.ts";
import { Mismatch, type Target } from "../target.ts";

const hosts = ["web", "web.ns", "web.ns.svc", "a.example.com", "b.a.example.com", "example.com", "xexample.com"];
const paths = [
  "/",
  "/a",
  "/a/",
  "/a/b",
  "/ab",
  "/a/b/c",
  "/a/b/",
  "/a//b",
  "/a/../b",
  "/%61",
  "/svc/Get",
  "/svc/Put",
  "/x/Get",
];
const methods = ["GET", "POST", "get"];
const headerNames = ["x-user", "x-debug", "accept"];
const values = ["1", "2", "", "a b"];
const patterns = ["/a.*", "/[ab]+", "1|2", ".*", "/a/(b|c)", "s.*", "(G|P)[eu]t"].map(wholeText);

/** Numbers from the input, zeros at its end. */
class Choices {
  private at = 0;
  private readonly input: Buffer;

  constructor(input: Buffer) {
    this.input = input;
  }

  below(limit: number): number {
    return (this.input[this.at++] ?? 0) % limit;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  list<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }
}

function choosePath(choices: Choices, rpc: boolean): PathMatch | null {
  const kind = choices.below(4);
  if (kind === 0) return null;
  if (rpc) {
    const name = (of: readonly string[]): ValueMatch | null => {
      const at = choices.below(of.length + 2);
      if (at === of.length) return null;
      const value = of[at];
      return value === undefined ? { kind: "regex", pattern: choices.pick(patterns) } : { kind: "exact", value };
    };
    return { kind: "rpc", service: name(["svc", "x"]), method: name(["Get", "Put"]) };
  }
  if (kind === 3) return { kind: "regex", pattern: choices.pick(patterns) };
  return { kind: kind === 1 ? "exact" : "prefix", path: choices.pick(paths) };
}

function chooseNamed(choices: Choices, names: readonly string[]): NamedMatch[] {
  const found = choices.list(2, (): NamedMatch => {
    const exact = choices.below(3) > 0;
    return {
      name: choices.pick(names),
      value: exact
        ? { kind: "exact", value: choices.pick(values) }
        : { kind: "regex", pattern: choices.pick(patterns) },
    };
  });
  return found.filter(({ name }, at) => found.findIndex((other) => other.name === name) === at);
}

function chooseMatchers(choices: Choices, rpc: boolean): RouteMatchers {
  return {
    hosts: choices.list(2, (): HostMatch => {
      const host = choices.pick(hosts);
      return choices.below(2) === 0 ? { kind: "exact", host } : { kind: "suffix", suffix: host };
    }),
    requests: choices.list(3, (): RequestMatch => ({
      path: choosePath(choices, rpc),
      method: choices.below(3) === 0 ? choices.pick(methods) : null,
      headers: chooseNamed(choices, headerNames),
      query: rpc ? [] : chooseNamed(choices, ["q", "r"]),
    })),
  };
}

export const routing: Target = {
  name: "routing",
  seeds: [],
  dictionary: [],
  generate: (dice) => dice.bytes(16 + dice.below(120)),
  run(input) {
    const choices = new Choices(input);
    const path = choices.pick(paths);
    const host = choices.pick(hosts);
    const method = choices.pick(methods);
    const headers = headerNames.flatMap((name) => (choices.below(2) === 0 ? [] : [name, choices.pick(values)]));
    const query = new Map(["q", "r"].filter(() => choices.below(2) > 0).map((name) => [name, choices.pick(values)]));
    const rpc = choices.below(4) === 0;
    const routes = Array.from({ length: 1 + choices.below(6) }, () => ({ match: chooseMatchers(choices, rpc) }));
    const search = query.size === 0 ? "" : `?${new URLSearchParams([...query])}`;
    const port = choices.pick(["", ":80", ".:8080"]);
    let text = `${method} ${path}${search} HTTP/1.1\r\nHost: ${host}${port}\r\n`;
    for (let at = 0; at < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`;
    const head = parseRequestHead(text);
    const found = findRoute(routes, head);
    const index = found === null ? -1 : routes.indexOf(found);
    const matchers = routes.map(({ match }) => match);
    const expected = bestRoute(matchers, { method, host, path, headers, query });
    const ambiguous = otherReadings(path)?.length !== 0;
    if (index !== expected && !(ambiguous && index === -1)) {
      throw new Mismatch(`Route ${index} was found, the Gateway API says ${expected}`);
    }
    head.shared = true;
    const finder = new RouteFinder(routes);
    if (finder.find(head) !== found || finder.find(head) !== found) throw new Mismatch("A repeated head finds another");
  },
};
