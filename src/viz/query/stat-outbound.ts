/** What workloads call, by Service and route, and under each route its backends. */
import type { StatPod } from "../metrics/stat.ts";
import { compareTexts, goldenBy, groupKey, type Golden, type GoldenGroup } from "./golden.ts";
import { ownLabel, ownMatchers, type ResourceQuery } from "./selection.ts";
import type { MetricsSource, Sum } from "./source.ts";

export interface OutboundAnswer extends Golden {
  readonly namespace: string;
  readonly name: string;
  /** Service with port. */
  readonly service: string;
  readonly route: string;
  /** Kind of the route, "" for default ones. */
  readonly type: string;
  /** Shares (0–1) of the requests that took too long, and of retries per request. */
  readonly timeouts: number | null;
  readonly retries: number | null;
  readonly backends: readonly BackendAnswer[];
}

export interface BackendAnswer extends Golden {
  readonly backend: string;
  readonly timeouts: number | null;
}

const timeoutErrors: ReadonlySet<string> = new Set([
  "REQUEST_TIMEOUT",
  "RESPONSE_HEADERS_TIMEOUT",
  "RESPONSE_STREAM_TIMEOUT",
]);
/** Statuses of gRPC that are the server's fault, by the names that these metrics have. */
const grpcFailures: ReadonlySet<string> = new Set([
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "PERMISSION_DENIED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);

export async function statOutbound(
  query: ResourceQuery,
  pods: Iterable<StatPod>,
  source: MetricsSource,
): Promise<OutboundAnswer[]> {
  const own = ownLabel(query.resource.kind);
  const where = ownMatchers(query, pods);
  const all = await Promise.all((["http", "grpc"] as const).map((protocol) => of(protocol, own, query, where, source)));
  return all
    .flat()
    .toSorted((a, b) =>
      compareTexts([a.namespace, a.name, a.service, a.route], [b.namespace, b.name, b.service, b.route]),
    );
}

async function of(
  protocol: "http" | "grpc",
  own: string,
  { window }: ResourceQuery,
  where: ReturnType<typeof ownMatchers>,
  source: MetricsSource,
): Promise<OutboundAnswer[]> {
  const scope = `outbound_${protocol}_route`;
  const status = `${protocol}_status`;
  const routeBy = ["namespace", own, "parent_name", "parent_port", "route_kind", "route_name"];
  const backendBy = [...routeBy, "backend_name", "backend_port"];
  const outcome = [status, "error"];
  const good = (labels: Readonly<Record<string, string>>): boolean =>
    (labels["error"] ?? "") === "" &&
    (protocol === "grpc" ? !grpcFailures.has(labels[status] ?? "") : Number(labels[status]) < 500);
  const requests = `${scope}_request_statuses_total`;
  const responses = `${scope}_backend_response_statuses_total`;
  const common = { outcome, good, unit: 1000 as const, where, window };
  const [routes, backends, routeErrors, backendErrors, retries] = await Promise.all([
    goldenBy(source, {
      ...common,
      responses: requests,
      latencies: `${scope}_request_duration_seconds_bucket`,
      by: routeBy,
    }),
    goldenBy(source, {
      ...common,
      responses,
      latencies: `${scope}_backend_response_duration_seconds_bucket`,
      by: backendBy,
    }),
    source.sum({ metric: requests, of: "rate", where, by: [...routeBy, "error"], window }),
    source.sum({ metric: responses, of: "rate", where, by: [...backendBy, "error"], window }),
    source.sum({ metric: `${scope}_retry_requests_total`, of: "rate", where, by: routeBy, window }),
  ]);
  const retried = new Map(retries.map(({ labels, value }) => [groupKey(labels, routeBy), value]));
  return routes.map(({ labels, ...golden }) => {
    const key = groupKey(labels, routeBy);
    const isDefault = labels["route_kind"] === "default" || labels["route_kind"] === "";
    return {
      namespace: labels["namespace"] ?? "",
      name: labels[own] ?? "",
      service: withPort(labels["parent_name"], labels["parent_port"]),
      route: isDefault ? "[default]" : (labels["route_name"] ?? ""),
      type: isDefault ? "" : (labels["route_kind"] ?? ""),
      ...golden,
      timeouts: share(timeoutsOf(routeErrors, key, routeBy), golden.rps),
      retries: share(retried.get(key) ?? 0, golden.rps),
      backends: backends
        .filter((backend) => groupKey(backend.labels, routeBy) === key)
        .map((backend) => backendAnswer(backend, backendErrors, backendBy))
        .toSorted((a, b) => compareTexts([a.backend], [b.backend])),
    };
  });
}

function backendAnswer(
  { labels, ...golden }: GoldenGroup,
  errors: readonly Sum[],
  by: readonly string[],
): BackendAnswer {
  return {
    backend: withPort(labels["backend_name"], labels["backend_port"]),
    ...golden,
    timeouts: share(timeoutsOf(errors, groupKey(labels, by), by), golden.rps),
  };
}

function timeoutsOf(sums: readonly Sum[], key: string, by: readonly string[]): number {
  let total = 0;
  for (const { labels, value } of sums) {
    if (timeoutErrors.has(labels["error"] ?? "") && groupKey(labels, by) === key) total += value;
  }
  return total;
}

function share(part: number, whole: number | null): number | null {
  return whole === null || !(whole > 0) ? null : part / whole;
}

function withPort(name = "", port = ""): string {
  return port === "" || port === "0" ? name : `${name}:${port}`;
}
