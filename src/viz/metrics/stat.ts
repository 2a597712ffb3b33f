/** What statistics are asked with and answered by; query/stat.ts computes them. */
import type { ResourceKind, ResourceRef } from "./resource.ts";

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
  /** The ServiceAccount that it runs as. */
  readonly serviceAccount?: string;
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
  /** Routes only: the Server that they belong to. */
  readonly server?: string;
  /** Servers and routes only: refused requests per second. */
  readonly unauthorized?: number | null;
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
