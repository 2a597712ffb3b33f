/** Backends that several destinations may share: one balancer and one endpoint stream per name. */
import type { BackoffOptions } from "#lib/backoff.ts";
import type { Clock } from "#lib/clock.ts";
import type { Labels } from "#lib/metrics/registry.ts";
import type { Random } from "#lib/random.ts";
import type { Update } from "#rpc/gen/destination_pb.ts";
import { P2cBalancer } from "../balance/balancer.ts";
import { BalancerUse } from "../balance/balancer-use.ts";
import type { BalancedEndpoint, EndpointInfo } from "../balance/endpoint.ts";
import type { HttpCells } from "../http/ports.ts";
import type { Balancer, Endpoint } from "../outbound/ports.ts";
import type { BalancerMetrics, BalancerSeries } from "../telemetry/balancer-metrics.ts";
import type { HttpMetrics } from "../telemetry/http-metrics.ts";
import {
  clientTlsLabels,
  destinationLabels,
  resourceLabels,
  targetLabels,
  type ResourceRef,
} from "../telemetry/labels.ts";
import type { TransportMetrics } from "../telemetry/transport-metrics.ts";
import { EndpointSet } from "./endpoint-set.ts";
import { backendKey, type BackendPlan } from "./outbound-plan.ts";
import { WatchStream, type OpenStream, type WatchStreamOptions } from "./watch-stream.ts";

export interface BackendsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly connectBackoff: BackoffOptions;
  readonly queueCapacity: number;
  /** ms */
  readonly failfastTimeout: number;
  readonly identityEnabled: boolean;
  readonly transport: TransportMetrics;
  readonly http: HttpMetrics;
  /** Of balancers, by what goes over them. */
  readonly balancers: { readonly http: BalancerMetrics; readonly tcp: BalancerMetrics; readonly tls: BalancerMetrics };
  /** Opens Destination.Get for "host:port". */
  readonly get: (path: string) => OpenStream<Update>;
  readonly stream: Omit<WatchStreamOptions, "what">;
}

/** A use of a balancer with its series, which are made when it is used first. */
interface CountedUse {
  readonly use: BalancerUse;
  series(): BalancerSeries;
  made(): BalancerSeries | null;
}

function countedUse(balancer: P2cBalancer, metrics: BalancerMetrics, labels: Labels): CountedUse {
  let made: BalancerSeries | null = null;
  const series = (): BalancerSeries => (made ??= metrics.series(labels));
  return { use: new BalancerUse(balancer, (waited) => series().waited(waited)), series, made: () => made };
}

/** One backend in use. */
export class Backend {
  readonly balancer: P2cBalancer;
  /** The balancer, for requests, for whole connections, and for those that are routed by their server name. */
  readonly http: Balancer;
  readonly tcp: Balancer;
  readonly tls: Balancer;
  /** The label `authority`. */
  readonly authority: string;
  /** Cells of requests that never reach an endpoint. */
  readonly unrouted: HttpCells;
  users = 0;
  private readonly options: BackendsOptions;
  private readonly stream: WatchStream<Update> | null;
  private readonly uses: readonly CountedUse[];

  constructor(plan: BackendPlan, parent: ResourceRef, options: BackendsOptions) {
    this.options = options;
    this.authority = plan.kind === "balancer" ? plan.path : plan.authority;
    const queue = plan.kind === "balancer" ? plan.queue : null;
    this.balancer = new P2cBalancer({
      ...options,
      queueCapacity: queue?.capacity ?? options.queueCapacity,
      failfastTimeout: queue?.failfastTimeout ?? options.failfastTimeout,
      ...(plan.kind === "balancer" ? { balancing: plan.balancing } : {}),
      transport: (info) => options.transport.cells({ ...this.labels(info), peer: "dst" }),
    });
    this.unrouted = options.http.cells({ direction: "outbound", ...this.authorityLabel() });
    if (plan.kind === "forward") {
      this.balancer.update([plan.info]);
      this.http = this.tcp = this.tls = this.balancer;
      this.uses = [];
      this.stream = null;
      return;
    }
    const labels = { ...resourceLabels("parent", parent), ...resourceLabels("backend", plan.ref) };
    const http = countedUse(this.balancer, options.balancers.http, labels);
    const tcp = countedUse(this.balancer, options.balancers.tcp, labels);
    const tls = countedUse(this.balancer, options.balancers.tls, labels);
    this.uses = [http, tcp, tls];
    this.http = http.use;
    this.tcp = tcp.use;
    this.tls = tls.use;
    const set = new EndpointSet(options);
    this.stream = new WatchStream(
      options.get(plan.path),
      {
        onMessage: (update, first) => {
          set.apply(update, first);
          this.balancer.update(set.infos());
        },
        // The endpoints that were known stay: the control plane may be between two states.
        onRefused: ({ code, message }) => {
          options.stream.log.debug("No endpoints for this name", { name: plan.path, code, reason: message });
        },
      },
      { ...options.stream, what: `endpoints of ${plan.path}` },
    );
  }

  /** The HTTP cells of an endpoint of this backend: kept on the endpoint, so a request finds them without a search. */
  cells(endpoint: Endpoint): HttpCells {
    // Every endpoint that a balancer of ours hands out is one of these.
    const balanced = endpoint as BalancedEndpoint;
    if (balanced.slotOwner === this) return balanced.slot as HttpCells;
    const cells = this.options.http.cells(this.labels(balanced.info));
    balanced.slotOwner = this;
    balanced.slot = cells;
    return cells;
  }

  /** Brings the balancer's series up to date; before a rendering. */
  report(): void {
    for (const { use, series } of this.uses) if (use.picks > 0) series().update(use);
  }

  close(): void {
    this.stream?.close();
    this.balancer.close();
    this.report();
    for (const { use, made } of this.uses) made()?.end(use);
  }

  private labels(info: EndpointInfo): Labels {
    return {
      direction: "outbound",
      ...this.authorityLabel(),
      ...targetLabels(info.addr),
      ...clientTlsLabels(info.tls, this.options.identityEnabled),
      ...destinationLabels(info.labels),
    };
  }

  private authorityLabel(): Labels {
    return this.authority === "" ? {} : { authority: this.authority };
  }
}

export class Backends {
  private readonly options: BackendsOptions;
  private readonly used = new Map<string, Backend>();

  constructor(options: BackendsOptions) {
    this.options = options;
  }

  /** Call {@link release} once for each. */
  acquire(plan: BackendPlan, parent: ResourceRef): Backend {
    const key = backendKey(plan, parent);
    let backend = this.used.get(key);
    if (backend === undefined) {
      backend = new Backend(plan, parent, this.options);
      this.used.set(key, backend);
    }
    backend.users++;
    return backend;
  }

  release(backend: Backend): void {
    backend.users--;
    if (backend.users > 0) return;
    for (const [key, used] of this.used) if (used === backend) this.used.delete(key);
    backend.close();
  }

  /** Before a rendering of the metrics. */
  report(): void {
    for (const backend of this.used.values()) backend.report();
  }

  /** For diagnostics and metrics. */
  all(): Backend[] {
    return [...this.used.values()];
  }
}
