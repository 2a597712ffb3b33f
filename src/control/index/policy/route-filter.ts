/** What a route does to a request or its answer. */
import type { ObjectRef } from "./authorization-policy.ts";

export interface HeaderChanges {
  readonly set: ReadonlyArray<{ readonly name: string; readonly value: string }>;
  readonly add: ReadonlyArray<{ readonly name: string; readonly value: string }>;
  readonly remove: readonly string[];
}

export type PathChange =
  | { readonly kind: "full"; readonly path: string }
  /** Replaces the prefix that was matched. */
  | { readonly kind: "prefix"; readonly path: string };

export type RouteFilter =
  | { readonly kind: "request-headers"; readonly changes: HeaderChanges }
  | { readonly kind: "response-headers"; readonly changes: HeaderChanges }
  | {
      readonly kind: "redirect";
      /** Null: as in the request. */
      readonly scheme: string | null;
      readonly host: string | null;
      readonly port: number | null;
      readonly path: PathChange | null;
      readonly status: number;
    }
  /** The request goes on under another host or path; null: as it is. */
  | { readonly kind: "rewrite"; readonly host: string | null; readonly path: PathChange | null }
  /** Another backend gets a share of the requests as well. */
  | { readonly kind: "mirror"; readonly backend: MirrorRef; readonly ratio: Ratio }
  /** Answers with an error instead of forwarding. */
  | { readonly kind: "failure"; readonly status: number; readonly message: string };

export interface MirrorRef extends ObjectRef {
  readonly port: number | null;
}

export interface Ratio {
  readonly numerator: number;
  readonly denominator: number;
}

export interface FilterSpec {
  readonly type: string;
  readonly requestHeaderModifier?: Partial<HeaderChanges>;
  readonly responseHeaderModifier?: Partial<HeaderChanges>;
  readonly requestRedirect?: {
    readonly scheme?: string;
    readonly hostname?: string;
    readonly port?: number;
    readonly statusCode?: number;
    readonly path?: PathSpec;
  };
  readonly urlRewrite?: { readonly hostname?: string; readonly path?: PathSpec };
  readonly requestMirror?: {
    readonly backendRef: Partial<ObjectRef> & { readonly name: string; readonly port?: number };
    readonly percent?: number;
    readonly fraction?: { readonly numerator: number; readonly denominator?: number };
  };
}

interface PathSpec {
  readonly type: string;
  readonly replaceFullPath?: string;
  readonly replacePrefixMatch?: string;
}

/** A filter that isn't supported makes its rule fail: what was asked for must not silently be left out. */
export function routeFilters(specs: readonly FilterSpec[] = [], namespace = ""): RouteFilter[] {
  return specs.map((spec) => routeFilter(spec, namespace));
}

function routeFilter(spec: FilterSpec, own: string): RouteFilter {
  switch (spec.type) {
    case "RequestHeaderModifier":
      return { kind: "request-headers", changes: headerChanges(spec.requestHeaderModifier) };
    case "ResponseHeaderModifier":
      return { kind: "response-headers", changes: headerChanges(spec.responseHeaderModifier) };
    case "RequestRedirect": {
      const { scheme, hostname, port, path, statusCode } = spec.requestRedirect ?? {};
      return {
        kind: "redirect",
        scheme: scheme ?? null,
        host: hostname ?? null,
        port: port ?? null,
        path: pathChange(path),
        status: statusCode ?? 302,
      };
    }
    case "URLRewrite": {
      const { hostname, path } = spec.urlRewrite ?? {};
      return { kind: "rewrite", host: hostname ?? null, path: pathChange(path) };
    }
    case "RequestMirror": {
      if (spec.requestMirror === undefined) return failure("The route's filter RequestMirror names no backend");
      const { backendRef, percent = 100, fraction = { numerator: percent } } = spec.requestMirror;
      const { group = "", kind = "Service", namespace = own, name, port = null } = backendRef;
      return {
        kind: "mirror",
        backend: { group: group === "core" ? "" : group, kind: kind.toLowerCase(), namespace, name, port },
        ratio: { numerator: fraction.numerator, denominator: fraction.denominator ?? 100 },
      };
    }
    default:
      return failure(`The route's filter ${spec.type} is not supported`);
  }
}

function failure(message: string): RouteFilter {
  return { kind: "failure", status: 500, message };
}

function headerChanges({ set = [], add = [], remove = [] }: Partial<HeaderChanges> = {}): HeaderChanges {
  return { set, add, remove };
}

function pathChange(path: PathSpec | undefined): PathChange | null {
  if (path === undefined) return null;
  return path.type === "ReplaceFullPath"
    ? { kind: "full", path: path.replaceFullPath ?? "/" }
    : { kind: "prefix", path: path.replacePrefixMatch ?? "/" };
}
