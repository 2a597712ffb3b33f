/**
 * Which of several routes is a request's, by the words of the Gateway API: every alternative that matches is a candidate, and
 * candidates are sorted (https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule, `matches`, and hostnames of the route).
 */
import { header } from "#wire/http1/head.ts";
import type { HostMatch, PathMatch, RequestMatch, RouteMatchers, ValueMatch } from "#proxy/route/match.ts";

export interface ReferenceRequest {
  readonly method: string;
  /** Without a port. */
  readonly host: string;
  readonly path: string;
  /** Names are not repeated. */
  readonly headers: readonly string[];
  readonly query: ReadonlyMap<string, string>;
}

interface Candidate {
  readonly route: number;
  /** Compared one after another; larger is better. */
  readonly merits: readonly number[];
}

/** The index of the route, or -1. */
export function bestRoute(routes: readonly RouteMatchers[], request: ReferenceRequest): number {
  const candidates: Candidate[] = [];
  for (const [route, { hosts, requests }] of routes.entries()) {
    for (const host of hosts.length === 0 ? [null] : hosts) {
      if (host !== null && !hostMatches(host, request.host)) continue;
      for (const match of requests.length === 0 ? [null] : requests) {
        if (match !== null && !matches(match, request)) continue;
        candidates.push({ route, merits: [...hostMerits(host), ...(match === null ? [] : meritsOf(match))] });
      }
    }
  }
  const [first] = candidates.toSorted((a, b) => {
    for (let at = 0; at < 10; at++) {
      const difference = (b.merits[at] ?? 0) - (a.merits[at] ?? 0);
      if (difference !== 0) return difference;
    }
    return a.route - b.route;
  });
  return first?.route ?? -1;
}

function hostMatches(match: HostMatch, host: string): boolean {
  if (match.kind === "exact") return host === match.host;
  const labels = host.split(".");
  const wanted = match.suffix.split(".");
  return labels.length > wanted.length && labels.slice(-wanted.length).join(".") === match.suffix;
}

/** An exact host before a wildcard, then the longer one. */
function hostMerits(match: HostMatch | null): readonly [number, number] {
  if (match === null) return [0, 0];
  return match.kind === "exact" ? [2, 0] : [1, match.suffix.length];
}

function matches(match: RequestMatch, request: ReferenceRequest): boolean {
  const values = match.headers.every(({ name, value }) => {
    const found = header(request.headers, name);
    return found !== null && (value.kind === "exact" ? value.value === found : value.pattern.test(found));
  });
  const query = match.query.every(({ name, value }) => {
    const found = request.query.get(name);
    return found !== undefined && (value.kind === "exact" ? value.value === found : value.pattern.test(found));
  });
  const method = match.method === null || match.method === request.method;
  return values && query && method && (match.path === null || pathMatches(match.path, request.path));
}

function pathMatches(match: PathMatch, path: string): boolean {
  switch (match.kind) {
    case "exact":
      return path === match.path;
    case "prefix": {
      const wanted = match.path.replace(/\/$/, "").split("/");
      const segments = path.split("/");
      return wanted.every((segment, at) => segments[at] === segment);
    }
    case "regex":
      return match.pattern.test(path);
    case "rpc": {
      const parts = path.split("/");
      const [, service, method] = parts;
      return parts.length === 3 && nameMatches(match.service, service ?? "") && nameMatches(match.method, method ?? "");
    }
  }
}

function nameMatches(match: ValueMatch | null, name: string): boolean {
  if (match === null) return true;
  return match.kind === "exact" ? match.value === name : match.pattern.test(name);
}

/** An expression is more than none, and less than a name of one character. */
function nameMerit(match: ValueMatch | null): number {
  if (match === null) return 0;
  return match.kind === "exact" ? match.value.length : 0.5;
}

/** An exact path, then regular expressions, then more characters of a prefix; a method; more headers; more query parameters. */
function meritsOf({ path, method, headers, query }: RequestMatch): number[] {
  let merits: readonly [number, number] = [0, 0];
  if (path?.kind === "exact") merits = [3, path.path.length];
  else if (path?.kind === "regex") merits = [2, 0];
  else if (path?.kind === "prefix") merits = [1, path.path.replace(/\/$/, "").length];
  else if (path?.kind === "rpc") merits = [nameMerit(path.service), nameMerit(path.method)];
  return [...merits, method === null ? 0 : 1, headers.length, query.length];
}
