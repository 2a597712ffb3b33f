/**
 * The live policy of one port: what inbound connections and requests ask.
 *
 * Decisions are made once per client and kept as ready-made verdicts with their metric cells, so that a request costs a
 * look-up. A change of policy drops what was kept and tells whoever watches.
 */
import type { Clock } from "#lib/clock.ts";
import { LazyCounter, type Labels } from "#lib/metrics/registry.ts";
import type { Log } from "#lib/log.ts";
import { formatSocketAddr, parseIp } from "#lib/net-addr.ts";
import { includesPort, type PortRange } from "#lib/port-list.ts";
import type { Random } from "#lib/random.ts";
import type { RequestHead } from "#wire/http1/head.ts";
import type { DetectCells } from "../detect/detection.ts";
import type { HttpCells } from "../http/ports.ts";
import type {
  ClientTls,
  ConnectionVerdict,
  InboundConnection,
  InboundProtocol,
  InboundRouteCells,
  PortPolicy,
  RequestFilters,
  RequestVerdict,
} from "../inbound/ports.ts";
import { matchesEverything, RouteFinder } from "../route/match.ts";
import { findAuthorization, isDenied, tokenAuthorizations, type Client, type TokenAuthorization } from "./authorize.ts";
import type { FilterChain } from "../route/filter.ts";
import { isMissing, type TokenCheck } from "./token-check.ts";
import { otherIssuer } from "#lib/jwt/verify.ts";
import type { PolicyMetrics } from "./policy-metrics.ts";
import { RateLimiter, type ClientLimit, type LimitScope } from "./rate-limit.ts";
import {
  builtIn,
  originLabels,
  resourceOf,
  type Authorization,
  type InboundRoute,
  type Origin,
  type ServerPolicy,
} from "./server-policy.ts";

export interface PortPolicyOptions {
  readonly port: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: PolicyMetrics;
  readonly log: Log;
  /** Ports that take only clients with a mesh identity, or only TLS, whatever the policy says. */
  readonly requireIdentity: readonly PortRange[];
  readonly requireTls: readonly PortRange[];
  /** Called when the last holder let go, and when the first one came. */
  readonly onHolders: (held: boolean) => void;
}

/** How many clients' verdicts are kept; then all are dropped, as connections keep their own. */
const maxClients = 1024;

/** What is known of one kind of client under the current policy. */
interface ClientState {
  readonly client: Client;
  readonly labels: Labels;
  readonly connection: ConnectionVerdict;
  readonly allows: LazyCounter;
  readonly denies: LazyCounter;
  readonly terminations: LazyCounter;
  /** The answer to every request when the routes can't make a difference. */
  readonly always: RequestVerdict | null;
  readonly byRoute: Map<InboundRoute | null, RequestVerdict>;
  /** Null: no limit. */
  readonly limit: ClientLimit | null;
  readonly limited: Map<LimitScope, RequestVerdict>;
}

/** What tells two clients of the same kind of TLS apart. */
function tlsKeyOf(tls: ClientTls): string {
  switch (tls.kind) {
    case "meshed":
      return tls.clientId;
    case "anonymous":
      return "";
    case "passthrough":
      return tls.serverName ?? "";
    case "none":
      return tls.reason;
  }
}

/** The client may, with a token: each request is looked at. */
interface TokenVerdict extends RequestVerdict {
  readonly kind: "unauthenticated";
  readonly tokens: ReadonlyArray<{ readonly token: TokenCheck; readonly allow: RequestVerdict }>;
  /** For a good token that says too little. */
  readonly insufficient: RequestVerdict;
}

function byToken({ token }: Authorization): boolean {
  return token !== undefined;
}

const builtInRoute = builtIn("default");

/** A verdict that counts itself whenever a request starts, so that counting needs no second look-up. */
class CountedCells implements HttpCells {
  private readonly http: HttpCells;
  private readonly verdict: LazyCounter;

  constructor(http: HttpCells, verdict: LazyCounter) {
    this.http = http;
    this.verdict = verdict;
  }

