/**
 * Finds the route of a request: hosts, then path, method, headers and query as the Gateway API ranks them
 * (https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule).
 */
import { pathOnly, type FlatHeaders, type RequestHead } from "#wire/http1/head.ts";
import { otherReadings } from "./readings.ts";

/** A regular expression for a whole text, in time linear to it (`pattern.ts`). */
export interface Pattern {
  test(text: string): boolean;
}

export type HostMatch =
  | { readonly kind: "exact"; readonly host: string }
  /** Without "*.": at least one more label must come before it. */
  | { readonly kind: "suffix"; readonly suffix: string };

export type PathMatch =
  | { readonly kind: "exact"; readonly path: string }
  /** Whole segments: "/a" matches "/a" and "/a/b", not "/ab". */
  | { readonly kind: "prefix"; readonly path: string }
  /** The whole path. */
  | { readonly kind: "regex"; readonly pattern: Pattern }
  /** "/service/method" of gRPC; null: any. */
  | { readonly kind: "rpc"; readonly service: ValueMatch | null; readonly method: ValueMatch | null };

export type ValueMatch =
  | { readonly kind: "exact"; readonly value: string }
  | { readonly kind: "regex"; readonly pattern: Pattern };

export interface NamedMatch {
  /** Header names in lower case; query names as they are. */
  readonly name: string;
  readonly value: ValueMatch;
}

/** Everything given must hold. */
export interface RequestMatch {
  readonly path: PathMatch | null;
  readonly method: string | null;
  readonly headers: readonly NamedMatch[];
  readonly query: readonly NamedMatch[];
}

export interface RouteMatchers {
  /** Empty: any host. */
  readonly hosts: readonly HostMatch[];
  /** Alternatives; empty matches everything. */
  readonly requests: readonly RequestMatch[];
  /** A condition of another kind, besides. Routes that have one don't rank by it. `path`: without the query. */
  readonly test?: (head: RequestHead, path: string) => boolean;
}

/** Higher is more specific; compared number by number. */
type Rank = readonly number[];

/**
 * The most specific route for a request; of equals the first one. Null when none matches, or when servers could take the
 * path for one of another route.
 */
export function findRoute<T extends { readonly match: RouteMatchers }>(
  routes: readonly T[],
  head: RequestHead,
): T | null {
  const path = pathOnly(head.path);
  const best = bestFor(routes, head, path);
  if (!routes.some(({ match }) => looksAtPath(match))) return best;
  const others = otherReadings(path);
  if (others === null) return null;
  return others.every((other) => bestFor(routes, head, other) === best) ? best : null;
}

function bestFor<T extends { readonly match: RouteMatchers }>(
  routes: readonly T[],
  head: RequestHead,
  path: string,
): T | null {
  let best: T | null = null;
  let bestRank: Rank = [];
  for (const route of routes) {
    const rank = rankOf(route.match, head, path);
    if (rank !== null && (best === null || compare(rank, bestRank) > 0)) {
      best = route;
      bestRank = rank;
    }
  }
  return best;
}

/** What a route asks of a request of a known host, path and method besides. */
interface Candidate<T> {
  readonly route: T;
  /** Null: nothing. */
  readonly request: RequestMatch | null;
}

/** Requests of one path. */
interface Known<T> {
  readonly authority: string;
  readonly method: string;
  /** The most specific first; null: servers read the path in several ways, so that each request is looked at as a whole. */
  readonly candidates: ReadonlyArray<Candidate<T>> | null;
}

/** Paths that are remembered. */
const maxKnown = 64;

/**
 * {@link findRoute} that remembers. The answer for heads that come again: a head that is shared is the same object each
 * time (wire/http1/head-cache.ts), and everything that a match looks at is in it; the memory goes with the head. And
 * for other heads the routes that a path, a method and a host leave: how specific they are depends on nothing else.
 */
export class RouteFinder<T extends { readonly match: RouteMatchers }> {
  private readonly routes: readonly T[];
  private readonly lookAtPaths: boolean;
  private readonly known = new WeakMap<RequestHead, { readonly route: T | null }>();
  private readonly paths = new Map<string, Known<T>>();

