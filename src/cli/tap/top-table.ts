/** What `viz top` counts: requests by who asks whom for what. Bounded: the rows that were silent for longest go first. */
import { durationMs, type TapEvent, type TapPeer } from "#viz/client/tap-event.ts";

export const topLimits = {
  /** Rows that are kept. */
  rows: 1000,
  /** Requests under way that are remembered. */
  underWay: 10_000,
} as const;

export interface TopRow {
  readonly source: string;
  readonly destination: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly route: string;
  count: number;
  successes: number;
  /** ms */
  best: number;
  worst: number;
  last: number;
}

interface UnderWay {
  readonly event: TapEvent;
  status: number;
}

export class TopTable {
  /** The one that was silent for longest first. */
  private readonly byKey = new Map<string, TopRow>();
  private readonly underWay = new Map<string, UnderWay>();
  /** Pods whose own proxies are looked into: what they ask is told by them. */
  private readonly tapped = new Set<string>();
  private readonly hideSources: boolean;
  private readonly byRoute: boolean;

  constructor(options: { readonly hideSources: boolean; readonly byRoute: boolean }) {
    this.hideSources = options.hideSources;
    this.byRoute = options.byRoute;
  }

  get rows(): TopRow[] {
    return [...this.byKey.values()];
  }

  clear(): void {
    this.byKey.clear();
  }

  add(event: TapEvent): void {
    const { requestInitEvent: req, responseInitEvent: rsp, responseEndEvent: end } = event;
    const id = (req ?? rsp ?? end)?.id;
    if (id === undefined) return;
    const key = `${id.base}:${id.stream}`;
    if (req !== undefined) {
      if (this.isTold(event)) return;
      this.underWay.set(key, { event, status: 0 });
      dropOldest(this.underWay, topLimits.underWay);
      return;
    }
    const begun = this.underWay.get(key);
    if (begun === undefined) return;
    if (rsp !== undefined) begun.status = rsp.httpStatus;
    if (end === undefined) return;
    this.underWay.delete(key);
    const failed =
      end.resetErrorCode !== undefined || begun.status === 0 || begun.status >= 500 || (end.grpcStatusCode ?? 0) !== 0;
    this.count(begun.event, durationMs(end.sinceRequestInit), !failed);
  }

  /** Whether the client's proxy tells of this request as well: it is counted there, with what the client saw of it. */
  private isTold({ proxyDirection, source, destination }: TapEvent): boolean {
    const own = (proxyDirection === "INBOUND" ? destination : source).metadata["pod"];
    if (own !== undefined && this.tapped.size < topLimits.rows) this.tapped.add(own);
    return proxyDirection === "INBOUND" && this.tapped.has(source.metadata["pod"] ?? "");
  }

  private count(event: TapEvent, latency: number, success: boolean): void {
    const source = this.hideSources ? "" : nameOf(event.source);
    const destination = nameOf(event.destination);
    const { method = "", path: full = "" } = event.requestInitEvent ?? {};
    const path = full.split("?", 1)[0] ?? "";
    const { route: profiled, route_name: named } = event.routeMeta;
    const route = this.byRoute ? (profiled ?? named ?? "") : "";
    const key = JSON.stringify([source, destination, method, path, route]);
    let row = this.byKey.get(key);
    row ??= {
      source,
      destination,
      method,
      path,
      route,
      count: 0,
      successes: 0,
      best: latency,
      worst: latency,
      last: 0,
    };
    this.byKey.delete(key);
    this.byKey.set(key, row);
    dropOldest(this.byKey, topLimits.rows);
    row.count++;
    if (success) row.successes++;
    row.best = Math.min(row.best, latency);
    row.worst = Math.max(row.worst, latency);
    row.last = latency;
  }
}

function dropOldest(map: Map<string, unknown>, limit: number): void {
  if (map.size <= limit) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}

function nameOf({ ip, metadata }: TapPeer): string {
  return metadata["pod"] ?? ip;
}
