/** The policy API's Server message in the form that `policy/` decides on. */
import { cidr, milliseconds } from "#rpc/address.ts";
import type { Authn, Authz, GrpcRoute, HttpLocalRateLimit, HttpRoute, JwtAuthz, Server } from "#rpc/gen/inbound_pb.ts";
import type { Metadata } from "#rpc/gen/meta_pb.ts";
import type {
  Authorization,
  ClientMatch,
  InboundRoute,
  NetworkMatch,
  Origin,
  ServerPolicy,
} from "../policy/server-policy.ts";
import { TokenCheck } from "../policy/token-check.ts";
import type { RateLimit } from "../policy/rate-limit.ts";
import { FilterChain } from "../route/filter.ts";
import type { RequestMatch } from "../route/match.ts";
import { filters, type FilterMessage } from "./filter-messages.ts";
import { hostMatches, requestMatch, rpcMatch } from "./route-messages.ts";

/** `detectTimeout`: when the message has none, ms. */
export function serverPolicy(message: Server, detectTimeout: number): ServerPolicy {
  const { kind } = message.protocol ?? { kind: { case: undefined } };
  const base = {
    detectTimeout,
    authorizations: [
      ...message.authorizations.flatMap(authorization),
      ...message.jwtAuthorizations.flatMap(tokenAuthorization),
    ],
    routes: null,
    rateLimit: null,
    origin: labelledOrigin(message.labels),
    ...(message.denials.length === 0 ? {} : { denials: message.denials.map(denial) }),
  };
  switch (kind.case) {
    case "detect":
      return {
        ...base,
        protocol: "detect",
        detectTimeout: milliseconds(kind.value.timeout, detectTimeout),
        routes: routes(kind.value.httpRoutes),
        rateLimit: rateLimit(kind.value.httpLocalRateLimit),
      };
    case "http1":
      return {
        ...base,
        protocol: "http1",
        routes: routes(kind.value.routes),
        rateLimit: rateLimit(kind.value.localRateLimit),
      };
    case "http2":
      return {
        ...base,
        protocol: "http2",
        routes: routes(kind.value.routes),
        rateLimit: rateLimit(kind.value.localRateLimit),
      };
    case "grpc":
      return { ...base, protocol: "grpc", routes: grpcRoutes(kind.value.routes) };
    case "opaque":
      return { ...base, protocol: "opaque" };
    case "tls":
      return { ...base, protocol: "tls" };
    default:
      // A protocol that is newer than we are: look at the bytes ourselves.
      return { ...base, protocol: "detect" };
  }
}

/** Null when there are none: then the built-in route takes every request. */
function routes(messages: readonly HttpRoute[]): InboundRoute[] | null {
  return routesOf(messages, requestMatch);
}

function grpcRoutes(messages: readonly GrpcRoute[]): InboundRoute[] | null {
  return routesOf(messages, rpcMatch);
}

/** What the two kinds of routes have in common. */
interface RouteMessage<M> {
  readonly metadata?: Metadata | undefined;
  readonly hosts: HttpRoute["hosts"];
  readonly authorizations: readonly Authz[];
  readonly jwtAuthorizations: readonly JwtAuthz[];
  readonly rules: ReadonlyArray<{ readonly matches: readonly M[]; readonly filters: readonly FilterMessage[] }>;
}

/** Each rule is a route of its own here. */
function routesOf<M>(
  messages: ReadonlyArray<RouteMessage<M>>,
  match: (message: M) => RequestMatch,
): InboundRoute[] | null {
  if (messages.length === 0) return null;
  return messages.flatMap(({ metadata, hosts, authorizations, jwtAuthorizations, rules }) => {
    const common = {
      origin: metadataOrigin(metadata),
      authorizations: [...authorizations.flatMap(authorization), ...jwtAuthorizations.flatMap(tokenAuthorization)],
    };
    return rules.map((rule) => {
      const matchers = { hosts: hostMatches(hosts), requests: rule.matches.map(match) };
      const chain = new FilterChain(filters(rule.filters), matchers);
      return { ...common, match: matchers, filters: chain.passesRequests ? null : chain };
    });
  });
}

function rateLimit(message: HttpLocalRateLimit | undefined): RateLimit | null {
  if (message === undefined) return null;
  return {
    origin: metadataOrigin(message.metadata),
    total: message.total?.requestsPerSecond ?? null,
    identity: message.identity?.requestsPerSecond ?? null,
    overrides: message.overrides.map(({ limit, clients }) => ({
      limit: limit?.requestsPerSecond ?? 0,
      identities: new Set(clients?.identities.map(({ name }) => name)),
    })),
  };
}

/** None when it can't be understood: what is unclear permits nobody. */
function authorization(message: Authz): Authorization[] {
  const clients = clientMatch(message.authentication);
  if (clients === null) return [];
  const networks: NetworkMatch[] = [];
  for (const network of message.networks) {
    const net = cidr(network.net);
    const except = network.except.map((hole) => cidr(hole));
    // An exception that can't be read must not turn into a permission.
    if (net === null || except.includes(null)) continue;
    networks.push({ net, except: except.filter((hole) => hole !== null) });
  }
  const origin = message.metadata === undefined ? labelledOrigin(message.labels) : metadataOrigin(message.metadata);
  return [{ networks, clients, origin }];
}

function tokenAuthorization({ authz, issuer, audiences, claims, keySet }: JwtAuthz): Authorization[] {
  if (authz === undefined) return [];
  const token = new TokenCheck({ issuer, audiences, claims, keySet });
  return authorization(authz).map((found) => ({ ...found, token }));
}

/** One that can't be understood, or whose networks can't, is about everybody: it must not become narrower than it was meant. */
function denial(message: Authz): Authorization {
  const [found] = authorization(message);
  if (found !== undefined && found.networks.length === message.networks.length) return found;
  const everywhere = [4, 16].map((length) => ({ net: { bytes: new Uint8Array(length), prefix: 0 }, except: [] }));
  return { networks: everywhere, clients: { kind: "any" }, origin: metadataOrigin(message.metadata) };
}

function clientMatch(message: Authn | undefined): ClientMatch | null {
  switch (message?.permit.case) {
    case "unauthenticated":
      return { kind: "any" };
    case "meshTLS": {
      const { clients } = message.permit.value;
      if (clients.case === "unauthenticated") return { kind: "tls" };
      if (clients.case !== "identities") return null;
      return {
        kind: "identities",
        identities: new Set(clients.value.identities.map(({ name }) => name)),
        suffixes: clients.value.suffixes.map(({ parts }) => parts.join(".")),
      };
    }
    default:
      return null;
  }
}

/** Older messages tell their origin by labels. */
function labelledOrigin(labels: Readonly<Record<string, string>>): Origin {
  const origin = { group: labels["group"] ?? "", kind: labels["kind"] ?? "", name: labels["name"] ?? "" };
  const { namespace } = labels;
  return namespace === undefined ? origin : { ...origin, namespace };
}

function metadataOrigin(metadata: Metadata | undefined): Origin {
  switch (metadata?.kind.case) {
    case "default":
      return { group: "", kind: "default", name: metadata.kind.value };
    case "resource": {
      const { group, kind, name, namespace } = metadata.kind.value;
      return namespace === "" ? { group, kind, name } : { group, kind, name, namespace };
    }
    default:
      return { group: "", kind: "default", name: "" };
  }
}