  requestStarted(): void {
    this.verdict.count();
    this.http.requestStarted();
  }

  responseEnded(status: number, latency: number, complete: boolean, grpcStatus: number): void {
    this.http.responseEnded(status, latency, complete, grpcStatus);
  }
}

export class LivePortPolicy implements PortPolicy {
  detect: DetectCells;
  private policy: ServerPolicy;
  private finder: RouteFinder<InboundRoute>;
  private limiter: RateLimiter | null;
  private readonly options: PortPolicyOptions;
  private clients = new Map<string, ClientState>();
  /** As many as the policy has routes. */
  private requests = new Map<Origin, InboundRouteCells>();
  /** Of each connection, so that a request does not build a key. Emptied by a change of policy. */
  private byConnection = new WeakMap<InboundConnection, ClientState>();
  /** Connections that were let in and counted; a later refusal is a termination. */
  private readonly admitted = new WeakSet<InboundConnection>();
  private readonly watchers = new Set<() => void>();
  private holders = 0;

  constructor(policy: ServerPolicy, options: PortPolicyOptions) {
    this.policy = policy;
    this.finder = new RouteFinder(policy.routes ?? []);
    this.options = options;
    this.limiter = policy.rateLimit === null ? null : new RateLimiter(policy.rateLimit, options.clock);
    this.detect = this.detectCells();
  }

  get protocol(): InboundProtocol {
    return this.policy.protocol;
  }

  get judgesRequests(): boolean {
    return this.policy.routes !== null || this.policy.rateLimit !== null || this.policy.authorizations.some(byToken);
  }

  get detectTimeout(): number {
    return this.policy.detectTimeout;
  }

  get held(): boolean {
    return this.holders > 0;
  }

  update(policy: ServerPolicy): void {
    this.policy = policy;
    this.finder = new RouteFinder(policy.routes ?? []);
    const { rateLimit } = policy;
    // What was counted stays counted as long as the limit is the same.
    if (rateLimit === null) this.limiter = null;
    else if (this.limiter === null || !Bun.deepEquals(this.limiter.limit, rateLimit))
      this.limiter = new RateLimiter(rateLimit, this.options.clock);
    this.detect = this.detectCells();
    this.clients = new Map();
    this.requests = new Map();
    this.byConnection = new WeakMap();
    for (const onChange of [...this.watchers]) onChange();
  }

  authorize(connection: InboundConnection): ConnectionVerdict {
    const state = this.stateOf(connection);
    const { connection: verdict } = state;
    if (verdict.allowed) {
      if (!this.admitted.has(connection)) {
        this.admitted.add(connection);
        state.allows.count();
      }
    } else if (this.admitted.delete(connection)) {
      state.terminations.count();
    } else {
      state.denies.count();
      // Where a route permits more than its server, requests are still judged one by one, and say so themselves.
      const { routes, authorizations: own } = this.policy;
      const routed = own.some(byToken) || (routes?.some(({ authorizations }) => authorizations.length > 0) ?? false);
      if (!routed)
        this.options.log.info("Connection denied", {
          client: formatSocketAddr(connection.client),
          target: formatSocketAddr(connection.target),
          policy: this.policy.origin.name,
          tls: connection.tls.kind,
        });
    }
    return verdict;
  }

  authorizeRequest(connection: InboundConnection, head: RequestHead): RequestVerdict {
    const state = this.byConnection.get(connection) ?? this.stateOf(connection);
    let verdict = state.always ?? this.ofRoute(state, head);
    if (verdict.kind !== "allow") {
      if (verdict.kind !== "unauthenticated") return verdict;
      verdict = this.ofToken(verdict as TokenVerdict, head);
      if (verdict.kind !== "allow") return verdict;
    }
    if (state.limit === null) return verdict;
    const scope = state.limit.refuses();
    return scope === null ? verdict : this.limited(state, scope);
  }

  private ofRoute(state: ClientState, head: RequestHead): RequestVerdict {
    const route = this.finder.find(head);
    return state.byRoute.get(route) ?? this.decide(state, route);
  }

