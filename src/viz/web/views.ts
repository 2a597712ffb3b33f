/** Makes the views of the dashboard from pods and samples. */
import type { StatPod } from "../metrics/stat.ts";
import { workloadHistory, type HistoryRange } from "./history.ts";
import { authorizationRows, routeRows } from "./policy-rows.ts";
import { edgeRows, podRows, workloadRows, type Samples } from "./traffic.ts";
import type { EdgeRow, View, WorkloadRef } from "./view.ts";
import { refKey, workloadOfPod } from "./workload-ref.ts";

/** What a page asks for; its text form is the path and query of its stream. */
export type ViewQuery =
  | { readonly view: "overview" }
  /** `namespace`: only its workloads and their direct neighbours; null for all. */
  | { readonly view: "topology"; readonly namespace: string | null }
  | { readonly view: "workload"; readonly workload: WorkloadRef; readonly range: HistoryRange };

export interface ViewSources {
  readonly pods: () => Iterable<StatPod>;
  readonly samples: Samples & { scrapedAt(target: string): number };
  /** Monotonic ms, the clock of the samples. */
  readonly now: () => number;
  /** ms since 1970. */
  readonly wall: () => number;
  /** ms between two scrapes of a proxy. */
  readonly scrapeInterval: number;
}

/** Window of all rates, ms: that of `linkerd viz stat`. */
const window = 60_000;
/** Edges that a page can still show; the busiest stay. */
const edgeLimit = 2000;

export function makeView(query: ViewQuery, sources: ViewSources): View {
  const pods = [...sources.pods()];
  const now = sources.now();
  const traffic = { pods, samples: sources.samples, now, window };
  const head = { window, ...scrapeState(pods, sources, now) };
  switch (query.view) {
    case "overview":
      return { view: "overview", ...head, workloads: workloadRows(traffic) };
    case "topology": {
      const { namespace } = query;
      const edges = edgeRows(traffic).filter(
        ({ from, to }) => namespace === null || from.namespace === namespace || to.namespace === namespace,
      );
      const shown = busiest(edges);
      const named = new Set(shown.flatMap(({ from, to }) => [refKey(from), refKey(to)]));
      const workloads = workloadRows(traffic).filter(
        (row) => named.has(refKey(row)) || (row.meshed > 0 && (namespace === null || row.namespace === namespace)),
      );
      return { view: "topology", ...head, workloads, edges: shown, omitted: edges.length - shown.length };
    }
    case "workload": {
      const { workload } = query;
      const own = pods.filter((pod) => refKey(workloadOfPod(pod)) === refKey(workload));
      const edges = edgeRows(traffic);
      const inbound = edges.filter(({ to }) => refKey(to) === refKey(workload));
      const outbound = edges.filter(({ from }) => refKey(from) === refKey(workload));
      const near = new Set([...inbound.map(({ from }) => refKey(from)), ...outbound.map(({ to }) => refKey(to))]);
      near.delete(refKey(workload));
      return {
        view: "workload",
        ...head,
        workload: workloadRows({ ...traffic, pods: own })[0] ?? null,
        pods: podRows({ ...traffic, pods: own }),
        neighbours: workloadRows({ ...traffic, pods: pods.filter((pod) => near.has(refKey(workloadOfPod(pod)))) }),
        inbound,
        outbound,
        routes: routeRows({ ...traffic, pods: own }),
        authorizations: authorizationRows({ ...traffic, pods: own }),
        history: workloadHistory({
          pods: own,
          samples: sources.samples,
          now,
          wall: sources.wall(),
          scrapeInterval: sources.scrapeInterval,
          range: query.range,
        }),
      };
    }
    default:
      return query satisfies never;
  }
}

function busiest(edges: readonly EdgeRow[]): readonly EdgeRow[] {
  if (edges.length <= edgeLimit) return edges;
  return edges.toSorted((a, b) => (b.rps ?? 0) - (a.rps ?? 0)).slice(0, edgeLimit);
}

function scrapeState(
  pods: readonly StatPod[],
  { samples, scrapeInterval, wall }: ViewSources,
  now: number,
): { time: number; scraped: { fresh: number; pods: number } } {
  let fresh = 0;
  let meshed = 0;
  let newest = -1;
  for (const pod of pods) {
    if (!pod.running || !pod.meshed) continue;
    meshed++;
    const at = samples.scrapedAt(pod.target);
    if (at > newest) newest = at;
    if (at >= 0 && now - at <= 3 * scrapeInterval) fresh++;
  }
  // The time of the newest sample rather than of now, so that a view without news is the same text.
  return { time: newest < 0 ? 0 : Math.round(wall() - (now - newest)), scraped: { fresh, pods: meshed } };
}
