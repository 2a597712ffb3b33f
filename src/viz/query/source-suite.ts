/** What every source of sums must answer, on ten minutes of a small mesh. */
import { describe, expect, test } from "bun:test";
import type { ResourceKind } from "../metrics/resource.ts";
import type { StatPod } from "../metrics/stat.ts";
import { targetLabels } from "../metrics/pods.ts";
import { authz } from "./authz.ts";
import { edges } from "./edges.ts";
import { routes } from "./routes.ts";
import type { MetricsSource } from "./source.ts";
import { statInbound } from "./stat-inbound.ts";
import { statOutbound } from "./stat-outbound.ts";
import { stat } from "./stat.ts";

export const suiteLength = 600_000;
export const suiteInterval = 10_000;
const window = 60_000;
/** A name that would end a quoted text, and one that means something as a regular expression. */
export const nasty = 'a"} or vector(1) #\\';

const label = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`)
    .join(",");

function pod(deployment: string, options: Partial<StatPod> = {}): StatPod {
  const name = `${deployment}-1`;
  return {
    target: `n/${name}`,
    namespace: "n",
    name,
    meshed: true,
    running: true,
    status: "Running",
    labels: { app: deployment },
    serviceAccount: deployment,
    owners: new Map<ResourceKind, string>([["deployment", deployment]]),
    ...options,
  };
}

export const suitePods: readonly StatPod[] = [
  pod("web"),
  pod("voting"),
  pod("bare", { meshed: false }),
  pod("batch", { owners: new Map<ResourceKind, string>([["job", "batch"]]) }),
];

/** Per second: lines of metrics of each pod's proxy that grow, and such that stand. */
interface Proxy {
  readonly grows: Readonly<Record<string, number>>;
  readonly stands: Readonly<Record<string, number>>;
}

const inbound = { direction: "inbound", tls: "true", client_id: "web.n.serviceaccount.identity.l.cluster.local" };
const toVoting = {
  direction: "outbound",
  tls: "true",
  server_id: "voting.n.serviceaccount.identity.l.cluster.local",
  authority: "voting:8080",
  dst_namespace: "n",
  dst_deployment: "voting",
  dst_service: "voting",
  dst_pod: "voting-1",
};
const guarded = {
  srv_group: "policy.linkerd.io",
  srv_kind: "server",
  srv_name: "vote",
  srv_port: "8080",
  route_group: "policy.linkerd.io",
  route_kind: "HTTPRoute",
  route_name: "ballots",
};
const allowed = { authz_group: "policy.linkerd.io", authz_kind: "authorizationpolicy", authz_name: "only-web" };
const open = {
  srv_kind: "default",
  srv_name: "all-unauthenticated",
  srv_port: "80",
  route_kind: "default",
  route_name: "default",
};
const parent = { parent_kind: "Service", parent_namespace: "n", parent_name: "voting", parent_port: "8080" };
const split = { ...parent, route_kind: "HTTPRoute", route_namespace: "n", route_name: "canary" };
const backend = (name: string) => ({ ...split, backend_kind: "Service", backend_name: name, backend_port: "8080" });

function responses(labels: Readonly<Record<string, string>>, success: number, failure: number) {
  const all = success + failure;
  return {
    [`response_total{${label({ ...labels, classification: "success" })}}`]: success,
    [`response_total{${label({ ...labels, classification: "failure" })}}`]: failure,
    [`response_latency_ms_bucket{${label({ ...labels, le: "1" })}}`]: all / 2,
    [`response_latency_ms_bucket{${label({ ...labels, le: "2" })}}`]: all,
    [`response_latency_ms_bucket{${label({ ...labels, le: "+Inf" })}}`]: all,
  };
}

function profile(scope: string, labels: Readonly<Record<string, string>>, success: number, failure: number) {
  return Object.fromEntries(
    Object.entries(responses(labels, success, failure)).map(([line, rate]) => [`${scope}${line}`, rate]),
  );
}

const dst = "voting.n.svc.cluster.local:8080";
const proxies: Readonly<Record<string, Proxy>> = {
  web: {
    grows: {
      ...responses({ ...inbound, ...open }, 9, 1),
      ...responses(toVoting, 20, 0),
      ...responses({ direction: "outbound", tls: "no_identity", authority: nasty, target_port: "80" }, 4, 0),
      ...profile("route_", { direction: "outbound", dst, rt_route: "GET /vote" }, 18, 0),
      ...profile("route_actual_", { direction: "outbound", dst, rt_route: "GET /vote" }, 18, 2),
      [`tcp_read_bytes_total{${label({ ...toVoting, peer: "dst" })}}`]: 1000,
      [`tcp_read_bytes_total{${label({ ...inbound, peer: "src" })}}`]: 500,
      [`tcp_write_bytes_total{${label({ ...inbound, peer: "src" })}}`]: 700,
      [`outbound_http_route_request_statuses_total{${label({ ...split, http_status: "200", error: "" })}}`]: 8,
      [`outbound_http_route_request_statuses_total{${label({ ...split, http_status: "", error: "REQUEST_TIMEOUT" })}}`]: 2,
      [`outbound_http_route_request_duration_seconds_bucket{${label({ ...split, le: "0.05" })}}`]: 8,
      [`outbound_http_route_request_duration_seconds_bucket{${label({ ...split, le: "0.5" })}}`]: 10,
      [`outbound_http_route_request_duration_seconds_bucket{${label({ ...split, le: "+Inf" })}}`]: 10,
      [`outbound_http_route_retry_requests_total{${label(split)}}`]: 1,
      [`outbound_http_route_backend_response_statuses_total{${label({ ...backend("voting"), http_status: "200", error: "" })}}`]: 6,
      [`outbound_http_route_backend_response_statuses_total{${label({ ...backend("next"), http_status: "500", error: "" })}}`]: 2,
      [`outbound_http_route_backend_response_duration_seconds_bucket{${label({ ...backend("voting"), le: "0.025" })}}`]: 6,
      [`outbound_http_route_backend_response_duration_seconds_bucket{${label({ ...backend("voting"), le: "+Inf" })}}`]: 6,
    },
    stands: {
      [`tcp_open_connections{${label({ ...inbound, peer: "src" })}}`]: 3,
      [`tcp_open_connections{${label({ ...toVoting, peer: "dst" })}}`]: 2,
      [`tcp_open_connections{${label({ direction: "outbound", peer: "dst", tls: "no_identity", no_tls_reason: "not_provided_by_service_discovery", dst_namespace: "n", dst_deployment: "bare" })}}`]: 1,
    },
  },
  voting: {
    grows: {
      ...responses({ ...inbound, ...guarded, ...allowed }, 20, 0),
      [`inbound_http_authz_deny_total{${label({ ...guarded, tls: "true" })}}`]: 5,
    },
    stands: {},
  },
  batch: { grows: responses({ ...inbound, ...open }, 2, 0), stands: {} },
};

/** Metrics of a pod's proxy as they were `at` ms after the begin; null: it has none. */
export function scrapeOf(deployment: string, at: number): string | null {
  const proxy = proxies[deployment];
  if (proxy === undefined) return null;
  const lines = Object.entries(proxy.grows).map(([line, perSecond]) => `${line} ${(perSecond * at) / 1000}`);
  return [...lines, ...Object.entries(proxy.stands).map(([line, value]) => `${line} ${value}`)].join("\n");
}

export const deploymentOf = (pod: StatPod): string => pod.labels["app"] ?? "";

/** All samples with their times, in OpenMetrics' text, labelled as a Prometheus labels what it scrapes. */
export function openMetrics(begin: number): string {
  const byName = new Map<string, string[]>();
  for (const pod of suitePods) {
    const labels = label(Object.fromEntries(targetLabels(pod)));
    for (let at = 0; at <= suiteLength; at += suiteInterval) {
      for (const line of scrapeOf(deploymentOf(pod), at)?.split("\n") ?? []) {
        const name = line.slice(0, line.indexOf("{"));
        const sample = `${line.replace("{", `{${labels},`)} ${(begin + at) / 1000}`;
        const known = byName.get(name);
        if (known === undefined) byName.set(name, [sample]);
        else known.push(sample);
      }
    }
  }
  return `${[...byName.values()].flat().join("\n")}\n# EOF\n`;
}

