/** Who calls whom, as a table. */
import { Link } from "wouter-preact";
import type { EdgeRow, WorkloadRef } from "#viz/web/view.ts";
import { bytesPerSecond } from "../format.ts";
import { refId, workloadPath } from "../links.ts";
import { goldenColumns } from "./golden-columns.tsx";
import { Secured } from "./secured.tsx";
import { Table, type Column } from "./table.tsx";

export function WorkloadName({ workload }: { workload: WorkloadRef }) {
  const path = workloadPath(workload);
  return (
    <>
      {path === null ? (
        <span class="name">{workload.name}</span>
      ) : (
        <Link href={path} class="name">
          {workload.name}
        </Link>
      )}
      <span class="kind">{workload.namespace === "" ? "outside the cluster" : workload.namespace}</span>
    </>
  );
}

const from: Column<EdgeRow> = {
  id: "from",
  title: "From",
  value: (row) => refId(row.from),
  cell: (row) => <WorkloadName workload={row.from} />,
};
const to: Column<EdgeRow> = {
  id: "to",
  title: "To",
  value: (row) => refId(row.to),
  cell: (row) => <WorkloadName workload={row.to} />,
};
const rest: readonly Column<EdgeRow>[] = [
  {
    id: "security",
    title: "Secured",
    hint: "Whether both sides prove who they are by mutual TLS",
    value: (row) => row.security,
    cell: (row) => <Secured edge={row} />,
  },
  ...goldenColumns<EdgeRow>(),
  {
    id: "bytes",
    title: "Bytes",
    hint: "Both ways, per second",
    numeric: true,
    value: (row) => row.bytes,
    cell: (row) => bytesPerSecond(row.bytes),
  },
];

/** `side`: which end is the same for all rows and need not be shown. */
export function EdgeTable(props: {
  label: string;
  edges: readonly EdgeRow[];
  side: "none" | "from" | "to";
  orderName?: string;
}) {
  const columns = [...(props.side === "from" ? [] : [from]), ...(props.side === "to" ? [] : [to]), ...rest];
  return (
    <Table
      label={props.label}
      columns={columns}
      rows={props.edges}
      rowKey={(row) => `${refId(row.from)} ${refId(row.to)}`}
      {...(props.orderName === undefined ? {} : { orderName: props.orderName })}
    />
  );
}
