/** One pass over the pods and their series: what each workload served, and who called whom. */
import type { StatPod } from "../metrics/stat.ts";
import type { Series } from "../metrics/store.ts";
import { GoldenSum, round } from "./golden-sum.ts";
import type { EdgeRow, PodRow, WorkloadRef, WorkloadRow } from "./view.ts";
import { compare, compareRefs, destinationOfSeries, refKey, workloadOfPod } from "./workload-ref.ts";

/** The samples of a pod's proxy, as the store of the metrics API has them. */
export interface Samples {
  seriesOf(target: string): Iterable<Series>;
}

export interface TrafficQuery {
  readonly pods: Iterable<StatPod>;
  readonly samples: Samples;
  /** Monotonic ms, the clock of the samples. */
  readonly now: number;
  /** ms */
  readonly window: number;
}

/** What a workload's pods did as servers. */
export function workloadRows({ pods, samples, now, window }: TrafficQuery): WorkloadRow[] {
  const found = new Map<string, { ref: WorkloadRef; meshed: number; pods: number; sum: GoldenSum }>();
  for (const pod of pods) {
    const ref = workloadOfPod(pod);
    const key = refKey(ref);
    let entry = found.get(key);
    if (entry === undefined) found.set(key, (entry = { ref, meshed: 0, pods: 0, sum: new GoldenSum() }));
    if (pod.running) {
      entry.pods++;
      if (pod.meshed) entry.meshed++;
    }
    for (const series of samples.seriesOf(pod.target)) {
      if (isServed(series)) entry.sum.add(series, now, window, "src");
    }
  }
  return [...found.values()]
    .map(({ ref, meshed, pods: total, sum }) => ({
      ...ref,
      ...sum.golden(),
      meshed,
      pods: total,
      tcpOpen: sum.tcpOpen,
      tcpRead: round(sum.tcpRead, 1),
      tcpWrite: round(sum.tcpWrite, 1),
    }))
    .toSorted(compareRefs);
}

/** The pods of one workload. */
export function podRows({ pods, samples, now, window }: TrafficQuery): PodRow[] {
  return [...pods]
    .map((pod) => {
      const sum = new GoldenSum();
      for (const series of samples.seriesOf(pod.target)) if (isServed(series)) sum.add(series, now, window, "src");
      return { name: pod.name, status: pod.status, meshed: pod.meshed, tcpOpen: sum.tcpOpen, ...sum.golden() };
    })
    .toSorted((a, b) => compare(a.name, b.name));
}

/** Tap and metrics of proxies: whoever reads these looks at a workload, it does not call it. */
const proxyPorts: ReadonlySet<string> = new Set(["4190", "4191"]);

/** Who called whom, measured by the clients' proxies. Edges without traffic and without connections are left out. */
export function edgeRows({ pods, samples, now, window }: TrafficQuery): EdgeRow[] {
  const found = new Map<string, Edge>();
  for (const pod of pods) {
    let from: WorkloadRef | null = null;
    for (const series of samples.seriesOf(pod.target)) {
      if (series.labels.get("direction") !== "outbound" || proxyPorts.has(series.labels.get("target_port") ?? ""))
        continue;
      const to = destinationOfSeries(series.labels);
      if (to === null) continue;
      from ??= workloadOfPod(pod);
      const key = `${refKey(from)}\n${refKey(to)}`;
      let edge = found.get(key);
      if (edge === undefined) found.set(key, (edge = new Edge(from, to)));
      edge.add(series, now, window);
    }
  }
  return [...found.values()]
    .map((edge) => edge.row())
    .filter((row) => row.rps !== null || row.tcpOpen > 0 || row.bytes > 0)
    .toSorted((a, b) => compareRefs(a.from, b.from) || compareRefs(a.to, b.to));
}

class Edge {
  private readonly from: WorkloadRef;
  private readonly to: WorkloadRef;
  private readonly sum = new GoldenSum();
  private secured = false;
  private plain = false;
  private plainReason: string | null = null;
  private serverId: string | null = null;

  constructor(from: WorkloadRef, to: WorkloadRef) {
    this.from = from;
    this.to = to;
  }

  add(series: Series, now: number, window: number): void {
    const before = this.sum.tcpOpen + this.sum.tcpRead + this.sum.tcpWrite;
    this.sum.add(series, now, window, "dst");
    // Only connections that are open or move bytes now say how the edge is secured: older ones may be from before meshing.
    if (this.sum.tcpOpen + this.sum.tcpRead + this.sum.tcpWrite <= before) return;
    if (series.labels.get("tls") === "true") {
      this.secured = true;
      this.serverId ??= series.labels.get("server_id") ?? null;
    } else {
      this.plain = true;
      this.plainReason ??= series.labels.get("no_tls_reason") ?? null;
    }
  }

  row(): EdgeRow {
    const { from, to, sum } = this;
    return {
      from,
      to,
      ...sum.golden(),
      security: this.secured ? (this.plain ? "mixed" : "mutual") : "none",
      plainReason: this.plain ? (this.plainReason ?? "not_provided_by_service_discovery") : null,
      serverId: this.serverId,
      bytes: round(sum.tcpRead + sum.tcpWrite, 1),
      tcpOpen: sum.tcpOpen,
    };
  }
}

/** The same series as those of `linkerd viz stat`, so that both show the same numbers. */
function isServed(series: Series): boolean {
  return series.labels.get("direction") === "inbound";
}
