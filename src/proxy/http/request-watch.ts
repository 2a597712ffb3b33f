/**
 * The seam for what looks into live requests: tap and tracing. While nobody does, a request costs one comparison with
 * null where it begins and a few on its way, and nothing is made for it.
 */
import type { Labels } from "#lib/metrics/registry.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import type { RequestHead, ResponseHead } from "#wire/http1/head.ts";
import type { ExchangeEnd, RequestControl } from "./request-handler.ts";

/** Where a watched request comes from. */
export interface RequestSource {
  readonly direction: "inbound" | "outbound";
  readonly client: SocketAddr;
  /** What the client asked for: the original destination. */
  readonly target: SocketAddr;
  /** TLS of the client and its identity, as the metrics' labels have it. Empty for the application's own requests. */
  readonly labels: Labels;
}

/** One request. Everything but `head` is told at most once, in this order, but for parts of bodies and further tries. */
export interface RequestWatch {
  /** What is sent on instead of the head that came. */
  readonly head: RequestHead;
  /**
   * It is to go to this address; again for each try. `labels`: what is known of the endpoint, and of TLS with it; `route`: of
   * the route, as metrics have it, and what a ServiceProfile says of it.
   */
  sending(addr: SocketAddr, labels: Labels, route: Labels): void;
  responded(head: ResponseHead): void;
  /** Bytes of the response's body that passed. */
  responseBody(bytes: number): void;
  /** As {@link RequestHandler.onExchangeEnd}. */
  ended(status: number, end: ExchangeEnd, grpcStatus: number): void;
}

/** What a request goes on with: the head that its watch changed, if it did. */
export function headToGoOn(watch: RequestWatch | null, connection: RequestControl, head: RequestHead): RequestHead {
  if (watch === null || watch.head === head) return head;
  connection.replace(watch.head);
  return watch.head;
}

export interface RequestWatcher {
  /** A request came. Null: it is of no interest. */
  begin(head: RequestHead, source: RequestSource): RequestWatch | null;
}

/** Who watches the requests of a proxy. At most one of a kind, so two. */
export class RequestWatchers {
  /** Null: nobody. Read for each request. */
  current: RequestWatcher | null = null;
  private readonly all: RequestWatcher[] = [];

  /** Heads pass the watchers in the order in which they are added. The result takes it out again. */
  add(watcher: RequestWatcher): () => void {
    this.all.push(watcher);
    this.choose();
    return () => {
      const at = this.all.indexOf(watcher);
      if (at >= 0) this.all.splice(at, 1);
      this.choose();
    };
  }

  private choose(): void {
    const [first] = this.all;
    this.current = this.all.length > 1 ? new Several([...this.all]) : (first ?? null);
  }
}

class Several implements RequestWatcher {
  private readonly watchers: readonly RequestWatcher[];

  constructor(watchers: readonly RequestWatcher[]) {
    this.watchers = watchers;
  }

  begin(head: RequestHead, source: RequestSource): RequestWatch | null {
    const watches: RequestWatch[] = [];
    let sent = head;
    for (const watcher of this.watchers) {
      const watch = watcher.begin(sent, source);
      if (watch === null) continue;
      sent = watch.head;
      watches.push(watch);
    }
    const [first] = watches;
    return watches.length > 1 ? new WatchOfSeveral(sent, watches) : (first ?? null);
  }
}

class WatchOfSeveral implements RequestWatch {
  readonly head: RequestHead;
  private readonly watches: readonly RequestWatch[];

  constructor(head: RequestHead, watches: readonly RequestWatch[]) {
    this.head = head;
    this.watches = watches;
  }

  sending(addr: SocketAddr, labels: Labels, route: Labels): void {
    for (const watch of this.watches) watch.sending(addr, labels, route);
  }

  responded(head: ResponseHead): void {
    for (const watch of this.watches) watch.responded(head);
  }

  responseBody(bytes: number): void {
    for (const watch of this.watches) watch.responseBody(bytes);
  }

  ended(status: number, end: ExchangeEnd, grpcStatus: number): void {
    for (const watch of this.watches) watch.ended(status, end, grpcStatus);
  }
}
