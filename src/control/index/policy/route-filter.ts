/** What a route does to a request or its answer. */

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
  /** Answers with an error instead of forwarding. */
  | { readonly kind: "failure"; readonly status: number; readonly message: string };

export interface FilterSpec {
  readonly type: string;
  readonly requestHeaderModifier?: Partial<HeaderChanges>;
  readonly responseHeaderModifier?: Partial<HeaderChanges>;
  readonly requestRedirect?: {
    readonly scheme?: string;
    readonly hostname?: string;
    readonly port?: number;
    readonly statusCode?: number;
    readonly path?: { readonly type: string; readonly replaceFullPath?: string; readonly replacePrefixMatch?: string };
  };
}

/** A filter that isn't supported makes its rule fail: what was asked for must not silently be left out. */
export function routeFilters(specs: readonly FilterSpec[] = []): RouteFilter[] {
  return specs.map((spec) => routeFilter(spec));
}

function routeFilter(spec: FilterSpec): RouteFilter {
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
    default:
      return { kind: "failure", status: 500, message: `The route's filter ${spec.type} is not supported` };
  }
}

function headerChanges({ set = [], add = [], remove = [] }: Partial<HeaderChanges> = {}): HeaderChanges {
  return { set, add, remove };
}

function pathChange(path: NonNullable<FilterSpec["requestRedirect"]>["path"]): PathChange | null {
  if (path === undefined) return null;
  return path.type === "ReplaceFullPath"
    ? { kind: "full", path: path.replaceFullPath ?? "/" }
    : { kind: "prefix", path: path.replacePrefixMatch ?? "/" };
}
