/**
 * `inbound_{http,grpc}_*`: requests by the Server that takes them and their route, with Linkerd's names. Who asks is no
 * label, so there are as many series as policies, routes and statuses.
 * Hot file: all but the constructor runs per request or per part of a body, and allocates only for an outcome seen first.
 */
import type { Cell, HistogramCell } from "#lib/metrics/cell.ts";
import type { Family, Labels, Registry } from "#lib/metrics/registry.ts";
import type { StreamError } from "../http/stream-error.ts";
import type { InboundRouteCells } from "../inbound/ports.ts";
import type { ResourceRef } from "./labels.ts";
import { frameBounds, Outcomes, requestBounds, responseBounds, routeLabels } from "./route-metrics.ts";

interface Families {
  readonly requests: Family;
  readonly statuses: Family;
  readonly requestDuration: Family<HistogramCell>;
  readonly responseDuration: Family<HistogramCell>;
  readonly requestFrames: Family<HistogramCell>;
  readonly responseFrames: Family<HistogramCell>;
}

export class InboundRouteMetrics {
  private readonly http: Families;
  private readonly grpc: Families;

  constructor(registry: Registry) {
    this.http = families(registry, "inbound_http");
    this.grpc = families(registry, "inbound_grpc");
  }

  /** Cells of the requests of one route. `grpc`: the route is one for gRPC. Keep the result. */
  cells(parent: ResourceRef, route: ResourceRef, grpc: boolean): InboundRouteCells {
    return new Cells(grpc ? this.grpc : this.http, routeLabels(parent, route), grpc);
  }
}

function families(registry: Registry, scope: string): Families {
  return {
    requests: registry.counter(`${scope}_requests_total`, "The total number of requests dispatched"),
    statuses: registry.counter(`${scope}_statuses_total`, "Completed request-response streams"),
    requestDuration: registry.histogram(
      `${scope}_request_duration_seconds`,
      "The time between request initialization and response completion",
      requestBounds,
    ),
    responseDuration: registry.histogram(
      `${scope}_response_duration_seconds`,
      "The time between the response's head and its completion",
      responseBounds,
    ),
    requestFrames: registry.histogram(
      `${scope}_request_frame_size`,
      "Bytes of the parts in which bodies of requests pass",
      frameBounds,
    ),
    responseFrames: registry.histogram(
      `${scope}_response_frame_size`,
      "Bytes of the parts in which bodies of responses pass",
      frameBounds,
    ),
  };
}

class Cells implements InboundRouteCells {
  private readonly families: Families;
  private readonly labels: Labels;
  private readonly grpc: boolean;
  /** Resolved by the first use, so that what never sees one prints no series. */
  private requests: Cell | null = null;
  private requestDuration: HistogramCell | null = null;
  private responseDuration: HistogramCell | null = null;
  private requestFrames: HistogramCell | null = null;
  private responseFrames: HistogramCell | null = null;
  private readonly outcomes: Outcomes;

  constructor(made: Families, labels: Labels, grpc: boolean) {
    this.families = made;
    this.labels = labels;
    this.grpc = grpc;
    this.outcomes = new Outcomes(made.statuses, labels, grpc);
  }

  started(): void {
    (this.requests ??= this.families.requests.cell(this.labels)).value++;
  }

  ended(
    status: number,
    grpcStatus: number,
    latency: number,
    responseTime: number | null,
    error: StreamError | null,
  ): void {
    (this.requestDuration ??= this.families.requestDuration.cell(this.labels)).observe(latency / 1000);
    if (responseTime !== null)
      (this.responseDuration ??= this.families.responseDuration.cell(this.labels)).observe(responseTime / 1000);
    this.outcomes.count(this.grpc ? grpcStatus : status, error);
  }

  requestFrame(bytes: number): void {
    (this.requestFrames ??= this.families.requestFrames.cell(this.labels)).observe(bytes);
  }

  responseFrame(bytes: number): void {
    (this.responseFrames ??= this.families.responseFrames.cell(this.labels)).observe(bytes);
  }
}