  /** One good token is enough. Of several reasons the client is told the one that is about its issuer. */
  private ofToken(verdict: TokenVerdict, { headers }: RequestHead): RequestVerdict {
    const wall = this.options.clock.wall();
    let why: string | null = null;
    let asked = true;
    for (const { token, allow } of verdict.tokens) {
      const result = token.check(headers, wall);
      if (result.kind === "valid") return allow;
      if (result.kind === "insufficient") return verdict.insufficient;
      if (why === null || why === otherIssuer) why = result.why;
      asked = !isMissing(result);
    }
    const because = why ?? "";
    const header = asked ? `Bearer error="invalid_token", error_description="${because}"` : "Bearer";
    return { ...verdict, challenge: { why: because, header } };
  }

  private limited(state: ClientState, scope: LimitScope): RequestVerdict {
    let verdict = state.limited.get(scope);
    if (verdict === undefined) {
      const { metrics } = this.options;
      const { group, kind, name } = this.limiter?.limit.origin ?? builtInRoute;
      const limit = { ratelimit_group: group, ratelimit_kind: kind, ratelimit_name: name, ratelimit_scope: scope };
      const counter = new LazyCounter(metrics.rateLimited, { ...state.labels, ...limit });
      const http = metrics.http.cells({ ...state.labels, direction: "inbound" });
      verdict = { kind: "rate-limited", http: new CountedCells(http, counter), requests: null, filters: null };
      state.limited.set(scope, verdict);
    }
    return verdict;
  }

  watch(onChange: () => void): () => void {
    const entry = (): void => onChange();
    this.watchers.add(entry);
    return () => {
      this.watchers.delete(entry);
    };
  }

  hold(): void {
    this.holders++;
    if (this.holders === 1) this.options.onHolders(true);
  }

  release(): void {
    this.holders--;
    if (this.holders === 0) this.options.onHolders(false);
  }

  private detectCells(): DetectCells {
    const { metrics, port } = this.options;
    return metrics.detect.cells({ ...originLabels("srv", this.policy.origin), srv_port: String(port) });
  }

  private stateOf(connection: InboundConnection): ClientState {
    const known = this.byConnection.get(connection);
    if (known !== undefined) return known;
    const { tls, client, target } = connection;
    const tlsKey = tlsKeyOf(tls);
    // The client's address matters to networks, never to labels.
    const key = `${client.ip} ${target.ip}:${target.port} ${tls.kind} ${tlsKey}`;
    let state = this.clients.get(key);
    if (state === undefined) {
      if (this.clients.size >= maxClients) this.clients.clear();
      state = this.judge(connection);
      this.clients.set(key, state);
    }
    this.byConnection.set(connection, state);
    return state;
  }

  private judge({ client: addr, target, tls }: InboundConnection): ClientState {
    const { policy, options } = this;
    const { metrics } = options;
    const ip = parseIp(addr.ip);
    const client: Client = { ip: ip ?? new Uint8Array(), tls };
    const authorization = this.permit(client, policy.authorizations);
    const labels = metrics.serverLabels(target, tls, policy.origin);
    const authz = authorization === null ? {} : originLabels("authz", authorization.origin);
    const state: ClientState = {
      client,
      labels,
      connection: {
        // Bytes are judged by the server alone: what a route permits, it permits to its own requests only.
        allowed: authorization !== null,
        source: metrics.transport.cells({ ...labels, direction: "inbound", peer: "src" }),
        destination: metrics.localTransport(target),
      },
      allows: new LazyCounter(metrics.tcpAllow, { ...labels, ...authz }),
      denies: new LazyCounter(metrics.tcpDeny, labels),
      terminations: new LazyCounter(metrics.tcpTerminate, labels),
      always: null,
      byRoute: new Map(),
      limit: this.limiter?.of(tls) ?? null,
      limited: new Map(),
    };
    if (authorization?.origin.name === "audit") {
      options.log.info("Connection allowed by the audit policy", {
        audit: true,
        client: formatSocketAddr(addr),
        target: formatSocketAddr(target),
        tls: tls.kind,
      });
    }
    const only = this.onlyRoute();
    return only === undefined ? state : { ...state, always: this.decide(state, only) };
  }

