/**
 * What the pages of the dashboard are given: one view per page, sent whole over an event stream whenever it changed.
 * Types only and without imports, because the pages are compiled for browsers.
 */

/** Golden metrics of a window. */
export interface Golden {
  /** 0–1; null without traffic. */
  readonly success: number | null;
  /** Requests per second; null without HTTP traffic. */
  readonly rps: number | null;
  /** Milliseconds; null without traffic. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/** What a workload is called; `kind` is singular and lower-case: deployment, statefulset, … */
export interface WorkloadRef {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
}

export interface WorkloadRow extends WorkloadRef, Golden {
  /** Running pods with a proxy. */
  readonly meshed: number;
  /** Running pods. */
  readonly pods: number;
  readonly tcpOpen: number;
  /** Bytes per second. */
  readonly tcpRead: number;
  readonly tcpWrite: number;
}

export interface PodRow extends Golden {
  readonly name: string;
  /** As kubectl shows it: Running, Pending, CrashLoopBackOff, … */
  readonly status: string;
  readonly meshed: boolean;
  readonly tcpOpen: number;
}

/** Whether the connections of an edge are mutually authenticated: all, none, or some of them. */
export type Security = "mutual" | "none" | "mixed";

/** Traffic from one workload to another, as the client's proxies measured it. */
export interface EdgeRow extends Golden {
  readonly from: WorkloadRef;
  readonly to: WorkloadRef;
  readonly security: Security;
  /** Why some connections are not secured; null when all are. */
  readonly plainReason: string | null;
  /** The identity that the server proved; null without mutual TLS. */
  readonly serverId: string | null;
  /** Bytes per second, both ways, of connections that carry no HTTP as well. */
  readonly bytes: number;
  readonly tcpOpen: number;
}

interface ViewHead {
  /** Milliseconds since 1970 at the server. */
  readonly time: number;
  /** Window of all rates, ms. */
  readonly window: number;
  /** Meshed pods whose metrics are known and not older than three scrapes, and all running meshed pods. */
  readonly scraped: { readonly fresh: number; readonly pods: number };
}

/** All workloads, with or without a proxy. */
export interface OverviewView extends ViewHead {
  readonly view: "overview";
  readonly workloads: readonly WorkloadRow[];
}

export interface TopologyView extends ViewHead {
  readonly view: "topology";
  /** Workloads that are meshed or that an edge names; of one namespace and its neighbours, or of all. */
  readonly workloads: readonly WorkloadRow[];
  readonly edges: readonly EdgeRow[];
  /** Edges left out because there are more than a page can show. */
  readonly omitted: number;
}

/** Columns of the same length: one entry per point in time. */
export interface History {
  /** Milliseconds since 1970. */
  readonly times: readonly number[];
  /** Requests per second that succeeded and failed. */
  readonly succeeded: readonly (number | null)[];
  readonly failed: readonly (number | null)[];
  readonly p50: readonly (number | null)[];
  readonly p95: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
}

/** One route of a server, or a default one, as its inbound proxies count it. */
export interface RouteRow extends Golden {
  /** The route's name; for default routes "default" or "probe". */
  readonly route: string;
  readonly routeKind: string;
  /** The Server, or the default policy that applies. */
  readonly server: string;
  readonly serverKind: string;
  readonly port: string;
}

/** A policy and who it let in or shut out. */
export interface AuthorizationRow {
  readonly server: string;
  readonly serverKind: string;
  readonly port: string;
  /** What allowed it: the authorization's name; for refusals null. */
  readonly authorization: string | null;
  readonly authorizationKind: string | null;
  /** The client's identity, or why it has none. */
  readonly client: string;
  /** Requests, or connections of other protocols, per second. */
  readonly allowed: number;
  readonly denied: number;
}

export interface WorkloadView extends ViewHead {
  readonly view: "workload";
  /** Null: there is no such workload. */
  readonly workload: WorkloadRow | null;
  readonly pods: readonly PodRow[];
  /** Workloads at the other ends of its edges. */
  readonly neighbours: readonly WorkloadRow[];
  readonly inbound: readonly EdgeRow[];
  readonly outbound: readonly EdgeRow[];
  readonly routes: readonly RouteRow[];
  readonly authorizations: readonly AuthorizationRow[];
  readonly history: History;
}

export type View = OverviewView | TopologyView | WorkloadView;

/** What a stream sends instead of a view that can't be made now. */
export interface ViewFailure {
  readonly view: "failure";
  /** Says what to do. */
  readonly error: string;
}

/** One request as a proxy saw it; sent when its response began and again when it ended. */
export interface TapRow {
  /** The same for both times. */
  readonly key: string;
  /** Whose proxy saw it: the server's or the client's. */
  readonly direction: "in" | "out";
  /** `kind` is "address" where nothing but that is known. */
  readonly from: WorkloadRef;
  readonly to: WorkloadRef;
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly secured: boolean;
  /** What the other side proved. */
  readonly peerId: string | null;
  /** "" when unknown. */
  readonly route: string;
  readonly status: number | null;
  /** ms until the response began. */
  readonly latency: number | null;
  /** Null while the response goes on. `reset` is an HTTP/2 error code. */
  readonly end: {
    readonly duration: number;
    readonly bytes: number;
    readonly grpcStatus: number | null;
    readonly reset: number | null;
  } | null;
}

/** What the stream of a tap sends. */
export interface TapBatch {
  readonly rows: readonly TapRow[];
  /** Requests that were left out since the start. */
  readonly dropped: number;
  /** Proxies that are looked into; null until known. */
  readonly proxies: number | null;
  /** Why it ended; null while it goes on. */
  readonly error: string | null;
}
