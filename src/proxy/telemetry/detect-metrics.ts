/** `…_tcp_detect_http_*`: what protocol detection found, and how long it took. Per connection, not per request. */
import type { HistogramCell } from "#lib/metrics/cell.ts";
import { CountersBy, type Family, type Labels, type Registry } from "#lib/metrics/registry.ts";
import type { Log } from "#lib/log.ts";
import type { DetectCells, DetectResult, LossReason } from "../detect/detection.ts";

/** Linkerd's buckets, seconds. */
const durationBounds = [0.001, 0.1];

/** Lines in the log about losses, over the life of the process. */
const maxTold = 256;

export class DetectMetrics {
  readonly durations: Family<HistogramCell>;
  readonly results: Family;
  readonly losses: Family;
  private readonly log: Log | null;
  /** What the log knows. */
  private readonly told = new Set<string>();

  /** `log` hears of each kind of loss once; null: nobody does. */
  constructor(registry: Registry, direction: "inbound" | "outbound", log: Log | null = null) {
    this.log = log;
    const scope = `${direction}_tcp_detect_http`;
    this.durations = registry.histogram(
      `${scope}_duration_seconds`,
      "Time taken for protocol detection",
      durationBounds,
    );
    this.results = registry.counter(`${scope}_results_total`, "Protocol detection results");
    this.losses = registry.counter(
      `${direction}_tcp_l7_lost_total`,
      "Connections that were looked at and go on as bytes, by why nobody sees requests in them",
    );
  }

  /** Says each kind of loss once. The application's own TLS is what it wants. */
  tell(reason: LossReason, labels: Labels): void {
    const key = `${reason} ${Object.values(labels).join("/")}`;
    if (this.log === null || reason === "tls" || this.told.has(key) || this.told.size >= maxTold) return;
    this.told.add(key);
    this.log.info("A connection goes on as bytes, requests in it are not seen", { reason, ...labels });
  }

  /** Cells for these labels; the series appear with the first connection. Keep the result. */
  cells(labels: Labels): DetectCells {
    return new Cells(this, labels);
  }
}

class Cells implements DetectCells {
  private readonly metrics: DetectMetrics;
  private readonly labels: Labels;
  private durations: HistogramCell | null = null;
  private readonly results: CountersBy<DetectResult>;
  private readonly losses: CountersBy<LossReason>;

  constructor(metrics: DetectMetrics, labels: Labels) {
    this.metrics = metrics;
    this.labels = labels;
    this.results = new CountersBy(metrics.results, (result) => ({ ...labels, result }));
    this.losses = new CountersBy(metrics.losses, (reason) => {
      metrics.tell(reason, labels);
      return { ...labels, reason };
    });
  }

  observe(result: DetectResult, elapsed: number): void {
    this.durations ??= this.metrics.durations.cell(this.labels);
    this.durations.observe(elapsed / 1000);
    this.results.count(result);
  }

  lost(reason: LossReason): void {
    this.losses.count(reason);
  }
}
