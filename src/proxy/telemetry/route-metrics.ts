/**
 * `outbound_{http,grpc}_route_*`: requests by what they are for, their route and their backend, with Linkerd's names.
 * Hot file: `started` and `ended` run per request and allocate only for an outcome seen first.
 */
import type { Cell, HistogramCell } from "#lib/metrics/cell.ts";
import { CountersBy, LazyCounter, type Family, type Labels, type Registry } from "#lib/metrics/registry.ts";
import type { ReplayMemory } from "../outbound/replay-memory.ts";
import type { FaultKind } from "../faults/fault.ts";
import type { FaultCells, ProfileCells, RetryCells, RouteCells, RouteError, TcpRouteCells } from "../outbound/ports.ts";
import { HttpMetrics } from "./http-metrics.ts";
import { resourceLabels, type ResourceRef } from "./labels.ts";

/** Linkerd's buckets, seconds: few for the route, more for the backend. */
export const requestBounds = [0.05, 0.5, 1, 10];
export const responseBounds = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 10];

/** Bytes of the parts in which bodies pass. */
export const frameBounds = [128, 1024, 10_240];

/** gRPC's names of statuses 0 to 16 (https://grpc.io/docs/guides/status-codes/). */
export const grpcNames = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

interface Families {
  readonly requestDuration: Family<HistogramCell>;
  readonly requestStatuses: Family;
  readonly requestFrames: Family<HistogramCell>;
  readonly responseFrames: Family<HistogramCell>;
  readonly backendRequests: Family;
  readonly responseDuration: Family<HistogramCell>;
  readonly responseStatuses: Family;
  readonly retries: {
    readonly requests: Family;
    readonly successes: Family;
    readonly limitExceeded: Family;
    readonly overflow: Family;
  };
}

/** What is kept of requests to be sent again. Not in Linkerd. */
export function registerReplayMetrics(registry: Registry, memory: ReplayMemory): void {
  const kept = registry.gauge("outbound_http_retry_kept_bytes", "Bytes of requests that are kept to be sent again");
  const overflows = registry.counter(
    "outbound_http_retry_kept_overflow_total",
    "Requests that could not be sent again because all together kept too much",
  );
  registry.onCollect(() => {
    kept.cell().value = memory.used;
    overflows.cell().value = memory.overflows;
  });
}

export interface RouteRefs {
  readonly parent: ResourceRef;
  readonly route: ResourceRef;
  readonly backend: ResourceRef;
}

/** Names that one route and backend have cells of their own for; all further ones share the empty name. */
const maxHostnames = 100;

export class RouteMetrics {
  private readonly hostnames: boolean;
  private readonly http: Families;
  private readonly grpc: Families;
  private readonly opens: Readonly<Record<"tcp" | "tls", Family>>;
  private readonly closes: Readonly<Record<"tcp" | "tls", Family>>;
  private readonly retryable: Family;
  private readonly effective: HttpMetrics;
  private readonly actual: HttpMetrics;
  private readonly injected: Family;

  /** @param hostnames whether requests are told apart by the name that they ask for */
  constructor(registry: Registry, hostnames = false) {
    this.hostnames = hostnames;
    this.injected = registry.counter(
      "outbound_http_route_faults_total",
      "What went wrong on purpose for requests, as a policy wants it",
    );
    this.http = families(registry, "outbound_http_route");
    this.grpc = families(registry, "outbound_grpc_route");
    const connections = (what: string, kind: string, help: string): Family =>
      registry.counter(`outbound_${kind}_route_${what}_total`, help);
    const [opened, closed] = ["Connections that a route took", "Connections of a route that ended"] as const;
    this.opens = { tcp: connections("open", "tcp", opened), tls: connections("open", "tls", opened) };
    this.closes = { tcp: connections("close", "tcp", closed), tls: connections("close", "tls", closed) };
    this.retryable = registry.counter("route_retryable_total", "Total count of retryable HTTP responses");
    this.effective = new HttpMetrics(registry, "route_");
    this.actual = new HttpMetrics(registry, "route_actual_");
  }

