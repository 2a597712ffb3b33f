/** Route matches of the proxy API in the form that `route/` decides on. */
import type { HttpMethod } from "#rpc/gen/http_types_pb.ts";
import { HttpMethod_Registered } from "#rpc/gen/http_types_pb.ts";
import type { HostMatch as HostMessage, HttpRouteMatch, PathMatch as PathMessage } from "#rpc/gen/http_route_pb.ts";
import type { HostMatch, NamedMatch, PathMatch, RequestMatch, ValueMatch } from "../route/match.ts";

const registeredMethods: ReadonlyMap<number, string> = new Map(
  Object.entries(HttpMethod_Registered).map(([name, value]) => [value, name]),
);

/** Longer patterns are refused: they match nothing, which shows at once. */
const maxPattern = 1024;

export function hostMatches(messages: readonly HostMessage[]): HostMatch[] {
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
  const headers: NamedMatch[] = [];
  for (const { name, value } of message.headers) {
    const match: ValueMatch =
      value.case === "exact"
        ? { kind: "exact", value: Buffer.from(value.value).toString("latin1") }
        : { kind: "regex", pattern: anchored(value.value ?? "") };
    headers.push({ name: name.toLowerCase(), value: match });
  }
  const query: NamedMatch[] = message.queryParams.map(({ name, value }) => ({
    name,
    value:
      value.case === "exact"
        ? { kind: "exact", value: value.value }
        : { kind: "regex", pattern: anchored(value.value ?? "") },
  }));
  return {
    path: message.path === undefined ? null : pathMatch(message.path),
    method: message.method === undefined ? null : methodName(message.method),
    headers,
    query,
  };
}

function pathMatch({ kind }: PathMessage): PathMatch | null {
  switch (kind.case) {
    case "exact":
      return { kind: "exact", path: kind.value };
    case "prefix":
      return { kind: "prefix", path: kind.value };
    case "regex":
      return { kind: "regex", pattern: anchored(kind.value) };
    default:
      return null;
  }
}

/** Matches the whole text. A pattern that does not compile or is too long matches nothing. */
function anchored(pattern: string): RegExp {
  const never = /(?!)/;
  if (pattern.length > maxPattern) return never;
  try {
    return new RegExp(`^(?:${pattern})$`);
  } catch {
    // The control plane has checked it with another engine's syntax; nothing else can be done with it here.
    return never;
  }
}

function methodName({ type }: HttpMethod): string | null {
  if (type.case === "registered") return registeredMethods.get(type.value) ?? null;
  return type.case === "unregistered" ? type.value : null;
}
