/** One destination as the outbound stack uses it: the current plan with its backends, exchanged as a whole on change. */
import type { Clock } from "#lib/clock.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import type { Random } from "#lib/random.ts";
import type { RequestHead } from "#wire/http1/head.ts";
import type { HttpCells, TransportCells } from "../http/ports.ts";
import type {
  Balancer,
  Endpoint,
  HttpRefusal,
  HttpRoute,
  OutboundProtocol,
  OutboundTarget,
  PickWaiter,
  RouteCells,
  RouteExtras,
  TcpRouteCells,
} from "../outbound/ports.ts";
import { FilterChain } from "../route/filter.ts";
import { defaultBudget, RetryBudget } from "../route/retry-budget.ts";
import { Shares } from "../route/shares.ts";
import { routeByServerName, type NamedRoute } from "../route/server-name.ts";
import { matchesEverything, RouteFinder, type RouteMatchers } from "../route/match.ts";
import { LazyCounter, type Family, type Labels } from "#lib/metrics/registry.ts";
import type { DetectCells } from "../detect/detection.ts";
import type { DetectMetrics } from "../telemetry/detect-metrics.ts";
import { resourceLabels, type ResourceRef } from "../telemetry/labels.ts";
import type { RouteMetrics } from "../telemetry/route-metrics.ts";
import type { Backend, Backends } from "./backends.ts";
import { defaultRef } from "./resource-ref.ts";
import type { BackendPlan, Choice, OutboundPlan, PlannedBackend, PlannedRoute } from "./outbound-plan.ts";

export interface TargetOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly backends: Backends;
  readonly source: TransportCells;
  readonly detect: DetectMetrics;
  readonly routes: RouteMetrics;
  /** `outbound_tcp_protocol_connections_total` */
  readonly protocols: Family;
  /** Cells of requests that match no route. */
  readonly unrouted: HttpCells;
  /** Called when the last holder let go, and when the first one came. */
  readonly onHolders: (held: boolean) => void;
}

/** Ready-made answers, drawn by weight. */
class LiveRoute {
  readonly match: RouteMatchers;
  /** At least one. */
  outcomes: ReadonlyArray<HttpRoute | HttpRefusal> = [];
  /** Null: there is one. */
  private readonly shares: Shares | null;

  constructor(match: RouteMatchers, shares: Shares | null) {
    this.match = match;
    this.shares = shares;
  }

  next(): HttpRoute | HttpRefusal {
    return this.outcomes[this.shares === null ? 0 : this.shares.next()]!;
  }
}

class ForwardRoute implements HttpRoute {
  readonly kind = "forward";
  readonly balancer: Balancer;
  readonly unrouted: HttpCells;
  readonly requests: RouteCells;
  readonly extras: RouteExtras | null;
  readonly labels: Labels;
  private readonly backend: Backend;

  constructor(backend: Backend, requests: RouteCells, extras: RouteExtras | null, labels: Labels) {
    this.labels = labels;
    this.backend = backend;
    this.requests = requests;
    this.extras = extras;
    this.balancer = backend.http;
    this.unrouted = backend.unrouted;
  }

  cells(endpoint: Endpoint): HttpCells {
    return this.backend.cells(endpoint);
  }
}

/** Whole connections over several balancers by weight. */
class SplitBalancer implements Balancer {
  private readonly balancers: readonly Balancer[];
  private readonly shares: Shares;
  private drawn: Balancer = nowhere;

  constructor(balancers: readonly Balancer[], shares: Shares) {
    this.balancers = balancers;
    this.shares = shares;
  }

  pick(): Endpoint | null {
    this.drawn = this.balancers[this.shares.next()] ?? nowhere;
    return this.drawn.pick();
  }

  /** Right after a `pick` that found nothing: for the same one. */
  wait(waiter: PickWaiter): "queued" | "failfast" | "load-shed" {
    return this.drawn.wait(waiter);
  }

  giveUp(waiter: PickWaiter): void {
    for (const balancer of this.balancers) balancer.giveUp(waiter);
  }
}

/** Where nothing may go. */
const nowhere: Balancer = { pick: () => null, wait: () => "failfast", giveUp() {} };

