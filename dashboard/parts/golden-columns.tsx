/** The columns that every table of traffic ends with. */
import type { Golden } from "#viz/web/view.ts";
import { latency, perSecond } from "../format.ts";
import { Success } from "./success.tsx";
import type { Column } from "./table.tsx";

export function goldenColumns<Row extends Golden>(): readonly Column<Row>[] {
  const latencyColumn = (id: "p50" | "p95" | "p99"): Column<Row> => ({
    id,
    title: id.toUpperCase(),
    hint: `${id.slice(1)} of 100 requests were answered within this time`,
    numeric: true,
    value: (row) => row[id],
    cell: (row) => latency(row[id]),
  });
  return [
    {
      id: "success",
      title: "Success",
      hint: "Share of requests that did not fail, last minute",
      numeric: true,
      value: (row) => row.success,
      cell: (row) => <Success value={row.success} />,
    },
    {
      id: "rps",
      title: "RPS",
      hint: "Requests per second, last minute",
      numeric: true,
      value: (row) => row.rps,
      cell: (row) => perSecond(row.rps),
    },
    latencyColumn("p50"),
    latencyColumn("p95"),
    latencyColumn("p99"),
  ];
}
