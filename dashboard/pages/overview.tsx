/** Namespaces and their workloads with golden metrics; with `namespace` only that one. */
import { Link } from "wouter-preact";
import type { OverviewView, WorkloadRow } from "#viz/web/view.ts";
import { health, percent, perSecond } from "../format.ts";
import { namespacePath, overviewPath, refId, topologyPath, workloadPath } from "../links.ts";
import { useView } from "../live.ts";
import { goldenColumns } from "../parts/golden-columns.tsx";
import { Message } from "../parts/message.tsx";
import { Page } from "../parts/page.tsx";
import { Meshed, Success } from "../parts/success.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { Tiles } from "../parts/tiles.tsx";
import { byNamespace, summarize } from "../summary.ts";

const columns: readonly Column<WorkloadRow>[] = [
  {
    id: "name",
    title: "Workload",
    value: (row) => row.name,
    cell: (row) => (
      <>
        <Link href={workloadPath(row) ?? "/"} class="name">
          {row.name}
        </Link>
        <span class="kind">{row.kind}</span>
      </>
    ),
  },
  {
    id: "meshed",
    title: "Meshed",
    hint: "Running pods with a proxy, and all running pods",
    numeric: true,
    value: (row) => (row.pods === 0 ? null : row.meshed / row.pods),
    cell: (row) => <Meshed {...row} />,
  },
  ...goldenColumns<WorkloadRow>(),
  {
    id: "tcp",
    title: "TCP",
    hint: "Open connections",
    numeric: true,
    value: (row) => row.tcpOpen,
    cell: (row) => (row.meshed === 0 ? "–" : row.tcpOpen),
  },
];

export function OverviewPage({ namespace }: { namespace: string | null }) {
  const live = useView("overview", {});
  return (
    <Page
      title={namespace ?? "Overview"}
      live={live}
      heading={
        namespace === null ? (
          <h1>Overview</h1>
        ) : (
          <h1>
            <Link href={overviewPath} class="crumb">
              Namespaces
            </Link>
            {namespace}
          </h1>
        )
      }
    >
      {(view) => <Overview view={view} namespace={namespace} />}
    </Page>
  );
}

function Overview({ view, namespace }: { view: OverviewView; namespace: string | null }) {
  const rows = namespace === null ? view.workloads : view.workloads.filter((row) => row.namespace === namespace);
  if (rows.length === 0) {
    return namespace === null ? (
      <Message title="No pods yet">
        As soon as the cluster runs pods they show up here. To mesh a namespace:{" "}
        <code>kubectl annotate namespace NAME linkerd.io/inject=enabled</code>, then{" "}
        <code>kubectl rollout restart deployment -n NAME</code>.
      </Message>
    ) : (
      <Message title={`No pods in namespace “${namespace}”`}>
        See whether it is spelled right, and <code>kubectl get pods -n {namespace}</code>.
      </Message>
    );
  }
  const total = summarize(rows);
  const failing = rows.filter((row) => health(row.success) === "bad" || health(row.success) === "warn");
  return (
    <>
      <Tiles
        tiles={[
          {
            title: "Success rate",
            value: percent(total.success),
            health: health(total.success),
            note: total.success === null ? "no HTTP traffic in the last minute" : "of all requests, last minute",
          },
          { title: "Requests", value: perSecond(total.rps), note: "per second, as servers see them" },
          {
            title: "Meshed pods",
            value: `${total.meshed}/${total.pods}`,
            note: total.meshed === total.pods ? "all have a proxy" : `${total.pods - total.meshed} without a proxy`,
          },
          {
            title: "Failing",
            value: failing.length,
            health: failing.length === 0 ? "good" : "bad",
            note:
              failing.length === 0 ? (
                "no workload below 99 %"
              ) : (
                <>
                  {failing.slice(0, 3).map((row, index) => (
                    <span key={refId(row)}>
                      {index > 0 && ", "}
                      <Link href={workloadPath(row) ?? "/"}>{row.name}</Link>
                    </span>
                  ))}
                  {failing.length > 3 && ", …"}
                </>
              ),
          },
        ]}
      />
      {byNamespace(rows).map((group) => (
        <NamespaceCard key={group.namespace} namespace={group.namespace} rows={group.rows} />
      ))}
    </>
  );
}

function NamespaceCard({ namespace, rows }: { namespace: string; rows: readonly WorkloadRow[] }) {
  const total = summarize(rows);
  return (
    <section class="card" aria-label={`Namespace ${namespace}`}>
      <header class="card-head">
        <h2>
          <Link href={namespacePath(namespace)}>{namespace}</Link>
        </h2>
        <span class="card-facts">
          <Success value={total.success} />
          <span>{perSecond(total.rps)} RPS</span>
          <span>
            <Meshed meshed={total.meshed} pods={total.pods} /> meshed
          </span>
        </span>
        {total.meshed > 0 && (
          <Link href={topologyPath(namespace)} class="card-link">
            Topology
          </Link>
        )}
      </header>
      {total.meshed === 0 && total.pods > 0 ? (
        <details class="unmeshed">
          <summary>
            {rows.length === 1 ? "One workload" : `${rows.length} workloads`} without a proxy:{" "}
            {rows
              .slice(0, 4)
              .map(({ name }) => name)
              .join(", ")}
            {rows.length > 4 && ", …"}
          </summary>
          <p>
            To mesh them: <code>kubectl annotate namespace {namespace} linkerd.io/inject=enabled</code>, then{" "}
            <code>kubectl rollout restart deployment -n {namespace}</code>
          </p>
        </details>
      ) : (
        <Table label={`Workloads of ${namespace}`} columns={columns} rows={rows} rowKey={refId} />
      )}
    </section>
  );
}