  constructor(routes: readonly T[]) {
    this.routes = routes;
    this.lookAtPaths = routes.some(({ match }) => looksAtPath(match));
  }

  find(head: RequestHead): T | null {
    if (!head.shared) return this.among(head);
    let found = this.known.get(head);
    if (found === undefined) {
      found = { route: findRoute(this.routes, head) };
      this.known.set(head, found);
    }
    return found.route;
  }

  private among(head: RequestHead): T | null {
    const question = head.path.indexOf("?");
    const path = question < 0 ? head.path : head.path.slice(0, question);
    let known = this.paths.get(path);
    if (known === undefined || known.authority !== head.authority || known.method !== head.method) {
      known = this.learn(head, path);
    }
    if (known.candidates === null) return findRoute(this.routes, head);
    for (const { route, request } of known.candidates) {
      if (request !== null && !asksNoMore(request) && !holds(request, head)) continue;
      if (route.match.test?.(head, path) !== false) return route;
    }
    return null;
  }

  private learn({ authority, method }: RequestHead, path: string): Known<T> {
    if (this.paths.size >= maxKnown) this.paths.clear();
    const plain = !this.lookAtPaths || otherReadings(path)?.length === 0;
    const known = { authority, method, candidates: plain ? candidatesOf(this.routes, authority, method, path) : null };
    this.paths.set(path, known);
    return known;
  }
}

function candidatesOf<T extends { readonly match: RouteMatchers }>(
  routes: readonly T[],
  authority: string,
  method: string,
  path: string,
): ReadonlyArray<Candidate<T>> {
  const ranked: Array<Candidate<T> & { readonly rank: Rank }> = [];
  for (const route of routes) {
    const { hosts, requests } = route.match;
    const host = hosts.length === 0 ? 0 : hostRank(hosts, hostOf(authority));
    if (host === null) continue;
    if (requests.length === 0) ranked.push({ route, request: null, rank: [host] });
    for (const request of requests) {
      const rank = lineRank(request, method, path);
      if (rank !== null) ranked.push({ route, request, rank: [host, ...rank] });
    }
  }
  return ranked.toSorted((a, b) => compare(b.rank, a.rank));
}

/** The prefix by which a request matches, which filters may replace: "" when it is "/" or none. */
export function matchedPrefix(match: RouteMatchers, head: RequestHead): string {
  const path = head.path.split("?", 1)[0] ?? "";
  let best: Rank | null = null;
  let prefix = "";
  for (const request of match.requests) {
    const rank = requestRank(request, head, path);
    if (rank === null || (best !== null && compare(rank, best) <= 0)) continue;
    best = rank;
    prefix = request.path?.kind === "prefix" ? request.path.path.replace(/\/$/, "") : "";
  }
  return prefix;
}

function looksAtPath(match: RouteMatchers): boolean {
  return match.requests.some(({ path }) => path !== null && !(path.kind === "prefix" && path.path === "/"));
}

/** Whether no request can miss it, so that nobody needs to look. */
export function matchesEverything(match: RouteMatchers): boolean {
  if (match.hosts.length > 0 || match.test !== undefined) return false;
  if (match.requests.length === 0) return true;
  return match.requests.some(
    ({ path, method, headers, query }) =>
      (path === null || (path.kind === "prefix" && path.path === "/")) &&
      method === null &&
      headers.length === 0 &&
      query.length === 0,
  );
}

function compare(a: Rank, b: Rank): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function rankOf(match: RouteMatchers, head: RequestHead, path: string): Rank | null {
  const host = match.hosts.length === 0 ? 0 : hostRank(match.hosts, hostOf(head.authority));
  if (host === null || match.test?.(head, path) === false) return null;
  if (match.requests.length === 0) return [host];
  let best: Rank | null = null;
  for (const request of match.requests) {
    const rank = requestRank(request, head, path);
    if (rank !== null && (best === null || compare(rank, best) > 0)) best = rank;
  }
  return best === null ? null : [host, ...best];
}

