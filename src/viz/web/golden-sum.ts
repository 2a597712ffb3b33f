/** Adds up the series of one row of a page: responses by class, latency buckets, TCP of one side. */
import { quantile } from "../metrics/quantile.ts";
import { latest, rate, type Series } from "../metrics/store.ts";
import type { Golden } from "./view.ts";

export class GoldenSum {
  private success = 0;
  private failure = 0;
  private readonly buckets = new Map<number, number>();
  tcpOpen = 0;
  /** Bytes per second. */
  tcpRead = 0;
  tcpWrite = 0;

  /** `peer`: whose connections count, the clients' ("src") of a server's proxy or the servers' ("dst") of a client's. */
  add(series: Series, now: number, window: number, peer: "src" | "dst"): void {
    switch (series.name) {
      case "response_total": {
        const perSecond = rate(series, now, window);
        if (series.labels.get("classification") === "success") this.success += perSecond;
        else this.failure += perSecond;
        return;
      }
      case "response_latency_ms_bucket": {
        const le = series.labels.get("le") ?? "";
        const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
        if (!Number.isNaN(bound)) this.buckets.set(bound, (this.buckets.get(bound) ?? 0) + rate(series, now, window));
        return;
      }
      case "tcp_open_connections":
        if (series.labels.get("peer") === peer) this.tcpOpen += latest(series, now, window);
        return;
      case "tcp_read_bytes_total":
        if (series.labels.get("peer") === peer) this.tcpRead += rate(series, now, window);
        return;
      case "tcp_write_bytes_total":
        if (series.labels.get("peer") === peer) this.tcpWrite += rate(series, now, window);
        return;
      default:
    }
  }

  golden(): Golden {
    const total = this.success + this.failure;
    if (!(total > 0)) return { success: null, rps: null, p50: null, p95: null, p99: null };
    return {
      success: this.success / total,
      rps: round(total, 100),
      p50: roundOrNull(quantile(this.buckets, 0.5)),
      p95: roundOrNull(quantile(this.buckets, 0.95)),
      p99: roundOrNull(quantile(this.buckets, 0.99)),
    };
  }
}

/** Digits that no page shows would make each view differ from the one before. */
export function round(value: number, parts: number): number {
  return Math.round(value * parts) / parts;
}

const roundOrNull = (value: number | null): number | null => (value === null ? null : round(value, 10));