/** Within the 2 % by which two sources may differ. */
const about = (value: number) => expect.closeTo(value, value < 0.5 ? 2 : value < 5 ? 1 : 0) as number;

export function sourceSuite(name: string, source: () => MetricsSource): void {
  const deployment = (name: string | null) => ({ kind: "deployment", namespace: "n", name }) as const;

  describe(name, () => {
    test("stat sees workloads by their inbound side", async () => {
      const rows = await stat({ resource: deployment(null), window }, suitePods, source());
      expect(rows.map((row) => row.name)).toEqual(["voting", "web"]);
      expect(rows[1]).toMatchObject({
        meshed: { meshed: 1, total: 1 },
        success: about(0.9),
        rps: about(10),
        p50: about(1),
        p95: about(1.9),
        tcpOpenConnections: 3,
        tcpReadRate: about(500),
        tcpWriteRate: about(700),
      });
      const everything = await stat({ resource: deployment(null), window, unmeshed: true }, suitePods, source());
      expect(everything.map((row) => [row.name, row.rps === null])).toEqual([
        ["bare", true],
        ["voting", false],
        ["web", false],
      ]);
    });

    test("stat --to and --from are what the client's proxy counted", async () => {
      const [to] = await stat({ resource: deployment("web"), to: deployment("voting"), window }, suitePods, source());
      expect(to).toMatchObject({ name: "web", success: 1, rps: about(20), tcpOpenConnections: 2 });
      const [from] = await stat(
        { resource: deployment("voting"), from: deployment("web"), window },
        suitePods,
        source(),
      );
      expect(from).toMatchObject({ name: "voting", rps: about(20) });
    });

    test("stat of pods, jobs and namespaces", async () => {
      const [podRow] = await stat(
        { resource: { kind: "pod", namespace: "n", name: "web-1" }, window },
        suitePods,
        source(),
      );
      expect(podRow).toMatchObject({ status: "Running", rps: about(10) });
      const [job] = await stat({ resource: { kind: "job", namespace: "n", name: null }, window }, suitePods, source());
      expect(job).toMatchObject({ name: "batch", rps: about(2) });
      const namespaces = await stat(
        { resource: { kind: "namespace", namespace: null, name: null }, window },
        suitePods,
        source(),
      );
      expect(namespaces).toMatchObject([{ name: "n", namespace: "", rps: about(32), meshed: { meshed: 3, total: 4 } }]);
    });

    test("stat of services and authorities is seen by their clients, whatever their names hold", async () => {
      const services = await stat(
        { resource: { kind: "service", namespace: "n", name: null }, window },
        suitePods,
        source(),
      );
      expect(services).toMatchObject([{ name: "voting", rps: about(20), meshed: null, tcpOpenConnections: null }]);
      const all = await stat(
        { resource: { kind: "authority", namespace: "n", name: null }, window },
        suitePods,
        source(),
      );
      expect(all.map((row) => row.name)).toEqual([nasty, "voting:8080"]);
      const one = await stat(
        { resource: { kind: "authority", namespace: "n", name: nasty }, window },
        suitePods,
        source(),
      );
      expect(one).toMatchObject([{ name: nasty, rps: about(4) }]);
    });

    test("stat of servers, routes and policies, with what they refuse", async () => {
      const of = async (kind: ResourceKind) =>
        await stat({ resource: { kind, namespace: "n", name: null }, window }, suitePods, source());
      expect(await of("server")).toMatchObject([{ name: "vote", rps: about(20), unauthorized: about(5) }]);
      expect(await of("httproute")).toMatchObject([{ name: "ballots", server: "vote", unauthorized: about(5) }]);
      expect(await of("authorizationpolicy")).toMatchObject([{ name: "only-web", rps: about(20) }]);
      expect(await of("serverauthorization")).toEqual([]);
    });

    test("a label selector narrows the pods", async () => {
      const selects = (labels: Readonly<Record<string, string>>): boolean => labels["app"] === "web";
      const rows = await stat({ resource: deployment(null), window, selects }, suitePods, source());
      expect(rows.map((row) => row.name)).toEqual(["web"]);
    });

    test("edges tell who is connected to whom and how that is secured", async () => {
      const rows = await edges({ resource: deployment(null), window }, suitePods, source());
      expect(rows).toMatchObject([
        { src: "web", dst: "bare", clientId: "", serverId: "", noTlsReason: "not_provided_by_service_discovery" },
        { src: "web", dst: "voting", clientId: "web.n", serverId: "voting.n", noTlsReason: "", rps: about(20) },
      ]);
    });

    test("routes of a ServiceProfile are what clients count, effective and actual", async () => {
      const rows = await routes(
        { resource: { kind: "service", namespace: "n", name: "voting" }, window },
        suitePods,
        source(),
      );
      expect(rows).toMatchObject([
        {
          route: "GET /vote",
          dst: "voting",
          effectiveSuccess: 1,
          effectiveRps: about(18),
          actualSuccess: about(0.9),
          actualRps: about(20),
        },
      ]);
      const to = { kind: "service", namespace: "n", name: "voting" } as const;
      expect(await routes({ resource: deployment("web"), to, window }, suitePods, source())).toHaveLength(1);
      expect(await routes({ resource: deployment("batch"), to, window }, suitePods, source())).toEqual([]);
    });

    test("routes without a ServiceProfile are those of the servers", async () => {
      const rows = await routes({ resource: deployment("voting"), window }, suitePods, source());
      expect(rows).toMatchObject([{ route: "ballots", dst: "vote:8080", rps: about(20) }]);
    });

    test("authz tells what was let in by what, and what was shut out", async () => {
      const rows = await authz({ resource: deployment("voting"), window }, suitePods, source());
      expect(rows).toMatchObject([
        { route: "ballots", server: "vote", authorization: "", unauthorized: about(5), rps: null },
        { route: "ballots", server: "vote", authorization: "authorizationpolicy/only-web", rps: about(20) },
      ]);
    });

    test("stat-inbound has a row for each Server and route", async () => {
      const rows = await statInbound({ resource: deployment(null), window }, suitePods, source());
      expect(rows).toMatchObject([
        { name: "voting", server: "vote:8080", route: "ballots", type: "HTTPRoute", rps: about(20) },
        { name: "web", server: "[default]:80", route: "[default]", type: "", success: about(0.9) },
      ]);
    });

    test("stat-outbound has backends under routes, with timeouts and retries", async () => {
      const rows = await statOutbound({ resource: deployment(null), window }, suitePods, source());
      expect(rows).toHaveLength(1);
      expect(rows[0]).toMatchObject({
        name: "web",
        service: "voting:8080",
        route: "canary",
        type: "HTTPRoute",
        success: about(0.8),
        rps: about(10),
        timeouts: about(0.2),
        retries: about(0.1),
        backends: [
          { backend: "next:8080", success: 0, rps: about(2) },
          { backend: "voting:8080", success: 1, rps: about(6) },
        ],
      });
      expect(rows[0]?.p95).toBeWithin(300, 480);
    });
  });
}
