/**
 * The `tcp_*` families. Hot file: the stacks add to `readBytes` and `writtenBytes` per chunk, which are accessors on the
 * registry's cells so that a rendering needs no collecting step.
 */
import type { Cell } from "#lib/metrics/cell.ts";
import type { ErrorCode, MeshError } from "#lib/errors.ts";
import type { Family, Labels, Registry } from "#lib/metrics/registry.ts";
import type { TransportCells } from "../http/ports.ts";

/** The errno names that dashboards know. Everything else ends as UNEXPECTED. */
const errnoOf: Partial<Record<ErrorCode, string>> = {
  "connection-refused": "ECONNREFUSED",
  "connection-reset": "ECONNRESET",
  timeout: "ETIMEDOUT",
  unreachable: "EHOSTUNREACH",
  "too-many-open-files": "EMFILE",
  cancelled: "ECANCELED",
  "tls-handshake": "EPROTO",
  "tls-identity": "EPROTO",
  protocol: "EPROTO",
};

export class TransportMetrics {
  readonly opens: Family;
  readonly connections: Family;
  readonly closes: Family;
  readonly read: Family;
  readonly written: Family;

  constructor(registry: Registry) {
    this.opens = registry.counter("tcp_open_total", "Total count of opened connections");
    this.connections = registry.gauge("tcp_open_connections", "Number of currently-open connections");
    this.closes = registry.counter("tcp_close_total", "Total count of closed connections");
    this.read = registry.counter("tcp_read_bytes_total", "Total count of bytes read from peers");
    this.written = registry.counter("tcp_write_bytes_total", "Total count of bytes written to peers");
  }

  /** Cells for connections of these labels. Keep the result. */
  cells(labels: Labels): TransportCells {
    return new Cells(this, labels);
  }
}

class Cells implements TransportCells {
  private readonly metrics: TransportMetrics;
  private readonly labels: Labels;
  private readonly opens: Cell;
  private readonly connections: Cell;
  private readonly read: Cell;
  private readonly written: Cell;
  private readonly closes = new Map<string, Cell>();

  constructor(metrics: TransportMetrics, labels: Labels) {
    this.metrics = metrics;
    this.labels = labels;
    this.opens = metrics.opens.cell(labels);
    this.connections = metrics.connections.cell(labels);
    this.read = metrics.read.cell(labels);
    this.written = metrics.written.cell(labels);
  }

  get readBytes(): number {
    return this.read.value;
  }
  set readBytes(value: number) {
    this.read.value = value;
  }
  get writtenBytes(): number {
    return this.written.value;
  }
  set writtenBytes(value: number) {
    this.written.value = value;
  }

  opened(): void {
    this.opens.value++;
    this.connections.value++;
  }

  closed(error: MeshError | null): void {
    this.connections.value--;
    const errno = error === null ? "" : (errnoOf[error.code] ?? "UNEXPECTED");
    let cell = this.closes.get(errno);
    if (cell === undefined) {
      cell = this.metrics.closes.cell({ ...this.labels, errno });
      this.closes.set(errno, cell);
    }
    cell.value++;
  }
}
