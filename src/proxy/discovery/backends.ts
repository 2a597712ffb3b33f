/** Backends that several destinations may share: one balancer and one endpoint stream per name. */
import type { BackoffOptions } from "#lib/backoff.ts";
import type { Clock } from "#lib/clock.ts";
import type { Labels } from "#lib/metrics/registry.ts";
import type { Random } from "#lib/random.ts";
import type { Update } from "#rpc/gen/destination_pb.ts";
import { P2cBalancer } from "../balance/balancer.ts";
import type { BalancedEndpoint, EndpointInfo } from "../balance/endpoint.ts";
import type { HttpCells } from "../http/ports.ts";
import type { Endpoint } from "../outbound/ports.ts";
import type { HttpMetrics } from "../telemetry/http-metrics.ts";
import { clientTlsLabels, destinationLabels, targetLabels } from "../telemetry/labels.ts";
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
  /** Opens Destination.Get for "host:port". */
  readonly get: (path: string) => OpenStream<Update>;
  readonly stream: Omit<WatchStreamOptions, "what">;
}

/** One backend in use. */
export class Backend {
  readonly balancer: P2cBalancer;
  /** The label `authority`. */
  readonly authority: string;
  /** Cells of requests that never reach an endpoint. */
  readonly unrouted: HttpCells;
  users = 0;
  private readonly options: BackendsOptions;
  private readonly stream: WatchStream<Update> | null;

  constructor(plan: BackendPlan, options: BackendsOptions) {
    this.options = options;
    this.authority = plan.kind === "balancer" ? plan.path : plan.authority;
    const queue = plan.kind === "balancer" ? plan.queue : null;
    this.balancer = new P2cBalancer({
      ...options,
      queueCapacity: queue?.capacity ?? options.queueCapacity,
      failfastTimeout: queue?.failfastTimeout ?? options.failfastTimeout,
      transport: (info) => options.transport.cells({ ...this.labels(info), peer: "dst" }),
    });
    this.unrouted = options.http.cells({ direction: "outbound", ...this.authorityLabel() });
    if (plan.kind === "forward") {
      this.balancer.update([plan.info]);
      this.stream = null;
      return;
    }
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

  close(): void {
    this.stream?.close();
    this.balancer.close();
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
  acquire(plan: BackendPlan): Backend {
    const key = backendKey(plan);
    let backend = this.used.get(key);
    if (backend === undefined) {
      backend = new Backend(plan, this.options);
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

  /** For diagnostics and metrics. */
  all(): Backend[] {
    return [...this.used.values()];
  }
}
