/** Every answer that the metrics API has besides `stat`, by the last part of its path. */
import type { StatPod } from "../metrics/stat.ts";
import { authz } from "./authz.ts";
import { edges } from "./edges.ts";
import { routes } from "./routes.ts";
import type { ResourceQuery } from "./selection.ts";
import type { MetricsSource } from "./source.ts";
import { statInbound } from "./stat-inbound.ts";
import { statOutbound } from "./stat-outbound.ts";

type Answer = (query: ResourceQuery, pods: Iterable<StatPod>, source: MetricsSource) => Promise<readonly object[]>;

export const answers: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  ["edges", edges],
  ["routes", routes],
  ["authz", authz],
  ["stat-inbound", statInbound],
  ["stat-outbound", statOutbound],
]);