  /** Cells of requests that one route sends to one backend. `grpc`: the route is one for gRPC. Keep the result. */
  cells(refs: RouteRefs, grpc: boolean): RouteCells {
    const made = grpc ? this.grpc : this.http;
    return this.hostnames ? new NamedCells(made, refs, grpc) : new Cells(made, refs, grpc, null);
  }

  /** Cells of the connections of a route. Keep the result. */
  tcp(parent: ResourceRef, route: ResourceRef, kind: "tcp" | "tls"): TcpRouteCells {
    const labels = routeLabels(parent, route);
    const opened = new LazyCounter(this.opens[kind], labels);
    const closed = new CountersBy(this.closes[kind], (error: RouteError | null) => ({ ...labels, error: error ?? "" }));
    return { opened: () => opened.count(), closed: (error) => closed.count(error) };
  }

  /** Cells of a ServiceProfile's route. `labels`: its own, without the prefix. */
  profile(dst: string, labels: Labels): ProfileCells {
    const all: Record<string, string> = { direction: "outbound", dst };
    for (const [name, value] of Object.entries(labels)) all[`rt_${name}`] = value;
    const within = new LazyCounter(this.retryable, all);
    const beyond = new LazyCounter(this.retryable, { ...all, skipped: "no_budget" });
    return {
      effective: this.effective.cells(all),
      actual: this.actual.cells(all),
      retryable: (withinBudget) => (withinBudget ? within : beyond).count(),
    };
  }

  /** Counts the faults of one route. */
  faults({ parent, route }: Omit<RouteRefs, "backend">): FaultCells {
    const counters = new CountersBy(this.injected, (fault: FaultKind) => ({ ...routeLabels(parent, route), fault }));
    return { injected: (fault) => counters.count(fault) };
  }

  /** Cells of the retries of one route. */
  retries({ parent, route }: Omit<RouteRefs, "backend">, grpc: boolean): RetryCells {
    const { retries } = grpc ? this.grpc : this.http;
    const labels = routeLabels(parent, route);
    const requests = new LazyCounter(retries.requests, labels);
    const successes = new LazyCounter(retries.successes, labels);
    const limitExceeded = new LazyCounter(retries.limitExceeded, labels);
    const overflow = new LazyCounter(retries.overflow, labels);
    return {
      requested: () => requests.count(),
      succeeded: () => successes.count(),
      limitExceeded: () => limitExceeded.count(),
      overBudget: () => overflow.count(),
    };
  }
}

function families(registry: Registry, scope: string): Families {
  return {
    requestDuration: registry.histogram(
      `${scope}_request_duration_seconds`,
      "The time between request initialization and response completion",
      requestBounds,
    ),
    requestStatuses: registry.counter(`${scope}_request_statuses_total`, "Completed request-response streams"),
    requestFrames: registry.histogram(
      `${scope}_request_frame_size`,
      "Bytes of the parts in which bodies of requests pass",
      frameBounds,
    ),
    responseFrames: registry.histogram(
      `${scope}_backend_response_frame_size`,
      "Bytes of the parts in which bodies of responses pass",
      frameBounds,
    ),
    backendRequests: registry.counter(`${scope}_backend_requests_total`, "The total number of requests dispatched"),
    responseDuration: registry.histogram(
      `${scope}_backend_response_duration_seconds`,
      "The time between request completion and response completion",
      responseBounds,
    ),
    responseStatuses: registry.counter(`${scope}_backend_response_statuses_total`, "Completed responses"),
    retries: {
      requests: registry.counter(`${scope}_retry_requests_total`, "The total number of retry requests dispatched"),
      successes: registry.counter(`${scope}_retry_successes_total`, "Retry requests that were answered successfully"),
      limitExceeded: registry.counter(
        `${scope}_retry_limit_exceeded_total`,
        "Responses that were not retried because the limit of tries was reached",
      ),
      overflow: registry.counter(
        `${scope}_retry_overflow_total`,
        "Responses that were not retried because the budget of retries was spent",
      ),
    },
  };
}

export function routeLabels(parent: ResourceRef, route: ResourceRef): Labels {
  return {
    ...resourceLabels("parent", parent),
    route_group: route.group,
    route_kind: route.kind,
    route_namespace: route.namespace,
    route_name: route.name,
  };
}

