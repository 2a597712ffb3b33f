import { expect, test } from "bun:test";
import type { StatPod } from "../metrics/stat.ts";
import { statFamilies } from "../metrics/stat.ts";
import { SampleStore } from "../metrics/store.ts";
import { makeView, type ViewQuery, type ViewSources } from "./views.ts";

function pod(namespace: string, deployment: string, options: { meshed?: boolean; status?: string } = {}): StatPod {
  const name = `${deployment}-1`;
  return {
    target: `${namespace}/${name}`,
    namespace,
    name,
    meshed: options.meshed ?? true,
    running: true,
    status: options.status ?? "Running",
    labels: {},
    owners: new Map([["deployment", deployment]]),
  };
}

const labels = (values: Record<string, string>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}="${value}"`)
    .join(",");

/** `perSecond` successes and failures of one direction as two scrapes 10 s apart. */
function scrape(store: SampleStore, target: string, series: readonly [labels: string, perSecond: number][]): void {
  for (const at of [0, 10_000]) {
    const lines = series.map(([text, perSecond]) => `${text} ${(perSecond * at) / 1000}`);
    store.add(target, at, `${lines.join("\n")}\n`);
  }
}

function setUp(): ViewSources {
  const store = new SampleStore({ families: statFamilies });
  const inbound = { direction: "inbound", tls: "true" };
  const to = (name: string) => ({ direction: "outbound", dst_namespace: "n", dst_deployment: name, dst_service: name });
  scrape(store, "n/web-1", [
    [`response_total{${labels({ ...inbound, classification: "success" })}}`, 9],
    [`response_total{${labels({ ...inbound, classification: "failure" })}}`, 1],
    [`response_total{${labels({ ...to("api"), classification: "success", tls: "true" })}}`, 10],
    [`tcp_read_bytes_total{${labels({ ...to("api"), peer: "dst", tls: "true", server_id: "api.n.id" })}}`, 100],
    [
      `tcp_read_bytes_total{${labels({ ...to("old"), peer: "dst", tls: "no_identity", no_tls_reason: "not_provided_by_service_discovery" })}}`,
      50,
    ],
    [`response_total{${labels({ ...to("api"), classification: "success", tls: "true", target_port: "4191" })}}`, 7],
    [
      `tcp_read_bytes_total{${labels({ direction: "outbound", peer: "dst", authority: "example.com:443", tls: "no_identity" })}}`,
      5,
    ],
  ]);
  scrape(store, "n/api-1", [[`response_total{${labels({ ...inbound, classification: "success" })}}`, 10]]);
  const pods = [pod("n", "web"), pod("n", "api"), pod("n", "old", { meshed: false }), pod("other", "lone")];
  return {
    pods: () => pods,
    samples: store,
    now: () => 12_000,
    wall: () => 1_000_012_000,
    scrapeInterval: 10_000,
  };
}

function view<Name extends ViewQuery["view"]>(query: ViewQuery & { view: Name }) {
  const made = makeView(query, setUp());
  if (made.view !== query.view) throw new Error("another view");
  return made as Extract<typeof made, { view: Name }>;
}

test("the overview has every workload with its golden metrics, meshed or not", () => {
  const { workloads } = view({ view: "overview" });
  expect(
    workloads.map(({ namespace, name, rps, success, meshed, pods }) => [namespace, name, rps, success, meshed, pods]),
  ).toEqual([
    ["n", "api", 10, 1, 1, 1],
    ["n", "old", null, null, 0, 1],
    ["n", "web", 10, 0.9, 1, 1],
    ["other", "lone", null, null, 1, 1],
  ]);
});

test("a view says when its newest numbers were measured and how many proxies are known", () => {
  const { time, scraped } = view({ view: "overview" });
  // "other/lone" has not been scraped yet.
  expect([time, scraped]).toEqual([1_000_010_000, { fresh: 2, pods: 3 }]);
});

test("edges tell traffic and whether it is secured, by whom or why not", () => {
  const { edges } = view({ view: "topology", namespace: null });
  expect(
    edges.map(({ to, rps, security, serverId, plainReason }) => [
      to.kind,
      to.name,
      rps,
      security,
      serverId,
      plainReason,
    ]),
  ).toEqual([
    ["authority", "example.com:443", null, "none", null, "not_provided_by_service_discovery"],
    ["deployment", "api", 10, "mutual", "api.n.id", null],
    ["deployment", "old", null, "none", null, "not_provided_by_service_discovery"],
  ]);
});

test("the topology of a namespace leaves other namespaces out but keeps what its workloads call", () => {
  const { workloads } = view({ view: "topology", namespace: "n" });
  expect(workloads.map(({ name }) => name)).toEqual(["api", "old", "web"]);
});

test("a workload's view has its pods and its edges of both sides", () => {
  const { workload, pods, inbound, outbound } = view({
    view: "workload",
    workload: { namespace: "n", kind: "deployment", name: "api" },
    range: "10m",
  });
  expect([workload?.rps, pods.map(({ name }) => name)]).toEqual([10, ["api-1"]]);
  expect([inbound.map(({ from }) => from.name), outbound]).toEqual([["web"], []]);
});

test("a workload without pods is none", () => {
  expect(
    view({ view: "workload", workload: { namespace: "n", kind: "deployment", name: "gone" }, range: "10m" }).workload,
  ).toBeNull();
});
