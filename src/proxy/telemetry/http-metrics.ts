/**
 * `request_total`, `response_total` and `response_latency_ms`: what dashboards compute success rates from.
 * Hot file: `requestStarted` and `responseEnded` run per request and allocate only for a status seen first.
 */
import type { Cell, HistogramCell } from "#lib/metrics/cell.ts";
import type { Family, Labels, Registry } from "#lib/metrics/registry.ts";
import type { HttpCells } from "../http/ports.ts";

/** Linkerd's latency buckets, ms. */
export const latencyBuckets = [
  1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10_000, 20_000, 30_000,
  40_000, 50_000,
] as const;

export class HttpMetrics {
  readonly requests: Family;
  readonly responses: Family;
  readonly latencies: Family<HistogramCell>;

  /** @param scope before each name, e.g. "route_" */
  constructor(registry: Registry, scope: "" | "route_" | "route_actual_" = "") {
    this.requests = registry.counter(`${scope}request_total`, "Total count of HTTP requests");
    this.responses = registry.counter(`${scope}response_total`, "Total count of HTTP responses");
    this.latencies = registry.histogram(
      `${scope}response_latency_ms`,
      "Elapsed times between a request's headers being received and its response stream completing",
      latencyBuckets,
    );
  }

  /** Cells for requests of these labels. Keep the result: one per route and endpoint, or per client. */
  cells(labels: Labels): HttpCells {
    return new StatusCells(this, labels);
  }
}

/** gRPC statuses that are the server's fault: unknown, deadline, permission, internal, unavailable and data loss. */
const grpcFailures: ReadonlySet<number> = new Set([2, 4, 7, 13, 14, 15]);

interface StatusCell {
  readonly responses: Cell;
  readonly latency: HistogramCell;
}

class StatusCells implements HttpCells {
  private readonly metrics: HttpMetrics;
  private readonly labels: Labels;
  /** Resolved by the first request, so that what never sees one prints no series. */
  private requests: Cell | null = null;
  /** By status, gRPC status and whether the response broke off. Bounded by the statuses that there are. */
  private readonly byOutcome = new Map<number, StatusCell>();

  constructor(metrics: HttpMetrics, labels: Labels) {
    this.metrics = metrics;
    this.labels = labels;
  }

  requestStarted(): void {
    this.requests ??= this.metrics.requests.cell(this.labels);
    this.requests.value++;
  }

  responseEnded(status: number, latency: number, complete: boolean, grpcStatus: number): void {
    const key = (status * 32 + grpcStatus + 1) * 2 + (complete ? 0 : 1);
    const cell = this.byOutcome.get(key) ?? this.resolve(key, status, complete, grpcStatus);
    cell.responses.value++;
    cell.latency.observe(latency);
  }

  private resolve(key: number, status: number, complete: boolean, grpcStatus: number): StatusCell {
    const base: Labels = status === 0 ? this.labels : { ...this.labels, status_code: String(status) };
    const success = complete && status > 0 && status < 500 && !grpcFailures.has(grpcStatus);
    const outcome: Record<string, string> = { classification: success ? "success" : "failure" };
    if (grpcStatus >= 0) outcome["grpc_status"] = String(grpcStatus);
    if (status === 0 || !complete) outcome["error"] = "unknown";
    const cell = {
      responses: this.metrics.responses.cell({ ...base, ...outcome }),
      latency: this.metrics.latencies.cell(base),
    };
    this.byOutcome.set(key, cell);
    return cell;
  }
}
