/** A dashboard that serves made-up views, which a test changes while pages look at them. */
import { systemClock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import { buildPages } from "#viz/web/build-pages.ts";
import { startDashboard } from "#viz/web/start-dashboard.ts";
import type { TapLine } from "#viz/client/tap-event.ts";
import type { TapRequest } from "#viz/client/tap-request.ts";
import type { EdgeRow, View, WorkloadRef, WorkloadRow } from "#viz/web/view.ts";
import type { ViewQuery } from "#viz/web/views.ts";

export interface Mesh {
  workloads: WorkloadRow[];
  edges: EdgeRow[];
  /** Instead of any view. */
  failure: string | null;
}

export interface ServedViews {
  readonly url: string;
  readonly port: number;
  readonly mesh: Mesh;
  stop(): Promise<void>;
}

export function workload(namespace: string, name: string, values: Partial<WorkloadRow> = {}): WorkloadRow {
  return {
    namespace,
    kind: "deployment",
    name,
    success: 1,
    rps: 20,
    p50: 2,
    p95: 9,
    p99: 24,
    meshed: 2,
    pods: 2,
    tcpOpen: 4,
    tcpRead: 1200,
    tcpWrite: 5400,
    ...values,
  };
}

export function edge(from: WorkloadRef, to: WorkloadRef, values: Partial<EdgeRow> = {}): EdgeRow {
  const ref = ({ namespace, kind, name }: WorkloadRef): WorkloadRef => ({ namespace, kind, name });
  return {
    from: ref(from),
    to: ref(to),
    success: 1,
    rps: 12,
    p50: 2,
    p95: 8,
    p99: 20,
    security: "mutual",
    plainReason: null,
    serverId: `${to.name}.${to.namespace}.serviceaccount.identity.linkerd.cluster.local`,
    bytes: 4000,
    tcpOpen: 2,
    ...values,
  };
}

/** A shop in which the payment fails and an old service is not meshed. */
export function shop(): Mesh {
  const web = workload("shop", "web", { success: 0.912, rps: 48.2 });
  const cart = workload("shop", "cart");
  const pay = workload("shop", "payment", { success: 0.71, rps: 9.4, p99: 1800 });
  const db = workload("shop", "db", { kind: "statefulset", success: null, rps: null, p50: null, p95: null, p99: null });
  const old = workload("legacy", "ledger", {
    ...db,
    kind: "deployment",
    name: "ledger",
    namespace: "legacy",
    meshed: 0,
  });
  const bank: WorkloadRef = { namespace: "", kind: "authority", name: "api.bank.example:443" };
  return {
    workloads: [old, workload("linkerd", "linkerd-destination", { rps: 1.2 }), cart, db, pay, web],
    edges: [
      edge(web, cart),
      edge(web, pay, { success: 0.71 }),
      edge(cart, db, { success: null, rps: null, p50: null, p95: null, p99: null }),
      edge(pay, old, {
        security: "none",
        plainReason: "not_provided_by_service_discovery",
        serverId: null,
        success: 0.97,
      }),
      edge(pay, bank, {
        security: "none",
        plainReason: "not_provided_by_service_discovery",
        serverId: null,
        rps: null,
        success: null,
      }),
    ],
    failure: null,
  };
}

const same = (a: WorkloadRef, b: WorkloadRef): boolean =>
  a.namespace === b.namespace && a.kind === b.kind && a.name === b.name;

function viewOf(query: ViewQuery, mesh: Mesh): View {
  if (mesh.failure !== null) throw new MeshError("unavailable", mesh.failure);
  const head = { time: Date.now(), window: 60_000, scraped: { fresh: 6, pods: 6 } };
  switch (query.view) {
    case "overview":
      return { view: "overview", ...head, workloads: mesh.workloads };
    case "topology":
      return { view: "topology", ...head, workloads: mesh.workloads, edges: mesh.edges, omitted: 0 };
    case "workload": {
      const found = mesh.workloads.find((row) => same(row, query.workload)) ?? null;
      const inbound = mesh.edges.filter(({ to }) => same(to, query.workload));
      const outbound = mesh.edges.filter(({ from }) => same(from, query.workload));
      const ends = [...inbound.map(({ from }) => from), ...outbound.map(({ to }) => to)];
      const minute = Math.floor(Date.now() / 10_000) * 10_000;
      const steps = Array.from({ length: 60 }, (_, index) => index);
      return {
        view: "workload",
        ...head,
        workload: found,
        pods: found === null ? [] : [{ ...found, name: `${found.name}-7d9f4-x2x9p`, status: "Running", meshed: true }],
        neighbours: mesh.workloads.filter((row) => ends.some((end) => same(row, end))),
        inbound,
        outbound,
        routes:
          found === null
            ? []
            : [
                {
                  ...found,
                  route: "books",
                  routeKind: "HTTPRoute",
                  server: "web-http",
                  serverKind: "server",
                  port: "8080",
                },
              ],
        authorizations: [
          {
            server: "web-http",
            serverKind: "server",
            port: "8080",
            authorization: null,
            authorizationKind: null,
            client: "no_tls_from_remote",
            allowed: 0,
            denied: 1.5,
          },
        ],
        history: {
          times: steps.map((step) => minute - (60 - step) * 10_000),
          succeeded: steps.map((step) => 40 + 8 * Math.sin(step / 5)),
          failed: steps.map((step) => (step > 40 ? 4 : 0)),
          p50: steps.map(() => 2),
          p95: steps.map((step) => 8 + Math.sin(step)),
          p99: steps.map((step) => 20 + 9 * Math.sin(step / 3)),
        },
      };
    }
    default:
      throw new MeshError("not-found", "There is no such view in this test");
  }
}

/** A request each 100 ms; every fourth fails. Paths and authorities are of an attacker. */
async function* tapLines(request: TapRequest, signal: AbortSignal): AsyncGenerator<TapLine> {
  if (request.resource.name === "forbidden") throw new MeshError("permission-denied", "You may not tap it");
  yield { tapping: { proxies: 2, pods: 2 } };
  for (let stream = 1; !signal.aborted; stream++) {
    const id = { base: 1, stream };
    const common = {
      source: { ip: "10.0.0.1", port: 4000, metadata: { deployment: "web", namespace: "shop" } },
      destination: {
        ip: "10.0.0.2",
        port: 8080,
        metadata: { deployment: "cart", namespace: "shop", tls: "true", server_id: "cart.shop.id" },
      },
      routeMeta: {},
      proxyDirection: "OUTBOUND" as const,
    };
    const path = `${request.path ?? "/<img src=x onerror=alert(1)>"}?${stream % 3}`;
    const init = { id, method: "GET", scheme: "http", authority: "<script>alert(2)</script>", path, headers: [] };
    yield { event: { ...common, requestInitEvent: init } };
    const since = { seconds: 0, nanos: 5_000_000 };
    const httpStatus = stream % 4 === 0 ? 500 : 200;
    yield { event: { ...common, responseInitEvent: { id, sinceRequestInit: since, httpStatus, headers: [] } } };
    yield {
      event: { ...common, responseEndEvent: { id, sinceRequestInit: since, responseBytes: 42, trailers: [] } },
    };
    await Bun.sleep(100);
  }
}

const pages = buildPages();

/** @param port 0 for any free one. */
export function serveViews(mesh: Mesh, port = 0): ServedViews {
  const dashboard = startDashboard({
    config: { port, namespace: "linkerd-viz", clusterDomain: "cluster.local", enforcedHost: "" },
    pages,
    clock: systemClock,
    log: memoryLog().log,
    view: (query) => viewOf(query, mesh),
    tap: (request, signal) => tapLines(request, signal),
  });
  return { url: `http://localhost:${dashboard.port}`, port: dashboard.port, mesh, stop: () => dashboard.stop() };
}