export class LiveTarget implements OutboundTarget {
  readonly addr: SocketAddr;
  readonly source: TransportCells;
  protocol: OutboundProtocol = "detect";
  detectTimeout = 10_000;
  serverFirst = false;
  tcp: Balancer = nowhere;
  detect: DetectCells;
  private connections: LazyCounter;
  private parent: ResourceRef = defaultRef("unknown");
  private readonly options: TargetOptions;
  private readonly notFound: HttpRefusal;
  private tls: ReadonlyArray<NamedRoute & { readonly balancer: Balancer; readonly cells: TcpRouteCells }> = [];
  private tcpCells: TcpRouteCells;
  private routes = new RouteFinder<LiveRoute>([]);
  /** The answer to every request when there is no choice. */
  private always: HttpRoute | HttpRefusal | null = null;
  private held: Backend[] = [];
  /** Outlives changes of the plan that don't concern it. */
  private budget: RetryBudget;
  private holders = 0;

  /** Nothing can go there before the first {@link update}. */
  constructor(addr: SocketAddr, options: TargetOptions) {
    this.addr = addr;
    this.options = options;
    this.budget = new RetryBudget(defaultBudget, options.clock);
    this.source = options.source;
    this.notFound = {
      kind: "refuse",
      cause: "route-not-found",
      message: "No route matches the request",
      status: null,
      unrouted: options.unrouted,
      requests: null,
      extras: null,
    };
    this.detect = options.detect.cells(resourceLabels("parent", this.parent));
    this.tcpCells = options.routes.tcp(this.parent, defaultRef("opaque"), "tcp");
    this.connections = this.countConnections();
  }

  count(): void {
    this.connections.count();
  }

  update(plan: OutboundPlan): void {
    const before = this.held;
    const { parent, protocol } = this;
    this.parent = plan.parent;
    // Acquired before the old ones are let go, so that what stays is not torn down in between.
    this.held = [];
    this.protocol = plan.protocol;
    this.detectTimeout = plan.detectTimeout;
    if (!sameRef(parent, plan.parent)) this.detect = this.options.detect.cells(resourceLabels("parent", plan.parent));
    if (!sameRef(parent, plan.parent) || protocol !== plan.protocol) this.connections = this.countConnections();
    if (!Bun.deepEquals(this.budget.options, plan.budget))
      this.budget = new RetryBudget(plan.budget, this.options.clock);
    this.tcp = this.tcpBalancer(plan.tcp, "tcp");
    const { routes: metrics } = this.options;
    this.tcpCells = metrics.tcp(plan.parent, plan.tcpRef ?? defaultRef("opaque"), "tcp");
    this.tls = (plan.tls ?? []).map(({ snis, choice, ref }) => {
      return { snis, balancer: this.tcpBalancer(choice, "tls"), cells: metrics.tcp(plan.parent, ref, "tls") };
    });
    const routes = plan.http.map((route) => this.live(route, plan.grpc));
    this.routes = new RouteFinder(routes);
    const [only] = routes;
    const fixed = routes.length === 1 && only?.outcomes.length === 1 && matchesEverything(only.match);
    this.always = fixed ? (only?.outcomes[0] ?? null) : null;
    for (const backend of before) this.options.backends.release(backend);
  }

  byServerName(serverName: string | null): Balancer | null {
    const { balancer } = routeByServerName(this.tls, serverName) ?? { balancer: null };
    return balancer === nowhere ? null : balancer;
  }

  tcpRoute(balancer: Balancer): TcpRouteCells {
    return this.tls.find((route) => route.balancer === balancer)?.cells ?? this.tcpCells;
  }

  route(head: RequestHead): HttpRoute | HttpRefusal {
    if (this.always !== null) return this.always;
    const route = this.routes.find(head);
    if (route === null) return this.notFound;
    return route.next();
  }

  hold(): void {
    this.holders++;
    if (this.holders === 1) this.options.onHolders(true);
  }

  release(): void {
    this.holders--;
    if (this.holders === 0) this.options.onHolders(false);
  }

  /** Nobody may use it afterwards. */
  close(): void {
    for (const backend of this.held) this.options.backends.release(backend);
    this.held = [];
  }

  private acquire(plan: BackendPlan): Backend {
    const backend = this.options.backends.acquire(plan, this.parent);
    this.held.push(backend);
    return backend;
  }

  private countConnections(): LazyCounter {
    const labels = resourceLabels("parent", this.parent);
    return new LazyCounter(this.options.protocols, { ...labels, protocol: protocolLabels[this.protocol] });
  }

