/** One destination as the outbound stack uses it: the current plan with its backends, exchanged as a whole on change. */
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
} from "../outbound/ports.ts";
import { matchesEverything, RouteFinder, type RouteMatchers } from "../route/match.ts";
import { LazyCounter, type Family } from "#lib/metrics/registry.ts";
import type { DetectCells } from "../detect/detection.ts";
import type { DetectMetrics } from "../telemetry/detect-metrics.ts";
import { resourceLabels, type ResourceRef } from "../telemetry/labels.ts";
import type { RouteMetrics } from "../telemetry/route-metrics.ts";
import type { Backend, Backends } from "./backends.ts";
import { defaultRef } from "./resource-ref.ts";
import type { BackendPlan, Choice, OutboundPlan } from "./outbound-plan.ts";

export interface TargetOptions {
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
interface LiveRoute {
  readonly match: RouteMatchers;
  readonly outcomes: ReadonlyArray<HttpRoute | HttpRefusal>;
  /** Running sums of the weights; empty when there is one outcome. */
  readonly sums: readonly number[];
}

class ForwardRoute implements HttpRoute {
  readonly kind = "forward";
  readonly balancer: Balancer;
  readonly unrouted: HttpCells;
  readonly requests: RouteCells;
  private readonly backend: Backend;

  constructor(backend: Backend, requests: RouteCells) {
    this.backend = backend;
    this.requests = requests;
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
  private readonly draw: () => number;

  constructor(balancers: readonly Balancer[], draw: () => number) {
    this.balancers = balancers;
    this.draw = draw;
  }

  pick(): Endpoint | null {
    return this.balancers[this.draw()]?.pick() ?? null;
  }

  wait(waiter: PickWaiter): "queued" | "failfast" | "load-shed" {
    return this.balancers[this.draw()]?.wait(waiter) ?? "failfast";
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
  tcp: Balancer = nowhere;
  detect: DetectCells;
  private connections: LazyCounter;
  private parent: ResourceRef = defaultRef("unknown");
  private readonly options: TargetOptions;
  private readonly notFound: HttpRefusal;
  private routes = new RouteFinder<LiveRoute>([]);
  /** The answer to every request when there is no choice. */
  private always: HttpRoute | HttpRefusal | null = null;
  private held: Backend[] = [];
  private holders = 0;

  /** Nothing can go there before the first {@link update}. */
  constructor(addr: SocketAddr, options: TargetOptions) {
    this.addr = addr;
    this.options = options;
    this.source = options.source;
    this.notFound = {
      kind: "refuse",
      cause: "route-not-found",
      message: "No route matches the request",
      unrouted: options.unrouted,
    };
    this.detect = options.detect.cells(resourceLabels("parent", this.parent));
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
    this.tcp = this.tcpBalancer(plan.tcp);
    const routes = plan.http.map(({ match, ref, choice }) => ({ match, ...this.outcomes(choice, ref, plan.grpc) }));
    this.routes = new RouteFinder(routes);
    const [only] = routes;
    const fixed = routes.length === 1 && only?.outcomes.length === 1 && matchesEverything(only.match);
    this.always = fixed ? (only?.outcomes[0] ?? null) : null;
    for (const backend of before) this.options.backends.release(backend);
  }

  route(head: RequestHead): HttpRoute | HttpRefusal {
    if (this.always !== null) return this.always;
    const route = this.routes.find(head);
    if (route === null) return this.notFound;
    return route.outcomes[this.draw(route.sums)] ?? this.notFound;
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

  private tcpBalancer(choice: Choice): Balancer {
    if (choice.kind === "refuse") return nowhere;
    const balancers = choice.backends.map(({ plan }) => this.acquire(plan).tcp);
    const [first] = balancers;
    if (balancers.length === 1 && first !== undefined) return first;
    const sums = runningSums(choice.backends);
    return new SplitBalancer(balancers, () => this.draw(sums));
  }

  private outcomes(choice: Choice, route: ResourceRef, grpc: boolean): Pick<LiveRoute, "outcomes" | "sums"> {
    if (choice.kind === "refuse") {
      const { cause, message } = choice;
      return { outcomes: [{ kind: "refuse", cause, message, unrouted: this.options.unrouted }], sums: [] };
    }
    const { parent } = this;
    return {
      outcomes: choice.backends.map(({ plan }) => {
        const backend = plan.kind === "balancer" ? plan.ref : parent;
        return new ForwardRoute(this.acquire(plan), this.options.routes.cells({ parent, route, backend }, grpc));
      }),
      sums: choice.backends.length === 1 ? [] : runningSums(choice.backends),
    };
  }

  private draw(sums: readonly number[]): number {
    if (sums.length === 0) return 0;
    const point = this.options.random.next() * (sums.at(-1) ?? 0);
    return sums.findIndex((sum) => point < sum);
  }
}

/** Linkerd's words. */
const protocolLabels: Readonly<Record<OutboundProtocol, string>> = {
  http1: "http/1",
  http2: "http/2",
  detect: "detect",
  opaque: "opaq",
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

function runningSums(items: ReadonlyArray<{ readonly weight: number }>): number[] {
  let sum = 0;
  return items.map(({ weight }) => (sum += weight));
}
