/** Statistics as `linkerd viz stat` prints them. */
import type { StatRow } from "#viz/client/stat-row.ts";
import { byteRate, milliseconds, percent, rps } from "./format.ts";
import { table, type Column } from "./table.ts";

export interface StatTableOptions {
  /** Show the NAMESPACE column. */
  readonly allNamespaces: boolean;
  /** Show bytes per second. */
  readonly wide: boolean;
}

export function statTable(rows: readonly StatRow[], { allNamespaces, wide }: StatTableOptions): string {
  const kind = rows[0]?.kind;
  const hasPods = rows.some((row) => row.meshed !== null);
  const columns: Array<Column<StatRow>> = [];
  const add = (header: string, value: (row: StatRow) => string, align: "left" | "right" = "right"): void => {
    columns.push({ header, value, align });
  };
  if (allNamespaces && kind !== "namespace") add("NAMESPACE", (row) => row.namespace, "left");
  add("NAME", (row) => row.name, "left");
  if (kind === "pod") add("STATUS", (row) => row.status ?? "-", "left");
  if (hasPods) add("MESHED", (row) => (row.meshed === null ? "-" : `${row.meshed.meshed}/${row.meshed.total}`));
  add("SUCCESS", (row) => percent(row.success));
  add("RPS", (row) => rps(row.rps));
  add("LATENCY_P50", (row) => milliseconds(row.p50));
  add("LATENCY_P95", (row) => milliseconds(row.p95));
  add("LATENCY_P99", (row) => milliseconds(row.p99));
  if (hasPods) {
    add("TCP_CONN", (row) => (row.tcpOpenConnections === null ? "-" : String(Math.round(row.tcpOpenConnections))));
    if (wide) {
      add("READ_BYTES/SEC", (row) => byteRate(row.tcpReadRate));
      add("WRITE_BYTES/SEC", (row) => byteRate(row.tcpWriteRate));
    }
  }
  return table(columns, rows);
}

/** The rows with the keys that scripts know; numbers or null. */
export function statJson(rows: readonly StatRow[]): string {
  const objects = rows.map((row) => ({
    namespace: row.namespace,
    kind: row.kind,
    name: row.name,
    ...(row.meshed === null ? {} : { meshed: `${row.meshed.meshed}/${row.meshed.total}` }),
    success: row.success,
    rps: row.rps,
    latency_ms_p50: row.p50 === null ? null : Math.round(row.p50),
    latency_ms_p95: row.p95 === null ? null : Math.round(row.p95),
    latency_ms_p99: row.p99 === null ? null : Math.round(row.p99),
    ...(row.tcpOpenConnections === null
      ? {}
      : {
          tcp_open_connections: row.tcpOpenConnections,
          tcp_read_bytes_rate: row.tcpReadRate,
          tcp_write_bytes_rate: row.tcpWriteRate,
        }),
  }));
  return `${JSON.stringify(objects, null, 2)}\n`;
}