  /** The route of every request, null for the built-in one; undefined when it depends on the request. */
  private onlyRoute(): InboundRoute | null | undefined {
    const { routes } = this.policy;
    if (routes === null) return null;
    const [first] = routes;
    return routes.length === 1 && first !== undefined && matchesEverything(first.match) ? first : undefined;
  }

  /** `route` null: no route matched, or the server has none of its own. */
  private decide(state: ClientState, route: InboundRoute | null): RequestVerdict {
    const verdict = this.verdictOf(state, route);
    state.byRoute.set(route, verdict);
    return verdict;
  }

  private verdictOf(state: ClientState, route: InboundRoute | null): RequestVerdict {
    const { policy } = this;
    const { metrics } = this.options;
    if (route === null && policy.routes !== null) {
      const http = metrics.http.cells({ ...state.labels, direction: "inbound" });
      return {
        kind: "route-not-found",
        http: new CountedCells(http, new LazyCounter(metrics.routeNotFound, state.labels)),
        requests: null,
        filters: null,
      };
    }
    const labels = { ...state.labels, ...originLabels("route", route?.origin ?? builtInRoute) };
    const origin = route?.origin ?? builtInRoute;
    const told = { requests: this.requestsOf(origin), route: originLabels("route", origin) };
    const authorization =
      this.permit(state.client, policy.authorizations) ??
      (route === null ? null : this.permit(state.client, route.authorizations));
    const allow = (by: Origin): RequestVerdict => {
      const all = { ...labels, ...originLabels("authz", by) };
      const http = metrics.http.cells({ ...all, direction: "inbound" });
      const counted = new CountedCells(http, new LazyCounter(metrics.httpAllow, all));
      return { kind: "allow", http: counted, ...told, filters: this.filtersOf(route?.filters ?? null) };
    };
    if (authorization === null) {
      const http = metrics.http.cells({ ...labels, direction: "inbound" });
      const counted = new CountedCells(http, new LazyCounter(metrics.httpDeny, labels));
      const refused = { http: counted, ...told, filters: null } as const;
      const insufficient = { kind: "unauthorized", ...refused } as const;
      const tokens = this.mayByToken(state.client, [...policy.authorizations, ...(route?.authorizations ?? [])]);
      if (tokens.length === 0) return insufficient;
      const allowed = tokens.map(({ token, origin: by }) => ({ token, allow: allow(by) }));
      const asks: TokenVerdict = { kind: "unauthenticated", ...refused, tokens: allowed, insufficient };
      return asks;
    }
    return allow(authorization.origin);
  }

  /** Clients share them: who asks is none of their labels. */
  private requestsOf(route: Origin): InboundRouteCells {
    let cells = this.requests.get(route);
    if (cells === undefined) {
      const { metrics, port } = this.options;
      const { origin, protocol } = this.policy;
      cells = metrics.routes.cells(resourceOf(origin, String(port)), resourceOf(route), protocol === "grpc");
      this.requests.set(route, cells);
    }
    return cells;
  }

  private filtersOf(chain: FilterChain | null): RequestFilters | null {
    const { random } = this.options;
    return chain === null ? null : { apply: (head, scheme) => chain.apply(head, scheme, random) };
  }

  private permit(client: Client, authorizations: readonly Authorization[]): Authorization | null {
    return this.isRefused(client) ? null : findAuthorization(client, authorizations);
  }

  private mayByToken(client: Client, authorizations: readonly Authorization[]): readonly TokenAuthorization[] {
    return this.isRefused(client) ? [] : tokenAuthorizations(client, authorizations);
  }

  /** Whatever permits it. */
  private isRefused(client: Client): boolean {
    const { port, requireIdentity, requireTls } = this.options;
    if (client.tls.kind !== "meshed" && includesPort(requireIdentity, port)) return true;
    if (client.tls.kind === "none" && includesPort(requireTls, port)) return true;
    return isDenied(client, this.policy);
  }
}