/** The host of "host:port" or "[ip]:port". "a.b." is "a.b": the root of all names need not be written. */
export function hostOf(authority: string): string {
  const colon = authority.lastIndexOf(":");
  const host = colon > authority.lastIndexOf("]") ? authority.slice(0, colon) : authority;
  return host.endsWith(".") ? host.slice(0, -1) : host;
}

function hostRank(hosts: readonly HostMatch[], host: string): number | null {
  let best: number | null = null;
  for (const match of hosts) {
    // An exact host beats every suffix, a longer suffix a shorter one; names have at most 253 characters.
    let rank: number | null = null;
    if (match.kind === "exact") rank = match.host === host ? 1000 : null;
    else if (host.endsWith(`.${match.suffix}`)) rank = match.suffix.length;
    if (rank !== null && (best === null || rank > best)) best = rank;
  }
  return best;
}

function requestRank(match: RequestMatch, head: RequestHead, path: string): Rank | null {
  const rank = lineRank(match, head.method, path);
  return rank !== null && holds(match, head) ? rank : null;
}

/** How specific it is for requests of this method and path; null: it is for others. */
function lineRank(match: RequestMatch, method: string, path: string): Rank | null {
  const pathRank = match.path === null ? [0, 0] : rankPath(match.path, path);
  if (pathRank === null || (match.method !== null && match.method !== method)) return null;
  return [...pathRank, match.method === null ? 0 : 1, match.headers.length, match.query.length];
}

function asksNoMore({ headers, query }: RequestMatch): boolean {
  return headers.length === 0 && query.length === 0;
}

/** What it asks of headers and query. */
function holds(match: RequestMatch, head: RequestHead): boolean {
  for (const { name, value } of match.headers) {
    if (!matchesValue(value, joined(head.headers, name))) return false;
  }
  if (match.query.length === 0) return true;
  const question = head.path.indexOf("?");
  const query = new URLSearchParams(question < 0 ? "" : head.path.slice(question + 1));
  return match.query.every(({ name, value }) => matchesValue(value, query.get(name)));
}

function rankPath(match: PathMatch, path: string): Rank | null {
  switch (match.kind) {
    case "exact":
      return path === match.path ? [3, match.path.length] : null;
    case "prefix": {
      const prefix = match.path.endsWith("/") ? match.path.slice(0, -1) : match.path;
      const next = path[prefix.length];
      return path.startsWith(prefix) && (next === undefined || next === "/") ? [1, prefix.length] : null;
    }
    case "regex":
      return match.pattern.test(path) ? [2, 0] : null;
    case "rpc":
      return rankRpc(match, path);
  }
}

/** As GRPCRoute ranks: more characters of the service, then of the method; a regular expression before none, after any name. */
function rankRpc({ service, method }: Extract<PathMatch, { kind: "rpc" }>, path: string): Rank | null {
  const slash = path.indexOf("/", 1);
  if (!path.startsWith("/") || slash < 0 || path.includes("/", slash + 1)) return null;
  if (service !== null && !matchesValue(service, path.slice(1, slash))) return null;
  if (method !== null && !matchesValue(method, path.slice(slash + 1))) return null;
  return [nameRank(service), nameRank(method)];
}

function nameRank(name: ValueMatch | null): number {
  if (name === null) return 0;
  return name.kind === "exact" ? name.value.length : 0.5;
}

/** Whether all of them hold. */
export function matchesHeaders(matches: readonly NamedMatch[], headers: FlatHeaders): boolean {
  return matches.every(({ name, value }) => matchesValue(value, joined(headers, name)));
}

/** All values of a field in one, as RFC 9110 §5.3 joins them: one of several can't stand for all. */
function joined(headers: FlatHeaders, name: string): string | null {
  let value: string | null = null;
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] === name) value = value === null ? (headers[at + 1] ?? "") : `${value}, ${headers[at + 1]}`;
  }
  return value;
}

function matchesValue(match: ValueMatch, value: string | null): boolean {
  if (value === null) return false;
  return match.kind === "exact" ? match.value === value : match.pattern.test(value);
}
