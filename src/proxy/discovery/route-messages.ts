/** Route matches of the proxy API in the form that `route/` decides on. */
import type { HttpMethod } from "#rpc/gen/http_types_pb.ts";
import { HttpMethod_Registered } from "#rpc/gen/http_types_pb.ts";
import type { GrpcRouteMatch } from "#rpc/gen/grpc_route_pb.ts";
import type {
  HeaderMatch,
  HostMatch as HostMessage,
  HttpRouteMatch,
  PathMatch as PathMessage,
} from "#rpc/gen/http_route_pb.ts";
import type { SniMatch } from "#rpc/gen/tls_route_pb.ts";
import type { HostMatch, NamedMatch, PathMatch, RequestMatch, ValueMatch } from "../route/match.ts";
import { nothing, wholeText } from "../route/pattern.ts";

const registeredMethods: ReadonlyMap<number, string> = new Map(
  Object.entries(HttpMethod_Registered).map(([name, value]) => [value, name]),
);

/** Stands for a kind of match that is newer than we are: never for a wider one. */
const never: RequestMatch = { path: { kind: "regex", pattern: nothing }, method: null, headers: [], query: [] };

export const sniMatches: (messages: readonly SniMatch[]) => HostMatch[] = namesOf;
export const hostMatches: (messages: readonly HostMessage[]) => HostMatch[] = namesOf;

function namesOf(messages: ReadonlyArray<Pick<HostMessage | SniMatch, "match">>): HostMatch[] {
  const out: HostMatch[] = [];
  for (const { match } of messages) {
    if (match.case === "exact") out.push({ kind: "exact", host: match.value.toLowerCase() });
    else if (match.case === "suffix") {
      out.push({ kind: "suffix", suffix: match.value.reverseLabels.toReversed().join(".").toLowerCase() });
    }
  }
  return out;
}

export function requestMatch(message: HttpRouteMatch): RequestMatch {
  const path = message.path === undefined ? null : pathMatch(message.path);
  const method = message.method === undefined ? null : methodName(message.method);
  if (path === undefined || method === undefined) return never;
  return {
    path,
    method,
    headers: headerMatches(message.headers),
    query: firstOfName(
      message.queryParams.map(({ name, value }) => ({
        name,
        value: value.case === "exact" ? { kind: "exact", value: value.value } : regex(value.value),
      })),
    ),
  };
}

/** A gRPC method is the path /package.Service/Method. */
export function rpcMatch({ rpc, headers }: GrpcRouteMatch): RequestMatch {
  const { service = "", method = "", regex: patterns = false } = rpc ?? {};
  const name = (text: string): ValueMatch | null =>
    text === "" ? null : patterns ? regex(text) : { kind: "exact", value: text };
  const path: PathMatch | null =
    service === "" && method === "" ? null : { kind: "rpc", service: name(service), method: name(method) };
  return { path, method: null, headers: headerMatches(headers), query: [] };
}

export function headerMatches(messages: readonly HeaderMatch[]): NamedMatch[] {
  return firstOfName(
    messages.map(({ name, value }) => ({
      name: name.toLowerCase(),
      value:
        value.case === "exact"
          ? { kind: "exact", value: Buffer.from(value.value).toString("latin1") }
          : regex(value.value),
    })),
  );
}

/** Of several entries for one name the first counts (Gateway API). */
function firstOfName(matches: readonly NamedMatch[]): NamedMatch[] {
  return matches.filter(({ name }, at) => matches.findIndex((other) => other.name === name) === at);
}

function regex(source: string | undefined): ValueMatch {
  return { kind: "regex", pattern: source === undefined ? nothing : wholeText(source) };
}

/** Undefined for a kind that is not known. */
function pathMatch({ kind }: PathMessage): PathMatch | undefined {
  switch (kind.case) {
    case "exact":
      return { kind: "exact", path: kind.value };
    case "prefix":
      return { kind: "prefix", path: kind.value };
    case "regex":
      return { kind: "regex", pattern: wholeText(kind.value) };
    default:
      return undefined;
  }
}

export function methodName({ type }: HttpMethod): string | undefined {
  if (type.case === "registered") return registeredMethods.get(type.value);
  return type.case === "unregistered" ? type.value : undefined;
}
