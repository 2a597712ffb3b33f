/**
 * Golden metrics of resources: success rate, requests per second, latency percentiles, TCP, for a window of time.
 *
 * Without `to` and `from` a resource is seen by its own proxies' inbound side; with `to` by its proxies' outbound side,
 * limited to the target; with `from` by the outbound side of the source's proxies. Services and authorities have no
 * proxies: they are always seen by the clients that call them.
 */
import { quantile } from "./quantile.ts";
import type { ResourceKind, ResourceRef } from "./resource.ts";
import { latest, rate, type SampleStore, type Series } from "./store.ts";

/** A pod as far as statistics need it. `target` is its key in the store. */
export interface StatPod {
  readonly target: string;
  readonly namespace: string;
  readonly name: string;
  readonly meshed: boolean;
  readonly running: boolean;
  /** As kubectl shows it: Running, Pending, CrashLoopBackOff, … */
  readonly status: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Owners by kind, for example deployment → web, replicaset → web-5d9c. */
  readonly owners: ReadonlyMap<ResourceKind, string>;
}

export interface StatQuery {
  readonly resource: ResourceRef;
  /** Milliseconds, at least 15,000. */
  readonly window: number;
  readonly to?: ResourceRef;
  readonly from?: ResourceRef;
  /** Only pods for which this is true. */
  readonly selects?: (labels: Readonly<Record<string, string>>) => boolean;
  /** Also rows of resources that have no meshed pod. */
  readonly unmeshed?: boolean;
}

export interface StatRow {
  readonly namespace: string;
  readonly kind: ResourceKind;
  readonly name: string;
  /** Pods only. */
  readonly status: string | null;
  /** Running pods with a proxy and all running pods; null where the resource has no pods of its own. */
  readonly meshed: { readonly meshed: number; readonly total: number } | null;
  /** 0–1, null without traffic. */
  readonly success: number | null;
  /** Requests per second, null without HTTP traffic in the window. */
  readonly rps: number | null;
  /** Milliseconds. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly tcpOpenConnections: number | null;
  /** Bytes per second. */
  readonly tcpReadRate: number | null;
  readonly tcpWriteRate: number | null;
}

/** The metrics that `stat` is computed from. */
export const statFamilies: ReadonlySet<string> = new Set([
  "request_total",
  "response_total",
  "response_latency_ms_bucket",
  "tcp_open_connections",
  "tcp_read_bytes_total",
  "tcp_write_bytes_total",
]);

interface Group {
  readonly namespace: string;
  readonly name: string;
  status: string | null;
  meshed: number;
  total: number;
  success: number;
  failure: number;
  buckets: Map<number, number>;
  seen: boolean;
  open: number;
  read: number;
  write: number;
}

const clientSeen: ReadonlySet<ResourceKind> = new Set<ResourceKind>(["service", "authority"]);

/** The label value under which a pod counts for a kind, or null. */
function nameOf(pod: StatPod, kind: ResourceKind): string | null {
  if (kind === "pod") return pod.name;
  if (kind === "namespace") return pod.namespace;
  return pod.owners.get(kind) ?? null;
}

function podMatches(pod: StatPod, ref: ResourceRef): boolean {
  if (ref.namespace !== null && pod.namespace !== ref.namespace) return false;
  const name = nameOf(pod, ref.kind);
  return name !== null && (ref.name === null || name === ref.name);
}

/** The destination that an outbound series counts for, or null when it is of another kind or not `ref`'s. */
function destinationOf(series: Series, ref: ResourceRef): { namespace: string; name: string } | null {
  const namespace = series.labels.get("dst_namespace") ?? "";
  if (ref.kind === "authority") {
    const name = series.labels.get("authority") ?? "";
    return name === "" || (ref.name !== null && name !== ref.name) ? null : { namespace, name };
  }
  const name = ref.kind === "namespace" ? namespace : (series.labels.get(`dst_${ref.kind}`) ?? "");
  if (name === "" || (ref.name !== null && name !== ref.name)) return null;
  if (ref.namespace !== null && namespace !== ref.namespace) return null;
  return { namespace, name };
}

