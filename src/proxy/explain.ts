/**
 * What a proxy would do with one request, by the very code that decides about requests, with the reasons that it need not
 * know of itself. For people: nothing here is on the way of traffic.
 */
import type { JwtResult } from "#lib/jwt/verify.ts";
import { parseIp } from "#lib/net-addr.ts";
import type { DestinationProfile } from "#rpc/gen/destination_pb.ts";
import type { Server } from "#rpc/gen/inbound_pb.ts";
import type { OutboundPolicy } from "#rpc/gen/outbound_pb.ts";
import type { RequestHead } from "#wire/http1/head.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { outboundPlan, type Choice, type PlannedRoute } from "./discovery/outbound-plan.ts";
import { serverPolicy } from "./discovery/server-policy-message.ts";
import { draw } from "./faults/fault.ts";
import type { ClientTls } from "./inbound/ports.ts";
import { findAuthorization, isDenied, tokenAuthorizations } from "./policy/authorize.ts";
import type { Authorization, InboundRoute } from "./policy/server-policy.ts";
import type { Filter } from "./route/filter.ts";
import { findRoute, type RequestMatch, type RouteMatchers, type ValueMatch } from "./route/match.ts";

export interface Question {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly host: string;
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
}

/** Throws "protocol" or so when no client could send it. */
export function requestOf({ method, path, host, headers }: Question): RequestHead {
  const fields = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return parseRequestHead(`${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${fields}`);
}

export interface Considered {
  readonly name: string;
  /** Null: this one decides. */
  readonly why: string | null;
}

export interface PlannedTarget {
  /** "host:port" of a Service, or an address. */
  readonly to: string;
  readonly weight: number;
  /** Why requests for it fail; null: they don't. */
  readonly fails: string | null;
}

export interface OutboundJudgement {
  readonly protocol: string;
  /** Rules of routes, in the order of the policy; of bytes the one that there is. */
  readonly routes: readonly Considered[];
  readonly filters: readonly string[];
  readonly targets: readonly PlannedTarget[];
  /** Why nothing is sent anywhere; null: it is. */
  readonly fails: string | null;
}

export function judgeOutbound(
  addr: { readonly ip: string; readonly port: number },
  profile: DestinationProfile | null,
  policy: OutboundPolicy | null,
  head: RequestHead,
): OutboundJudgement {
  const options = { detectTimeout: 10_000, identityEnabled: true };
  const plan = outboundPlan(addr, profile, policy, options);
  const { protocol } = plan;
  if (plan.http.length === 0) {
    const { targets, fails } = targetsOf(plan.tcp);
    return { protocol, routes: [{ name: nameOf(plan.tcpRef ?? plan.parent), why: null }], filters: [], targets, fails };
  }
  const found = findRoute(plan.http, head);
  const routes = considered(plan.http, found, head, ({ ref }) => nameOf(ref));
  if (found === null) {
    return { protocol, routes, filters: [], targets: [], fails: "no route is for this request (404)" };
  }
  const { targets, fails } = targetsOf(found.choice);
  const answer = found.filters.map(answerOf).find((text) => text !== null) ?? null;
  return { protocol, routes, filters: describe(found), targets, fails: certainEnd(found, head) ?? answer ?? fails };
}

/** Faults that hit every request like this one. */
function certainEnd({ faults }: PlannedRoute, head: RequestHead): string | null {
  // The luckiest draw: only what has no share ends it.
  const end = draw(faults, head, { next: () => 1 - Number.EPSILON })?.end ?? null;
  if (end === null) return null;
  return end.kind === "reset" ? "cut by a fault on purpose" : `answered with ${end.status} by a fault on purpose`;
}

function targetsOf(choice: Choice): { readonly targets: readonly PlannedTarget[]; readonly fails: string | null } {
  if (choice.kind === "refuse") return { targets: [], fails: choice.message };
  const targets = choice.backends.map(({ plan, weight, filters }): PlannedTarget => {
    const answer = filters.map(answerOf).find((text) => text !== null) ?? null;
    if (plan.kind === "refuse") return { to: "", weight, fails: plan.message };
    const to = plan.kind === "balancer" ? plan.path : `${plan.info.addr.ip}:${plan.info.addr.port}`;
    const refusal = plan.kind === "forward" ? (plan.info.refusal ?? null) : null;
    return { to, weight, fails: answer ?? (refusal === null ? null : `${refusal} (502)`) };
  });
  const [first] = targets;
  return { targets, fails: first !== undefined && targets.every(({ fails }) => fails !== null) ? first.fails : null };
}