  private tcpBalancer(choice: Choice, kind: "tcp" | "tls"): Balancer {
    if (choice.kind === "refuse") return nowhere;
    const balancers = choice.backends.map(({ plan }) => (plan.kind === "refuse" ? nowhere : this.acquire(plan)[kind]));
    const [first] = balancers;
    if (balancers.length === 1 && first !== undefined) return first;
    const weights = choice.backends.map(({ weight }) => weight);
    return new SplitBalancer(balancers, new Shares(weights, this.options.random));
  }

  private live(planned: PlannedRoute, grpc: boolean): LiveRoute {
    const { choice, match } = planned;
    const backends: readonly PlannedBackend[] =
      choice.kind === "backends" ? choice.backends : [{ weight: 1, plan: choice, ref: null, filters: [], timeout: 0 }];
    const weights = backends.map(({ weight }) => weight);
    const route = new LiveRoute(match, backends.length > 1 ? new Shares(weights, this.options.random) : null);
    route.outcomes = backends.map((backend) => this.outcome(planned, backend, route, grpc));
    return route;
  }

  private outcome(
    planned: PlannedRoute,
    backend: PlannedBackend,
    live: LiveRoute,
    grpc: boolean,
  ): HttpRoute | HttpRefusal {
    const { parent, options } = this;
    const { plan } = backend;
    const named = backend.ref ?? (plan.kind === "balancer" ? plan.ref : parent);
    const requests = options.routes.cells({ parent, route: planned.ref, backend: named }, grpc);
    const extras = this.extras(planned, backend, live, grpc);
    if (plan.kind !== "refuse") {
      const { group, kind, namespace, name } = planned.ref;
      const labels = { route_group: group, route_kind: kind, route_namespace: namespace, route_name: name };
      return new ForwardRoute(this.acquire(plan), requests, extras, { ...labels, ...planned.profile?.labels });
    }
    const { cause, message } = plan;
    return { kind: "refuse", cause, message, status: null, unrouted: options.unrouted, requests, extras };
  }

  private mirror(plan: BackendPlan, route: ResourceRef, grpc: boolean): HttpRoute {
    const { parent, options } = this;
    const backend = plan.kind === "balancer" ? plan.ref : parent;
    return new ForwardRoute(this.acquire(plan), options.routes.cells({ parent, route, backend }, grpc), null, {});
  }

  /** Null when the rule and the backend want nothing but that requests go there. */
  private extras(
    { filters, mirrors, overridable, faults, match, timeouts, retry, ref, profile }: PlannedRoute,
    backend: PlannedBackend,
    live: LiveRoute,
    grpc: boolean,
  ): RouteExtras | null {
    const chains = [filters, backend.filters].map((list) => new FilterChain(list, match));
    const response = chains.flatMap((chain) => chain.response);
    const times = { ...timeouts, attempt: backend.timeout };
    const timed = times.request > 0 || times.response > 0 || times.idle > 0 || times.attempt > 0;
    const retried = retry !== null && retry.limit > 0;
    const guarded = timed || retried || response.length > 0 || mirrors.length > 0;
    const active = chains.filter((chain) => !chain.passesRequests);
    if (!guarded && active.length === 0 && faults.length === 0 && !overridable && profile === null) return null;
    return {
      filters: active,
      mirrors: mirrors.map(({ ratio, plan }) => ({ ratio, route: this.mirror(plan, ref, grpc) })),
      response,
      timeouts: times,
      retry: retried ? retry : null,
      retries: retried ? this.options.routes.retries({ parent: this.parent, route: ref }, grpc) : null,
      overridable,
      faults,
      faultCells: faults.length === 0 ? null : this.options.routes.faults({ parent: this.parent, route: ref }),
      profile: profile === null ? null : this.options.routes.profile(profile.dst, profile.labels),
      budget: this.budget,
      guarded,
      again: () => live.next(),
    };
  }
}

/** Linkerd's words. */
const protocolLabels: Readonly<Record<OutboundProtocol, string>> = {
  http1: "http/1",
  http2: "http/2",
  detect: "detect",
  opaque: "opaq",
  tls: "tls",
  forbidden: "opaq",
  shed: "opaq",
};

function sameRef(a: ResourceRef, b: ResourceRef): boolean {
  return (
    a.group === b.group &&
    a.kind === b.kind &&
    a.namespace === b.namespace &&
    a.name === b.name &&
    a.port === b.port &&
    a.section === b.section
  );
}
