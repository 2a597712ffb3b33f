/** Filters of the proxy API's routes in the form that `route/` applies. */
import type { GrpcFailureInjector } from "#rpc/gen/grpc_route_pb.ts";
import type {
  HttpFailureInjector,
  PathModifier,
  Ratio,
  RequestHeaderModifier,
  RequestRedirect,
  ResponseHeaderModifier,
  UrlRewrite,
} from "#rpc/gen/http_route_pb.ts";
import { Scheme_Registered, type Headers } from "#rpc/gen/http_types_pb.ts";
import type { HttpRoute_RequestMirror } from "#rpc/gen/outbound_pb.ts";
import { isFieldValue } from "#wire/http2/hpack/field.ts";
import type { Filter, HeaderChanges, PathChange } from "../route/filter.ts";

/** The union of what the filter messages of both directions and protocols can say. */
export interface FilterMessage {
  readonly kind:
    | { readonly case: "failureInjector"; readonly value: HttpFailureInjector | GrpcFailureInjector }
    | { readonly case: "requestHeaderModifier"; readonly value: RequestHeaderModifier }
    | { readonly case: "responseHeaderModifier"; readonly value: ResponseHeaderModifier }
    | { readonly case: "redirect"; readonly value: RequestRedirect }
    | { readonly case: "urlRewrite"; readonly value: UrlRewrite }
    | { readonly case: "requestMirror"; readonly value: HttpRoute_RequestMirror }
    | { readonly case: undefined };
}

/** gRPC's FAILED_PRECONDITION and PERMISSION_DENIED. */
const failedPrecondition = 9;
const permissionDenied = 7;

/** All but mirrors, which are backends. */
export function filters(messages: readonly FilterMessage[]): Filter[] {
  const own = messages.filter(({ kind }) => kind.case !== "requestMirror");
  return own.map(({ kind }): Filter => {
    switch (kind.case) {
      case "requestHeaderModifier":
        return { kind: "request-headers", changes: headerChanges(kind.value) };
      case "responseHeaderModifier":
        return { kind: "response-headers", changes: headerChanges(kind.value) };
      case "redirect":
        return redirect(kind.value);
      case "urlRewrite": {
        const { host, path } = kind.value;
        return { kind: "rewrite", host: host === "" ? null : host, path: pathChange(path) };
      }
      case "failureInjector":
        return failure(kind.value);
      default:
        // A filter that is newer than we are: the request must not go on as if it had none.
        return failed(500, failedPrecondition, "The route has a filter that this proxy does not know");
    }
  });
}

const failed = (status: number, grpc: number, message: string, ratio = 1): Filter => ({
  kind: "failure",
  status,
  grpc,
  message,
  ratio,
});

function failure(message: HttpFailureInjector | GrpcFailureInjector): Filter {
  const ratio = ratioOf(message.ratio);
  if (message.$typeName === "io.linkerd.proxy.grpc_route.GrpcFailureInjector")
    return failed(500, message.code, message.message, ratio);
  const status = message.status >= 200 && message.status <= 599 ? message.status : 500;
  return failed(status, status === 403 ? permissionDenied : failedPrecondition, message.message, ratio);
}

export function ratioOf(ratio: Ratio | undefined): number {
  if (ratio === undefined || ratio.denominator === 0) return 1;
  return Math.min(1, ratio.numerator / ratio.denominator);
}

function headerChanges({ set, add, remove }: RequestHeaderModifier | ResponseHeaderModifier): HeaderChanges {
  return {
    set: flat(set),
    add: flat(add),
    remove: new Set(remove.map((name) => name.toLowerCase())),
  };
}

function flat(message: Headers | undefined): string[] {
  const out: string[] = [];
  for (const { name, value } of message?.headers ?? []) {
    const lower = name.toLowerCase();
    const text = Buffer.from(value).toString("latin1");
    if (/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(lower) && isFieldValue(text)) out.push(lower, text);
  }
  return out;
}

function redirect({ scheme, host, path, port, status }: RequestRedirect): Filter {
  return {
    kind: "redirect",
    status: status >= 300 && status <= 399 ? status : 302,
    scheme:
      scheme?.type.case === "registered"
        ? scheme.type.value === Scheme_Registered.HTTPS
          ? "https"
          : "http"
        : scheme?.type.case === "unregistered"
          ? scheme.type.value
          : null,
    host: host === "" ? null : host,
    port: port === 0 ? null : port,
    path: pathChange(path),
  };
}

function pathChange(message: PathModifier | undefined): PathChange | null {
  const replace = message?.replace;
  if (replace?.case === undefined) return null;
  return { kind: replace.case, path: replace.value };
}
