/**
 * The `tcp_*` families. Hot file: the stacks add to `readBytes` and `writtenBytes` per chunk, which are accessors on the
 * registry's cells so that a rendering needs no collecting step.
 */
import type { Cell } from "#lib/metrics/cell.ts";
import type { ErrorCode, MeshError } from "#lib/errors.ts";
import { CountersBy, type Family, type Labels, type Registry } from "#lib/metrics/registry.ts";
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
  private readonly cost: Family;
  /** By the cell of the bytes read, of which there is one for all connections of the same labels. */
  private readonly zoneOf = new WeakMap<Cell, Zone>();
  /** Those with connections or endpoints. */
  private readonly zones = new Set<Zone>();

  constructor(registry: Registry) {
    this.opens = registry.counter("tcp_open_total", "Total count of opened connections");
    this.connections = registry.gauge("tcp_open_connections", "Number of currently-open connections");
    this.closes = registry.counter("tcp_close_total", "Total count of closed connections");
    this.read = registry.counter("tcp_read_bytes_total", "Total count of bytes read from peers");
    this.written = registry.counter("tcp_write_bytes_total", "Total count of bytes written to peers");
    this.cost = registry.counter(
      "outbound_tcp_transfer_cost_bytes_total",
      "Bytes exchanged with endpoints, by whether they are in this zone",
    );
    registry.onCollect(() => {
      for (const zone of this.zones) if (!zone.settle()) this.zones.delete(zone);
    });
  }

  /** Cells for connections of these labels. Keep the result. */
  cells(labels: Labels): TransportCells {
    return new Cells(this, labels);
  }

  /** Null: what goes there has no cost. */
  zone(labels: Labels, read: Cell, written: Cell): Zone | null {
    if (labels["direction"] !== "outbound" || labels["peer"] !== "dst") return null;
    let zone = this.zoneOf.get(read);
    if (zone === undefined) {
      const locality = labels["dst_zone_locality"] ?? "unknown";
      zone = new Zone(this.cost, locality, read, written);
      this.zoneOf.set(read, zone);
      this.zones.add(zone);
    }
    return zone;
  }
}

/** What of the bytes of some connections is in the cost already. Settled now and then, so that a chunk costs nothing more. */
class Zone {
  private readonly read: WeakRef<Cell>;
  private readonly written: WeakRef<Cell>;
  private readonly received: Cell;
  private readonly sent: Cell;
  private settledRead: number;
  private settledWritten: number;

  constructor(family: Family, locality: string, read: Cell, written: Cell) {
    this.read = new WeakRef(read);
    this.written = new WeakRef(written);
    this.received = family.cell({ op: "recv", zone_locality: locality });
    this.sent = family.cell({ op: "send", zone_locality: locality });
    this.settledRead = read.value;
    this.settledWritten = written.value;
  }

  /** False: nobody counts any more. */
  settle(): boolean {
    const read = this.read.deref();
    const written = this.written.deref();
    if (read === undefined || written === undefined) return false;
    this.received.value += read.value - this.settledRead;
    this.sent.value += written.value - this.settledWritten;
    this.settledRead = read.value;
    this.settledWritten = written.value;
    return true;
  }
}

class Cells implements TransportCells {
  private readonly opens: Cell;
  private readonly connections: Cell;
  private readonly read: Cell;
  private readonly written: Cell;
  private readonly closes: CountersBy<string>;
  private readonly zone: Zone | null;

  constructor(metrics: TransportMetrics, labels: Labels) {
    this.opens = metrics.opens.cell(labels);
    this.connections = metrics.connections.cell(labels);
    this.read = metrics.read.cell(labels);
    this.written = metrics.written.cell(labels);
    this.closes = new CountersBy(metrics.closes, (errno) => ({ ...labels, errno }));
    this.zone = metrics.zone(labels, this.read, this.written);
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
    this.zone?.settle();
    this.closes.count(error === null ? "" : (errnoOf[error.code] ?? "UNEXPECTED"));
  }
}
