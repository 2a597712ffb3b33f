/** Parts of routes as messages of the proxy API, for both directions of traffic. */
import { create } from "#rpc/protobuf/create.ts";
import { GrpcRouteMatchSchema, GrpcRpcMatchSchema, type GrpcRouteMatch } from "#rpc/gen/grpc_route_pb.ts";
import {
  HeaderMatchSchema,
  HostMatch_SuffixSchema,
  HostMatchSchema,
  HttpFailureInjectorSchema,
  HttpRouteMatchSchema,
  PathMatchSchema,
  PathModifierSchema,
  QueryParamMatchSchema,
  RequestHeaderModifierSchema,
  RequestRedirectSchema,
  ResponseHeaderModifierSchema,
  UrlRewriteSchema,
  type HeaderMatch,
  type HostMatch,
  type HttpRouteMatch,
  type PathMatch,
  type PathModifier,
  type RequestRedirect,
  type UrlRewrite,
} from "#rpc/gen/http_route_pb.ts";
import {
  Headers_HeaderSchema,
  HeadersSchema,
  HttpMethod_Registered,
  HttpMethodSchema,
  Scheme_Registered,
  SchemeSchema,
  type Headers,
  type HttpMethod,
} from "#rpc/gen/http_types_pb.ts";
import type { GrpcMatch, HttpMatch, NamedMatch } from "../index/policy/route.ts";
import type { HeaderChanges, PathChange, RouteFilter } from "../index/policy/route-filter.ts";

export function hostMessage(host: string): HostMatch {
  if (!host.startsWith("*.")) return create(HostMatchSchema, { match: { case: "exact", value: host } });
  const value = create(HostMatch_SuffixSchema, { reverseLabels: host.slice(2).split(".").toReversed() });
  return create(HostMatchSchema, { match: { case: "suffix", value } });
}

export function httpMatchMessage({ path, method, headers, query }: HttpMatch): HttpRouteMatch {
  return create(HttpRouteMatchSchema, {
    ...(path === null ? {} : { path: pathMessage(path) }),
    ...(method === null ? {} : { method: methodMessage(method) }),
    headers: headers.map(headerMessage),
    queryParams: query.map(({ name, kind, value }) =>
      create(QueryParamMatchSchema, { name, value: { case: kind, value } }),
    ),
  });
}

export function grpcMatchMessage({ kind, service, method, headers }: GrpcMatch): GrpcRouteMatch {
  return create(GrpcRouteMatchSchema, {
    ...(service === null && method === null
      ? {}
      : { rpc: create(GrpcRpcMatchSchema, { service: service ?? "", method: method ?? "", regex: kind === "regex" }) }),
    headers: headers.map(headerMessage),
  });
}

function pathMessage({ kind, value }: NonNullable<HttpMatch["path"]>): PathMatch {
  return create(PathMatchSchema, { kind: { case: kind, value } });
}

export function methodMessage(method: string): HttpMethod {
  // Any word may be a method, "constructor" too.
  const registered = Object.hasOwn(HttpMethod_Registered, method)
    ? (HttpMethod_Registered[method as keyof typeof HttpMethod_Registered] as number)
    : undefined;
  return create(HttpMethodSchema, {
    type:
      registered === undefined
        ? { case: "unregistered", value: method }
        : { case: "registered", value: registered as HttpMethod_Registered },
  });
}

function headerMessage({ name, kind, value }: NamedMatch): HeaderMatch {
  return create(HeaderMatchSchema, {
    name,
    value: kind === "exact" ? { case: "exact", value: Buffer.from(value) } : { case: "regex", value },
  });
}

function headersMessage(headers: HeaderChanges["set"]): Headers {
  return create(HeadersSchema, {
    headers: headers.map(({ name, value }) => create(Headers_HeaderSchema, { name, value: Buffer.from(value) })),
  });
}

function changes({ set, add, remove }: HeaderChanges) {
  return { set: headersMessage(set), add: headersMessage(add), remove: [...remove] };
}

/** The oneof of a filter message. */
export function filterKind(filter: Exclude<RouteFilter, { readonly kind: "mirror" }>) {
  switch (filter.kind) {
    case "request-headers":
      return {
        case: "requestHeaderModifier",
        value: create(RequestHeaderModifierSchema, changes(filter.changes)),
      } as const;
    case "response-headers":
      return {
        case: "responseHeaderModifier",
        value: create(ResponseHeaderModifierSchema, changes(filter.changes)),
      } as const;
    case "redirect":
      return { case: "redirect", value: redirectMessage(filter) } as const;
    case "rewrite":
      return { case: "urlRewrite", value: rewriteMessage(filter) } as const;
    case "failure": {
      const { status, message } = filter;
      return { case: "failureInjector", value: create(HttpFailureInjectorSchema, { status, message }) } as const;
    }
  }
}

function rewriteMessage({ host, path }: Extract<RouteFilter, { kind: "rewrite" }>): UrlRewrite {
  return create(UrlRewriteSchema, { ...(host === null ? {} : { host }), ...pathModifier(path) });
}

function pathModifier(path: PathChange | null): { path?: PathModifier } {
  return path === null ? {} : { path: create(PathModifierSchema, { replace: { case: path.kind, value: path.path } }) };
}

function redirectMessage(filter: Extract<RouteFilter, { kind: "redirect" }>): RequestRedirect {
  const { scheme, host, port, path, status } = filter;
  return create(RequestRedirectSchema, {
    status,
    ...(host === null ? {} : { host }),
    ...(port === null ? {} : { port }),
    ...(scheme === null
      ? {}
      : {
          scheme: create(SchemeSchema, {
            type: {
              case: "registered",
              value: scheme === "https" ? Scheme_Registered.HTTPS : Scheme_Registered.HTTP,
            },
          }),
        }),
    ...pathModifier(path),
  });
}
