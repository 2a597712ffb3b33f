/** Statistics as `linkerd viz stat` prints them. */
import type { StatRow } from "#viz/client/stat-row.ts";
import { byteRate, milliseconds, percent, rps } from "./format.ts";
import { printable } from "./printable.ts";
import { table, type Column } from "./table.ts";

export interface StatTableOptions {
  /** Show the NAMESPACE column. */
  readonly allNamespaces: boolean;
  /** Show bytes per second. */
  readonly wide: boolean;
  /** Names as KIND/NAME, where tables of several kinds follow each other. */
  readonly kindInNames?: boolean;
}

export function statTable(rows: readonly StatRow[], { allNamespaces, wide, kindInNames }: StatTableOptions): string {
  const kind = rows[0]?.kind;
  const hasPods = rows.some((row) => row.meshed !== null);
  const columns: Array<Column<StatRow>> = [];
  const add = (header: string, value: (row: StatRow) => string, align: "left" | "right" = "right"): void => {
    columns.push({ header, value, align });
  };
  if (allNamespaces && kind !== "namespace") add("NAMESPACE", (row) => printable(row.namespace), "left");
  add("NAME", (row) => printable(kindInNames === true ? `${row.kind}/${row.name}` : row.name), "left");
  if (kind === "pod") add("STATUS", (row) => printable(row.status ?? "-"), "left");
  if (rows.some((row) => row.server !== undefined)) add("SERVER", (row) => printable(row.server ?? ""), "left");
  if (hasPods) add("MESHED", (row) => (row.meshed === null ? "-" : `${row.meshed.meshed}/${row.meshed.total}`));
  if (rows.some((row) => row.unauthorized !== undefined)) add("UNAUTHORIZED", (row) => rps(row.unauthorized ?? null));
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
    ...(row.server === undefined ? {} : { server: row.server }),
    ...(row.unauthorized === undefined ? {} : { unauthorized: row.unauthorized }),
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