/** The rows for a query, sorted by namespace and name. */
export function stat(query: StatQuery, pods: Iterable<StatPod>, store: SampleStore, now: number): StatRow[] {
  const { resource } = query;
  const groups = new Map<string, Group>();
  const all = [...pods];
  const ownPods = clientSeen.has(resource.kind)
    ? []
    : all.filter((pod) => podMatches(pod, resource) && (query.selects?.(pod.labels) ?? true));

  for (const pod of ownPods) {
    const group = groupFor(groups, resource.kind === "namespace" ? "" : pod.namespace, nameOf(pod, resource.kind)!);
    if (resource.kind === "pod") group.status = pod.status;
    if (!pod.running) continue;
    group.total++;
    if (pod.meshed) group.meshed++;
  }

  if (query.from === undefined && !clientSeen.has(resource.kind)) {
    for (const pod of ownPods) {
      const group = groupFor(groups, resource.kind === "namespace" ? "" : pod.namespace, nameOf(pod, resource.kind)!);
      for (const series of store.seriesOf(pod.target)) {
        const direction = series.labels.get("direction");
        if (query.to === undefined) {
          if (direction === "inbound") count(group, series, now, query.window, "src");
        } else if (direction === "outbound" && destinationOf(series, query.to) !== null) {
          count(group, series, now, query.window, "dst");
        }
      }
    }
  } else {
    const sources = query.from === undefined ? all : all.filter((pod) => podMatches(pod, query.from!));
    for (const pod of sources) {
      // An authority belongs to the namespace of whoever calls it: the name itself says nothing.
      if (resource.kind === "authority" && resource.namespace !== null && pod.namespace !== resource.namespace)
        continue;
      for (const series of store.seriesOf(pod.target)) {
        if (series.labels.get("direction") !== "outbound") continue;
        const destination = destinationOf(series, resource);
        if (destination === null) continue;
        const namespace = resource.kind === "authority" ? pod.namespace : destination.namespace;
        const group = groupFor(groups, resource.kind === "namespace" ? "" : namespace, destination.name);
        count(group, series, now, query.window, "dst");
      }
    }
  }

  return [...groups.values()]
    .filter((group) => query.unmeshed === true || group.meshed > 0 || group.seen)
    .map((group) => toRow(group, resource.kind))
    .toSorted((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function groupFor(groups: Map<string, Group>, namespace: string, name: string): Group {
  const key = `${namespace}/${name}`;
  let group = groups.get(key);
  if (group === undefined) {
    group = {
      namespace,
      name,
      status: null,
      meshed: 0,
      total: 0,
      success: 0,
      failure: 0,
      buckets: new Map(),
      seen: false,
      open: 0,
      read: 0,
      write: 0,
    };
    groups.set(key, group);
  }
  return group;
}

function count(group: Group, series: Series, now: number, window: number, peer: "src" | "dst"): void {
  switch (series.name) {
    case "response_total": {
      const perSecond = rate(series, now, window);
      if (perSecond > 0) group.seen = true;
      if (series.labels.get("classification") === "success") group.success += perSecond;
      else group.failure += perSecond;
      return;
    }
    case "response_latency_ms_bucket": {
      const le = series.labels.get("le") ?? "";
      const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
      if (Number.isNaN(bound)) return;
      group.buckets.set(bound, (group.buckets.get(bound) ?? 0) + rate(series, now, window));
      return;
    }
    case "tcp_open_connections":
      if (series.labels.get("peer") === peer) group.open += latest(series, now, window);
      return;
    case "tcp_read_bytes_total":
      if (series.labels.get("peer") === peer) group.read += rate(series, now, window);
      return;
    case "tcp_write_bytes_total":
      if (series.labels.get("peer") === peer) group.write += rate(series, now, window);
      return;
    default:
  }
}

function toRow(group: Group, kind: ResourceKind): StatRow {
  const total = group.success + group.failure;
  const http = total > 0;
  const hasPods = !clientSeen.has(kind);
  return {
    namespace: group.namespace,
    kind,
    name: group.name,
    status: group.status,
    meshed: hasPods ? { meshed: group.meshed, total: group.total } : null,
    success: http ? group.success / total : null,
    rps: http ? total : null,
    p50: http ? quantile(group.buckets, 0.5) : null,
    p95: http ? quantile(group.buckets, 0.95) : null,
    p99: http ? quantile(group.buckets, 0.99) : null,
    tcpOpenConnections: hasPods ? group.open : null,
    tcpReadRate: hasPods ? group.read : null,
    tcpWriteRate: hasPods ? group.write : null,
  };
}