/**
 * Requests of a route by how they ended: the status, which is gRPC's where the route is one for gRPC, or the error.
 * Hot: allocates only for an outcome seen first.
 */
export class Outcomes {
  private readonly byStatus: CountersBy<number>;
  private readonly byError: CountersBy<RouteError>;

  constructor(family: Family, labels: Labels, grpc: boolean) {
    const name = grpc ? "grpc_status" : "http_status";
    this.byStatus = new CountersBy(family, (status) => {
      const text = grpc ? (grpcNames[status] ?? "UNKNOWN") : String(status);
      return { ...labels, [name]: text, error: "" };
    });
    this.byError = new CountersBy(family, (error) => ({ ...labels, [name]: grpc ? "UNKNOWN" : "", error }));
  }

  /** `status`: of the kind that the route has. `error` null: it was answered. */
  count(status: number, error: RouteError | null): void {
    if (error === null) this.byStatus.count(status);
    else this.byError.count(error);
  }
}

class Cells implements RouteCells {
  private readonly families: Families;
  private readonly grpc: boolean;
  private readonly routeLabels: Labels;
  private readonly backendLabels: Labels;
  /** Resolved by the first request, so that what never sees one prints no series. */
  private open: {
    readonly requestDuration: HistogramCell;
    readonly requests: Cell;
    readonly responseDuration: HistogramCell;
  } | null = null;
  private requestFrames: HistogramCell | null = null;
  private responseFrames: HistogramCell | null = null;
  private readonly requestOutcomes: Outcomes;
  private readonly responseOutcomes: Outcomes;

  /** `hostname` null: no such label. */
  constructor(made: Families, { parent, route, backend }: RouteRefs, grpc: boolean, hostname: string | null) {
    this.families = made;
    this.grpc = grpc;
    this.routeLabels = { ...routeLabels(parent, route), ...(hostname === null ? {} : { hostname }) };
    this.backendLabels = { ...this.routeLabels, ...resourceLabels("backend", backend) };
    this.requestOutcomes = new Outcomes(made.requestStatuses, this.routeLabels, grpc);
    this.responseOutcomes = new Outcomes(made.responseStatuses, this.backendLabels, grpc);
  }

  of(_authority: string): RouteCells {
    return this;
  }

  ended(status: number, grpcStatus: number, latency: number, error: RouteError | null): void {
    const open = (this.open ??= this.resolve());
    const seconds = latency / 1000;
    open.requests.value++;
    open.requestDuration.observe(seconds);
    open.responseDuration.observe(seconds);
    const told = this.grpc ? grpcStatus : status;
    this.requestOutcomes.count(told, error);
    this.responseOutcomes.count(told, error);
  }

  tried(status: number, grpcStatus: number, latency: number, error: RouteError | null): void {
    const open = (this.open ??= this.resolve());
    open.requests.value++;
    open.responseDuration.observe(latency / 1000);
    this.responseOutcomes.count(this.grpc ? grpcStatus : status, error);
  }

  requestFrame(bytes: number): void {
    (this.requestFrames ??= this.families.requestFrames.cell(this.routeLabels)).observe(bytes);
  }

  responseFrame(bytes: number): void {
    (this.responseFrames ??= this.families.responseFrames.cell(this.backendLabels)).observe(bytes);
  }

  private resolve(): NonNullable<Cells["open"]> {
    const { families: made, routeLabels, backendLabels } = this;
    return {
      requestDuration: made.requestDuration.cell(routeLabels),
      requests: made.backendRequests.cell(backendLabels),
      responseDuration: made.responseDuration.cell(backendLabels),
    };
  }
}

/** Cells by the name that requests ask for, and those without one. */
class NamedCells extends Cells {
  private readonly make: (hostname: string) => Cells;
  private readonly byName = new Map<string, Cells>();

  constructor(made: Families, refs: RouteRefs, grpc: boolean) {
    super(made, refs, grpc, "");
    this.make = (hostname) => new Cells(made, refs, grpc, hostname);
  }

  override of(authority: string): RouteCells {
    const known = this.byName.get(authority);
    if (known !== undefined) return known;
    if (this.byName.size >= maxHostnames) return this;
    const made = this.make(authority.replace(/:\d*$/, ""));
    this.byName.set(authority, made);
    return made;
  }
}
