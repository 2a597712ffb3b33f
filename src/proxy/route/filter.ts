/** What a route does to requests and responses besides sending them on. Pure. */
import type { Random } from "#lib/random.ts";
import { pathOnly, type FlatHeaders, type RequestHead } from "#wire/http1/head.ts";
import { matchedPrefix, type RouteMatchers } from "./match.ts";

/** Names in lower case. Removed first, then set, then added. */
export interface HeaderChanges {
  /** Replaces every value of its name. */
  readonly set: FlatHeaders;
  /** Joins the values that are there. */
  readonly add: FlatHeaders;
  readonly remove: ReadonlySet<string>;
}

export interface RequestChanges {
  readonly headers: readonly HeaderChanges[];
  /** Path and query, in place of the request's; null: as it is. */
  readonly path: string | null;
  /** In place of Host; null: as it is. */
  readonly authority: string | null;
  /** What became of heads that come again. */
  readonly known: WeakMap<RequestHead, RequestHead>;
}

/** `prefix`: replaces the prefix by which the request matched. The query stays. */
export interface PathChange {
  readonly kind: "full" | "prefix";
  readonly path: string;
}

/** Answers with a Location; what is null is as the request has it. */
export interface Redirect {
  readonly kind: "redirect";
  readonly status: number;
  readonly scheme: string | null;
  readonly host: string | null;
  readonly port: number | null;
  readonly path: PathChange | null;
}

export type Filter =
  | { readonly kind: "request-headers"; readonly changes: HeaderChanges }
  | { readonly kind: "response-headers"; readonly changes: HeaderChanges }
  | Redirect
  /** The request goes on under another host or path. */
  | { readonly kind: "rewrite"; readonly host: string | null; readonly path: PathChange | null }
  /** Answers by itself. `grpc`: the status for gRPC. `ratio`: of the requests, 0–1. */
  | {
      readonly kind: "failure";
      readonly status: number;
      readonly grpc: number;
      readonly message: string;
      readonly ratio: number;
    };

export type Filtered =
  /** It goes on; null: as it came. */
  | { readonly kind: "pass"; readonly changes: RequestChanges | null }
  | { readonly kind: "redirect"; readonly status: number; readonly location: string }
  | { readonly kind: "failure"; readonly status: number; readonly grpc: number; readonly message: string };

/** The filters of one rule, or of one backend of it, in their order. */
export class FilterChain {
  /** To be applied to responses. */
  readonly response: readonly HeaderChanges[];
  private readonly filters: readonly Filter[];
  private readonly match: RouteMatchers;
  private readonly answers: boolean;
  private readonly headers: readonly HeaderChanges[];
  private readonly rewrites: ReadonlyArray<Extract<Filter, { kind: "rewrite" }>>;
  private readonly plain: RequestChanges | null;

  /** @param match of the rule */
  constructor(filters: readonly Filter[], match: RouteMatchers) {
    this.filters = filters;
    this.match = match;
    this.response = filters.flatMap((filter) => (filter.kind === "response-headers" ? [filter.changes] : []));
    this.headers = filters.flatMap((filter) => (filter.kind === "request-headers" ? [filter.changes] : []));
    this.rewrites = filters.filter((filter) => filter.kind === "rewrite");
    const changes = this.headers.length > 0 || this.rewrites.length > 0;
    this.plain = changes ? { headers: this.headers, path: null, authority: null, known: new WeakMap() } : null;
    this.answers = filters.some(({ kind }) => kind === "redirect" || kind === "failure");
  }

  /** Whether there is nothing to do with requests. */
  get passesRequests(): boolean {
    return this.plain === null && !this.answers;
  }

  /** @param scheme "http" or "https", of the request */
  apply(head: RequestHead, scheme: string, random: Random): Filtered {
    if (this.answers) {
      for (const filter of this.filters) {
        if (filter.kind === "redirect")
          return { kind: "redirect", status: filter.status, location: location(filter, head, scheme, this.match) };
        if (filter.kind === "failure" && (filter.ratio >= 1 || random.next() < filter.ratio)) return filter;
      }
    }
    return { kind: "pass", changes: this.changes(head) };
  }

  private changes(head: RequestHead): RequestChanges | null {
    const { plain } = this;
    if (plain === null || this.rewrites.length === 0) return plain;
    let { path, authority } = plain;
    for (const rewrite of this.rewrites) {
      if (rewrite.host !== null) authority = rewrite.host;
      if (rewrite.path !== null) path = changePath(rewrite.path, head, this.match);
    }
    return { ...plain, path, authority };
  }
}

/** The path with its query after a change. */
function changePath(change: PathChange, head: RequestHead, match: RouteMatchers): string {
  const path = pathOnly(head.path);
  const query = head.path.slice(path.length);
  if (change.kind === "full") return (change.path === "" ? "/" : change.path) + query;
  const joined = change.path.replace(/\/$/, "") + path.slice(matchedPrefix(match, head).length);
  return (joined.startsWith("/") ? joined : `/${joined}`) + query;
}

/** As HTTPRequestRedirectFilter says: a scheme without a port means the scheme's own port. */
function location(redirect: Redirect, head: RequestHead, requestScheme: string, match: RouteMatchers): string {
  const colon = head.authority.lastIndexOf(":");
  const hasPort = colon > head.authority.lastIndexOf("]");
  const scheme = redirect.scheme ?? requestScheme;
  const host = redirect.host ?? (hasPort ? head.authority.slice(0, colon) : head.authority);
  const requestPort = hasPort ? head.authority.slice(colon + 1) : "";
  const port = redirect.port === null ? (redirect.scheme === null ? requestPort : "") : String(redirect.port);
  const usual = port === "" || port === (scheme === "https" ? "443" : "80");
  const path = redirect.path === null ? head.path : changePath(redirect.path, head, match);
  return `${scheme}://${host}${usual ? "" : `:${port}`}${path}`;
}
