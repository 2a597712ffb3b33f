/** What a workload's proxies decided about its clients: by route, and by policy and client. */
import { rate, type Series } from "../metrics/store.ts";
import { GoldenSum, round } from "./golden-sum.ts";
import type { TrafficQuery } from "./traffic.ts";
import type { AuthorizationRow, RouteRow } from "./view.ts";
import { compare } from "./workload-ref.ts";

/** Metrics that these rows need beside those of statistics. */
export const policyFamilies: readonly string[] = [
  "inbound_http_authz_allow_total",
  "inbound_http_authz_deny_total",
  "inbound_tcp_authz_allow_total",
  "inbound_tcp_authz_deny_total",
];

/** Rows of one table. A client's identity is a label, so there may be many. */
const rowLimit = 500;

const label = (series: Series, name: string): string => series.labels.get(name) ?? "";

/** Golden metrics of each route and Server; `pods` are those of the workload. */
export function routeRows({ pods, samples, now, window }: TrafficQuery): RouteRow[] {
  const found = new Map<string, { readonly series: Series; readonly sum: GoldenSum }>();
  for (const pod of pods) {
    for (const series of samples.seriesOf(pod.target)) {
      if (label(series, "direction") !== "inbound" || !series.labels.has("route_name")) continue;
      const key = ["srv_kind", "srv_name", "srv_port", "route_kind", "route_name"]
        .map((name) => label(series, name))
        .join("/");
      let entry = found.get(key);
      if (entry === undefined) found.set(key, (entry = { series, sum: new GoldenSum() }));
      entry.sum.add(series, now, window, "src");
    }
  }
  return [...found.values()]
    .map(({ series, sum }) => ({
      route: label(series, "route_name"),
      routeKind: label(series, "route_kind"),
      server: label(series, "srv_name"),
      serverKind: label(series, "srv_kind"),
      port: label(series, "srv_port"),
      ...sum.golden(),
    }))
    .filter(({ rps }) => rps !== null)
    .toSorted((a, b) => compare(a.port, b.port) || compare(a.server, b.server) || compare(a.route, b.route))
    .slice(0, rowLimit);
}

/** Who was let in by what, and who was shut out. Connections count only where no request was counted on them. */
export function authorizationRows({ pods, samples, now, window }: TrafficQuery): AuthorizationRow[] {
  const found = new Map<string, { readonly series: Series; http: Sums; tcp: Sums }>();
  for (const pod of pods) {
    for (const series of samples.seriesOf(pod.target)) {
      const match = /^inbound_(http|tcp)_authz_(allow|deny)_total$/.exec(series.name);
      if (match === null) continue;
      const client = clientOf(series);
      const key = ["srv_kind", "srv_name", "srv_port", "authz_kind", "authz_name"]
        .map((name) => label(series, name))
        .concat(client)
        .join("\n");
      let entry = found.get(key);
      if (entry === undefined) {
        found.set(key, (entry = { series, http: { allow: 0, deny: 0 }, tcp: { allow: 0, deny: 0 } }));
      }
      entry[match[1] as "http" | "tcp"][match[2] as "allow" | "deny"] += rate(series, now, window);
    }
  }
  return [...found.values()]
    .flatMap(({ series, http, tcp }): AuthorizationRow[] => {
      const counted = http.allow + http.deny > 0 ? http : tcp;
      if (counted.allow + counted.deny === 0) return [];
      const authorization = label(series, "authz_name");
      return [
        {
          server: label(series, "srv_name"),
          serverKind: label(series, "srv_kind"),
          port: label(series, "srv_port"),
          authorization: authorization === "" ? null : authorization,
          authorizationKind: authorization === "" ? null : label(series, "authz_kind"),
          client: clientOf(series),
          allowed: round(counted.allow, 100),
          denied: round(counted.deny, 100),
        },
      ];
    })
    .toSorted((a, b) => b.denied - a.denied || compare(a.port, b.port) || compare(a.client, b.client))
    .slice(0, rowLimit);
}

interface Sums {
  allow: number;
  deny: number;
}

/** The proven identity, else the reason why there is none. */
function clientOf(series: Series): string {
  return series.labels.get("client_id") ?? series.labels.get("no_tls_reason") ?? "no_tls_from_remote";
}