function describe({ filters, faults, mirrors, timeouts, retry }: PlannedRoute): string[] {
  return [
    ...filters.map(({ kind }) => kind),
    ...mirrors.map(({ plan }) => `mirror to ${plan.kind === "balancer" ? plan.path : plan.authority}`),
    ...(faults.length > 0 ? [faults.length === 1 ? "a fault on purpose" : `${faults.length} faults on purpose`] : []),
    ...(timeouts.request > 0 ? [`request timeout ${timeouts.request} ms`] : []),
    ...(retry === null ? [] : ["retries"]),
  ];
}

function answerOf(filter: Filter): string | null {
  if (filter.kind === "redirect") return `answered with a redirect (${filter.status})`;
  return filter.kind === "failure" ? `answered with ${filter.status}: ${filter.message}` : null;
}

interface Named {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** Kinds that messages write in lower case, as people know them. */
const kinds: Readonly<Record<string, string>> = {
  server: "Server",
  serverauthorization: "ServerAuthorization",
  authorizationpolicy: "AuthorizationPolicy",
  httplocalratelimitpolicy: "HTTPLocalRateLimitPolicy",
  denypolicy: "DenyPolicy",
  networkauthentication: "NetworkAuthentication",
};

/** `HTTPRoute "api" in namespace "web"`; built-in ones have kind "default". */
function nameOf({ kind, name, namespace = "" }: Named): string {
  if (kind === "default") return `default "${name}"`;
  const own = `${kinds[kind] ?? kind} "${name}"`;
  return namespace === "" ? own : `${own} in namespace "${namespace}"`;
}

function considered<T extends { readonly match: RouteMatchers }>(
  rules: readonly T[],
  found: T | null,
  head: RequestHead,
  name: (rule: T) => string,
): Considered[] {
  const total = new Map<string, number>();
  for (const rule of rules) total.set(name(rule), (total.get(name(rule)) ?? 0) + 1);
  const seen = new Map<string, number>();
  return rules.map((rule) => {
    const own = name(rule);
    const at = (seen.get(own) ?? 0) + 1;
    seen.set(own, at);
    const numbered = (total.get(own) ?? 0) > 1 ? `${own}, rule ${at}` : own;
    return { name: numbered, why: rule === found ? null : whyNot(rule.match, head) };
  });
}

/** Asks the same question about each part of a rule by itself. */
function whyNot(match: RouteMatchers, head: RequestHead): string {
  const fits = (part: RouteMatchers): boolean => findRoute([{ match: part }], head) !== null;
  if (fits(match)) return "another rule is more specific, or as specific and older";
  if (!fits({ hosts: match.hosts, requests: [] })) return `its hosts don't include "${head.authority}"`;
  if (match.test !== undefined && match.requests.length === 0) return "its condition does not hold";
  const anything: RequestMatch = { path: null, method: null, headers: [], query: [] };
  const failing = (request: RequestMatch): string[] => {
    const alone = (part: Partial<RequestMatch>): boolean => fits({ hosts: [], requests: [{ ...anything, ...part }] });
    return [
      ...(alone({ path: request.path }) ? [] : [`path ${pathText(request)}`]),
      ...(alone({ method: request.method }) ? [] : [`method ${request.method}`]),
      ...request.headers.filter((header) => !alone({ headers: [header] })).map(({ name }) => `header "${name}"`),
      ...request.query.filter((query) => !alone({ query: [query] })).map(({ name }) => `query "${name}"`),
    ];
  };
  const each = match.requests.map((request) => failing(request).join(" and "));
  return `the request does not match ${each.filter((text) => text !== "").join("; nor ")}`;
}

function pathText({ path }: RequestMatch): string {
  if (path === null) return "";
  if (path.kind === "regex") return "expression";
  return path.kind === "rpc" ? `/${nameText(path.service)}/${nameText(path.method)}` : `${path.kind} "${path.path}"`;
}

function nameText(name: ValueMatch | null): string {
  if (name === null) return "*";
  return name.kind === "exact" ? name.value : "expression";
}

export interface InboundJudgement {
  readonly protocol: string;
  readonly policy: string;
  /** Empty: bytes, or no routes. */
  readonly routes: readonly Considered[];
  readonly authorizations: readonly Considered[];
  readonly rateLimit: string | null;
  /** Why the request is refused; null: it is let in. */
  readonly refused: string | null;
}

/** `now`: for tokens, ms since 1970. */
export function judgeInbound(
  message: Server,
  client: { readonly ip: string; readonly identity: string | null },
  head: RequestHead,
  now: number,
): InboundJudgement {
  const policy = serverPolicy(message, 10_000);
  const tls: ClientTls =
    client.identity === null
      ? { kind: "none", reason: "no_tls_from_remote" }
      : { kind: "meshed", clientId: client.identity };
  const who = { ip: parseIp(client.ip) ?? new Uint8Array(), tls };
  const { protocol, routes } = policy;
  const base = {
    protocol,
    policy: nameOf(policy.origin),
    rateLimit: policy.rateLimit === null ? null : nameOf(policy.rateLimit.origin),
  };
  const found = routes === null ? null : findRoute(routes, head);
  const list = routes === null ? [] : considered(routes, found, head, ({ origin }) => nameOf(origin));
  if (routes !== null && found === null) {
    return { ...base, routes: list, authorizations: [], refused: "no route is for this request (404)" };
  }
  const all = [...policy.authorizations, ...(found?.authorizations ?? [])];
  if (isDenied(who, policy)) {
    const denial = findAuthorization(who, policy.denials ?? []);
    const name = denial === null ? "a denial" : nameOf(denial.origin);
    const lost = all.map(({ origin }) => ({ name: nameOf(origin), why: `${name} wins` }));
    return { ...base, routes: list, authorizations: lost, refused: `${name} is against this client (403)` };
  }
  // Where several permit it, one that asks for no token comes first.
  const byToken = tokenAuthorizations(who, all);
  const results = new Map<Authorization, JwtResult>(
    byToken.map((authorization) => [authorization, authorization.token.check(head.headers, now)]),
  );
  const permitting = findAuthorization(who, all) ?? byToken.find((each) => results.get(each)?.kind === "valid") ?? null;
  const authorizations = all.map((authorization) => ({
    name: nameOf(authorization.origin),
    why: authorization === permitting ? null : whyNotPermitted(authorization, who, client, permitting, results),
  }));
  const refused =
    permitting !== null
      ? answeredBy(found, head)
      : all.length === 0
        ? "nothing permits anybody (403)"
        : [...results.values()].some(({ kind }) => kind === "insufficient")
          ? "the token lacks a claim that is needed (403)"
          : byToken.length > 0
            ? "nothing permits this client without a good token (401)"
            : "nothing permits this client (403)";
  return { ...base, routes: list, authorizations, refused };
}

/** Routes of a Server answer by themselves when they redirect, or when they are not valid. */
function answeredBy(route: InboundRoute | null, head: RequestHead): string | null {
  const done = route?.filters?.apply(head, "http", { next: () => 1 - Number.EPSILON });
  if (done === undefined || done.kind === "pass") return null;
  return done.kind === "redirect"
    ? `answered with a redirect to ${done.location} (${done.status})`
    : `answered with ${done.status}: ${done.message}`;
}

function whyNotPermitted(
  authorization: Authorization,
  who: Parameters<typeof findAuthorization>[0],
  client: { readonly ip: string; readonly identity: string | null },
  permitting: Authorization | null,
  results: ReadonlyMap<Authorization, JwtResult>,
): string {
  const result = results.get(authorization);
  if (result !== undefined && result.kind !== "valid") return `it needs a token: ${result.why}`;
  if (result !== undefined || findAuthorization(who, [authorization]) !== null) {
    return `${permitting === null ? "another one" : nameOf(permitting.origin)} permits it already`;
  }
  const { networks, clients, origin } = authorization;
  if (findAuthorization(who, [{ networks, origin, clients: { kind: "any" } }]) === null) {
    return `its networks don't include ${client.ip}`;
  }
  if (client.identity === null) return "it needs a mesh identity, and the client has none";
  if (clients.kind !== "identities") return "it is for other clients";
  const names = [...clients.identities, ...clients.suffixes.map((suffix) => `*.${suffix}`)];
  // As many as can be read at a glance.
  const told = names.slice(0, 3).join(", ") + (names.length > 3 ? `, and ${names.length - 3} more` : "");
  return names.length === 0 ? "it is for nobody" : `it is for ${told}`;
}
