/** One workload: golden metrics, who calls it and whom it calls, pods, routes, policy. */
import { Link, useSearchParams } from "wouter-preact";
import type { AuthorizationRow, PodRow, RouteRow, WorkloadRef, WorkloadView } from "#viz/web/view.ts";
import { health, latency, percent, perSecond } from "../format.ts";
import { Graph } from "../graph/graph.tsx";
import { namespacePath, overviewPath, refId, tapPath } from "../links.ts";
import { useView } from "../live.ts";
import { Chart } from "../parts/chart.tsx";
import { Choice } from "../parts/choice.tsx";
import { EdgeTable } from "../parts/edge-table.tsx";
import { goldenColumns } from "../parts/golden-columns.tsx";
import { Message } from "../parts/message.tsx";
import { Page } from "../parts/page.tsx";
import { Client } from "../parts/client.tsx";
import { Section } from "../parts/section.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { Tiles } from "../parts/tiles.tsx";

export function WorkloadPage({ workload }: { workload: WorkloadRef }) {
  const [params, setParams] = useSearchParams();
  const range = params.get("range") === "6h" ? "6h" : "10m";
  const setRange = (next: string): void =>
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        if (next === "10m") after.delete("range");
        else after.set("range", next);
        return after;
      },
      { replace: true },
    );
  const live = useView("workload", { ...workload, range });
  return (
    <Page
      title={`${workload.name} in ${workload.namespace}`}
      live={live}
      heading={
        <h1>
          <Link href={overviewPath} class="crumb">
            Namespaces
          </Link>
          <Link href={namespacePath(workload.namespace)} class="crumb">
            {workload.namespace}
          </Link>
          {workload.name}
          <span class="kind">{workload.kind}</span>
          <Link href={tapPath(workload)} class="heading-link">
            Live requests
          </Link>
        </h1>
      }
    >
      {(view) => <Workload view={view} workload={workload} range={range} setRange={setRange} />}
    </Page>
  );
}

interface WorkloadProps {
  readonly view: WorkloadView;
  readonly workload: WorkloadRef;
  readonly range: string;
  readonly setRange: (range: string) => void;
}

function Workload({ view, workload, range, setRange }: WorkloadProps) {
  const row = view.workload;
  if (row === null) {
    return (
      <Message title={`There is no ${workload.kind} “${workload.name}” in namespace “${workload.namespace}”`}>
        It has no pods now. See <code>kubectl get {`${workload.kind} -n ${workload.namespace}`}</code>, or press{" "}
        <kbd>/</kbd> to search.
      </Message>
    );
  }
  const { history, inbound, outbound } = view;
  return (
    <>
      {row.meshed < row.pods && (
        <p class="banner">
          {row.pods - row.meshed} of {row.pods} pods have no proxy and show no numbers. To mesh them:{" "}
          <code>
            kubectl rollout restart {row.kind} {row.name} -n {row.namespace}
          </code>
          {row.meshed === 0 && (
            <>
              , after <code>kubectl annotate namespace {row.namespace} linkerd.io/inject=enabled</code>
            </>
          )}
        </p>
      )}
      <Tiles
        tiles={[
          { title: "Success rate", value: percent(row.success), health: health(row.success), note: "last minute" },
          { title: "Requests", value: perSecond(row.rps), note: "per second" },
          { title: "P50", value: latency(row.p50), note: "half are faster" },
          { title: "P95", value: latency(row.p95), note: "1 of 20 is slower" },
          { title: "P99", value: latency(row.p99), note: "1 of 100 is slower" },
          {
            title: "Meshed pods",
            value: `${row.meshed}/${row.pods}`,
            note: `${row.tcpOpen} open connections`,
          },
        ]}
      />
      <Choice
        label="Time of the charts"
        value={range}
        options={[
          ["10m", "10 minutes"],
          ["6h", "6 hours"],
        ]}
        onChoose={setRange}
      />
      {history.times.length < 2 && row.meshed > 0 && (
        <p class="nothing chart-none">
          {range === "6h" ? "Charts of hours begin after ten minutes." : "Charts begin after the second scrape."}
        </p>
      )}
      {history.times.length > 1 && (
        <div class="charts">
          <section class="card" aria-label="Requests over time">
            <Chart
              title="Requests per second"
              times={history.times}
              format={(value) => perSecond(value)}
              lines={[
                { label: "succeeded", colour: "good", values: history.succeeded, filled: true },
                { label: "failed", colour: "bad", values: history.failed, filled: true },
              ]}
            />
          </section>
          <section class="card" aria-label="Latency over time">
            <Chart
              title="Latency"
              times={history.times}
              format={(value) => latency(value)}
              lines={[
                { label: "P99", colour: "series-3", values: history.p99 },
                { label: "P95", colour: "series-2", values: history.p95 },
                { label: "P50", colour: "series-1", values: history.p50 },
              ]}
            />
          </section>
        </div>
      )}
      {inbound.length + outbound.length > 0 && (
        <section class="card graph-card" aria-label="Neighbours">
          <Graph workloads={[row, ...view.neighbours]} edges={[...inbound, ...outbound]} focus={refId(row)} />
        </section>
      )}
      <Section title="Called by" empty={inbound.length === 0 && "No meshed workload called it in the last minute."}>
        <EdgeTable label="Called by" edges={inbound} side="to" orderName="in" />
      </Section>
      <Section title="Calls" empty={outbound.length === 0 && "It called nobody in the last minute."}>
        <EdgeTable label="Calls" edges={outbound} side="from" orderName="out" />
      </Section>
      <Section title="Routes" empty={view.routes.length === 0 && "No requests in the last minute."}>
        <Table label="Routes" columns={routeColumns} rows={view.routes} rowKey={routeKey} orderName="routes" />
      </Section>
      <Section title="Policy" empty={view.authorizations.length === 0 && "Nobody called it in the last minute."}>
        <Table
          label="Policy"
          columns={authorizationColumns}
          rows={view.authorizations}
          rowKey={authorizationKey}
          orderName="policy"
        />
      </Section>
      <Section title="Pods" empty={false}>
        <Table label="Pods" columns={podColumns} rows={view.pods} rowKey={({ name }) => name} orderName="pods" />
      </Section>
    </>
  );
}

