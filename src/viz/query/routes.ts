/** Golden metrics by route: of ServiceProfiles as clients' proxies count them, else of the routes of servers' policies. */
import type { StatPod } from "../metrics/stat.ts";
import { classified, compareTexts, goldenBy, groupKey, type Golden } from "./golden.ts";
import { direction, ownMatchers, type ResourceQuery } from "./selection.ts";
import type { Matcher, MetricsSource } from "./source.ts";

export interface RouteAnswer extends Golden {
  /** "[DEFAULT]" for requests of no route. */
  readonly route: string;
  /** Service or authority that the requests are for. */
  readonly dst: string;
  /** With retries counted once per request; equal to the actual ones when there are none. */
  readonly effectiveSuccess: number | null;
  readonly effectiveRps: number | null;
  /** As sent, each try counted. Null where the proxy does not tell. */
  readonly actualSuccess: number | null;
  readonly actualRps: number | null;
}

const defaultRoute = "[DEFAULT]";

export async function routes(
  query: ResourceQuery,
  pods: Iterable<StatPod>,
  source: MetricsSource,
): Promise<RouteAnswer[]> {
  const { resource, to, window } = query;
  const clients = resource.kind === "service" || resource.kind === "authority";
  if (to === undefined && !clients) return await served(query, pods, source);
  const target = clients ? resource : to!;
  const where: Matcher[] = [direction("outbound"), ...(clients ? [] : ownMatchers(query, pods))];
  const by = ["dst", "rt_route"];
  const [effective, actual] = await Promise.all([
    goldenBy(source, { ...classified("route_"), where, by, window }),
    goldenBy(source, { ...classified("route_actual_"), where, by, window }),
  ]);
  const tries = new Map(actual.map((group) => [groupKey(group.labels, by), group]));
  return effective
    .filter(({ labels }) => isFor(labels["dst"] ?? "", target))
    .map((group) => {
      const { labels, ...golden } = group;
      const tried = tries.get(groupKey(labels, by)) ?? group;
      return {
        route: labels["rt_route"] || defaultRoute,
        dst: shortName(labels["dst"] ?? ""),
        ...golden,
        effectiveSuccess: golden.success,
        effectiveRps: golden.rps,
        actualSuccess: tried.success,
        actualRps: tried.rps,
      };
    })
    .toSorted(byRoute);
}

/** What the resource's own proxies were asked for. */
async function served(query: ResourceQuery, pods: Iterable<StatPod>, source: MetricsSource): Promise<RouteAnswer[]> {
  const groups = await goldenBy(source, {
    ...classified(""),
    where: [direction("inbound"), ...ownMatchers(query, pods)],
    by: ["route_name", "srv_name", "srv_port"],
    window: query.window,
  });
  return groups
    .map(({ labels, ...golden }) => ({
      route: labels["route_name"] === "default" || labels["route_name"] === "" ? defaultRoute : labels["route_name"]!,
      dst: `${labels["srv_name"]}:${labels["srv_port"]}`,
      ...golden,
      effectiveSuccess: golden.success,
      effectiveRps: golden.rps,
      actualSuccess: golden.success,
      actualRps: golden.rps,
    }))
    .toSorted(byRoute);
}

/** Is "web.emojivoto.svc.cluster.local:80" the Service (or authority) meant? */
function isFor(dst: string, { kind, name, namespace }: ResourceQuery["resource"]): boolean {
  const host = dst.replace(/:\d+$/, "");
  if (kind === "authority") return name === null || name === dst || name === host;
  const [service = "", inNamespace = "", svc] = host.split(".");
  return svc === "svc" && (name === null || name === service) && (namespace === null || namespace === inNamespace);
}

function shortName(dst: string): string {
  return /^([^.]+)\.[^.]+\.svc\./.exec(dst)?.[1] ?? dst;
}

function byRoute(a: RouteAnswer, b: RouteAnswer): number {
  return compareTexts([a.dst, a.route], [b.dst, b.route]);
}
