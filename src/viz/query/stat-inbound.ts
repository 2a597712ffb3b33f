/** What workloads serve, by Server and route. */
import type { StatPod } from "../metrics/stat.ts";
import { classified, compareTexts, goldenBy, type Golden } from "./golden.ts";
import { direction, ownLabel, ownMatchers, type ResourceQuery } from "./selection.ts";
import type { MetricsSource } from "./source.ts";

export interface InboundAnswer extends Golden {
  readonly namespace: string;
  readonly name: string;
  /** With its port, "[default]:4191" where no Server is. */
  readonly server: string;
  readonly route: string;
  /** Kind of the route, "" for default ones. */
  readonly type: string;
}

export async function statInbound(
  query: ResourceQuery,
  pods: Iterable<StatPod>,
  source: MetricsSource,
): Promise<InboundAnswer[]> {
  const own = ownLabel(query.resource.kind);
  const groups = await goldenBy(source, {
    ...classified(""),
    where: [direction("inbound"), ...ownMatchers(query, pods)],
    by: ["namespace", own, "srv_kind", "srv_name", "srv_port", "route_kind", "route_name"],
    window: query.window,
  });
  return groups
    .map(({ labels, ...golden }) => {
      const isDefault = labels["route_kind"] === "default" || labels["route_kind"] === "";
      return {
        namespace: labels["namespace"] ?? "",
        name: labels[own] ?? "",
        server: `${labels["srv_kind"] === "default" ? "[default]" : labels["srv_name"]}:${labels["srv_port"]}`,
        route: isDefault ? `[${labels["route_name"] || "default"}]` : (labels["route_name"] ?? ""),
        type: isDefault ? "" : (labels["route_kind"] ?? ""),
        ...golden,
      };
    })
    .toSorted((a, b) =>
      compareTexts([a.namespace, a.name, a.server, a.route], [b.namespace, b.name, b.server, b.route]),
    );
}