const routeKey = (row: RouteRow): string => [row.port, row.serverKind, row.server, row.routeKind, row.route].join("/");

function resource(kind: string, name: string) {
  return (
    <>
      <span class="name">{name}</span>
      <span class="kind">{kind === "default" ? "default policy" : kind}</span>
    </>
  );
}

const routeColumns: readonly Column<RouteRow>[] = [
  {
    id: "route",
    title: "Route",
    value: (row) => row.route,
    cell: (row) => (
      <>
        <span class="name">{row.route}</span>
        <span class="kind">{row.routeKind === "default" ? "" : row.routeKind}</span>
      </>
    ),
  },
  { id: "server", title: "Server", value: (row) => row.server, cell: (row) => resource(row.serverKind, row.server) },
  { id: "port", title: "Port", numeric: true, value: (row) => Number(row.port), cell: (row) => row.port },
  ...goldenColumns<RouteRow>(),
];

const authorizationKey = (row: AuthorizationRow): string =>
  [row.port, row.serverKind, row.server, row.authorizationKind, row.authorization, row.client].join("/");

const authorizationColumns: readonly Column<AuthorizationRow>[] = [
  {
    id: "client",
    title: "Client",
    value: (row) => row.client,
    cell: (row) => <Client client={row.client} />,
  },
  { id: "server", title: "Server", value: (row) => row.server, cell: (row) => resource(row.serverKind, row.server) },
  { id: "port", title: "Port", numeric: true, value: (row) => Number(row.port), cell: (row) => row.port },
  {
    id: "authorization",
    title: "Allowed by",
    value: (row) => row.authorization,
    cell: (row) =>
      row.authorization === null ? (
        <span class="denied">nothing: denied</span>
      ) : (
        resource(row.authorizationKind ?? "", row.authorization)
      ),
  },
  {
    id: "allowed",
    title: "Allowed",
    hint: "Requests, or connections of other protocols, per second",
    numeric: true,
    value: (row) => row.allowed,
    cell: (row) => perSecond(row.allowed),
  },
  {
    id: "denied",
    title: "Denied",
    numeric: true,
    value: (row) => row.denied,
    cell: (row) => <span class={row.denied > 0 ? "denied" : ""}>{perSecond(row.denied)}</span>,
  },
];

const podColumns: readonly Column<PodRow>[] = [
  { id: "name", title: "Pod", value: (row) => row.name, cell: (row) => <span class="name">{row.name}</span> },
  { id: "status", title: "Status", value: (row) => row.status, cell: (row) => row.status },
  {
    id: "meshed",
    title: "Meshed",
    value: (row) => (row.meshed ? 1 : 0),
    cell: (row) => (row.meshed ? "yes" : <span class="warn-text">no proxy</span>),
  },
  ...goldenColumns<PodRow>(),
  { id: "tcp", title: "TCP", numeric: true, value: (row) => row.tcpOpen, cell: (row) => row.tcpOpen },
];
