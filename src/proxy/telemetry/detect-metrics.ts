/** `…_tcp_detect_http_*`: what protocol detection found, and how long it took. Per connection, not per request. */
import type { Cell, HistogramCell } from "#lib/metrics/cell.ts";
import type { Family, Labels, Registry } from "#lib/metrics/registry.ts";
import type { DetectCells, DetectResult } from "../detect/detection.ts";

/** Linkerd's buckets, seconds. */
const durationBounds = [0.001, 0.1];

export class DetectMetrics {
  readonly durations: Family<HistogramCell>;
  readonly results: Family;

  constructor(registry: Registry, direction: "inbound" | "outbound") {
    const scope = `${direction}_tcp_detect_http`;
    this.durations = registry.histogram(
      `${scope}_duration_seconds`,
      "Time taken for protocol detection",
      durationBounds,
    );
    this.results = registry.counter(`${scope}_results_total`, "Protocol detection results");
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
  private readonly results = new Map<DetectResult, Cell>();

  constructor(metrics: DetectMetrics, labels: Labels) {
    this.metrics = metrics;
    this.labels = labels;
  }

  observe(result: DetectResult, elapsed: number): void {
    this.durations ??= this.metrics.durations.cell(this.labels);
    this.durations.observe(elapsed / 1000);
    let cell = this.results.get(result);
    if (cell === undefined) {
      cell = this.metrics.results.cell({ ...this.labels, result });
      this.results.set(result, cell);
    }
    cell.value++;
  }
}
