/** What the inbound proxies of a resource let in, by route, Server and authorization, and what they shut out. */
import type { StatPod } from "../metrics/stat.ts";
import { classified, compareTexts, goldenBy, groupKey, type Golden } from "./golden.ts";
import { direction, ownMatchers, type ResourceQuery } from "./selection.ts";
import type { MetricsSource } from "./source.ts";

export interface AuthzAnswer extends Golden {
  readonly route: string;
  /** A Server's name, or `default:POLICY`. */
  readonly server: string;
  /** `KIND/NAME`; "" for requests that nothing authorized. */
  readonly authorization: string;
  /** Refused requests per second; null when none was. */
  readonly unauthorized: number | null;
}

export async function authz(
  query: ResourceQuery,
  pods: Iterable<StatPod>,
  source: MetricsSource,
): Promise<AuthzAnswer[]> {
  const where = ownMatchers(query, pods);
  const place = ["route_name", "srv_kind", "srv_name"];
  const by = [...place, "authz_kind", "authz_name"];
  const { window } = query;
  const [allowed, denied] = await Promise.all([
    goldenBy(source, { ...classified(""), where: [direction("inbound"), ...where], by, window }),
    source.sum({ metric: "inbound_http_authz_deny_total", of: "rate", where, by: place, window }),
  ]);
  const rows: AuthzAnswer[] = [];
  const refused = new Map(denied.map(({ labels, value }) => [groupKey(labels, place), { labels, value }]));
  for (const { labels, ...golden } of allowed) {
    const { authz_kind: kind = "", authz_name: name = "" } = labels;
    // Refused requests are answered too, with 403: they are told by the counter of refusals.
    if (name === "" && refused.has(groupKey(labels, place))) continue;
    rows.push({
      ...placeOf(labels),
      authorization: name === "" ? "" : `${kind}/${name}`,
      unauthorized: null,
      ...golden,
    });
  }
  for (const { labels, value } of refused.values()) {
    if (!(value > 0)) continue;
    const none = { success: null, rps: null, p50: null, p95: null, p99: null };
    rows.push({ ...placeOf(labels), authorization: "", unauthorized: value, ...none });
  }
  return rows.toSorted((a, b) =>
    compareTexts([a.route, a.server, a.authorization], [b.route, b.server, b.authorization]),
  );
}

function placeOf(labels: Readonly<Record<string, string>>): { route: string; server: string } {
  const { route_name: route = "", srv_kind: kind = "", srv_name: name = "" } = labels;
  return { route: route === "" ? "default" : route, server: kind === "default" ? `default:${name}` : name };
}
