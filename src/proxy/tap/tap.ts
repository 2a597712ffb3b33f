/**
 * Shows live requests to observers. It watches requests only while there is an observer; then each request is judged by
 * every observer's expression, and what they see is bounded by {@link tapLimits}.
 */
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Family, Labels, Registry } from "#lib/metrics/registry.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import type { ObserveRequest } from "#rpc/gen/tap_pb.ts";
import { pathOnly, type RequestHead, type ResponseHead } from "#wire/http1/head.ts";
import type { ExchangeEnd } from "../http/request-handler.ts";
import type { RequestSource, RequestWatch, RequestWatcher, RequestWatchers } from "../http/request-watch.ts";
import { compileMatch, type TapMatch } from "./match.ts";
import { requestInit, responseEnd, responseInit, type TapEventInit, type TapId, type TapPlaces } from "./messages.ts";

export const tapLimits = {
  /** Observers at a time; one more is refused. */
  observers: 16,
  /** Requests that one observer sees begin in a second; more are left out. */
  requestsPerSecond: 1000,
  /** Requests under way of one observer; more are left out. */
  inFlight: 256,
  /** Events that wait for an observer; while so many do, requests that begin are left out. */
  queued: 256,
} as const;

/** The way to an observer: `StreamWriter`, or a fake. */
export interface TapOutput {
  /** Events that wait. */
  readonly queued: number;
  /** False: the observer is gone. */
  send(event: TapEventInit): boolean;
  end(): void;
}

class Observer {
  readonly match: TapMatch;
  readonly extract: boolean;
  /** Requests that may still begin. */
  left: number;
  inFlight = 0;
  nextStream = 0n;
  gone = false;
  private readonly output: TapOutput;
  private readonly clock: Clock;
  private readonly leftOut: () => void;
  private second = 0;
  private inSecond = 0;

  constructor(request: ObserveRequest, output: TapOutput, clock: Clock, leftOut: () => void) {
    this.match = compileMatch(request.match);
    this.extract = request.extract?.extract.case === "http";
    this.left = request.limit;
    this.output = output;
    this.clock = clock;
    this.leftOut = leftOut;
  }

  /** Whether a matching request is shown. */
  take(): boolean {
    if (this.left === 0 || this.gone) return false;
    const second = Math.floor(this.clock.now() / 1000);
    if (second !== this.second) {
      this.second = second;
      this.inSecond = 0;
    }
    const { inFlight, queued, requestsPerSecond } = tapLimits;
    if (this.inFlight >= inFlight || this.output.queued >= queued || this.inSecond >= requestsPerSecond) {
      this.leftOut();
      return false;
    }
    this.inSecond++;
    this.left--;
    this.inFlight++;
    return true;
  }

  send(event: TapEventInit): void {
    if (!this.gone && !this.output.send(event)) this.gone = true;
  }

  /** A request is over; true: it was the last one. */
  release(): boolean {
    this.inFlight--;
    return this.left === 0 && this.inFlight === 0;
  }

  end(): void {
    this.gone = true;
    this.output.end();
  }
}

export class Tap implements RequestWatcher {
  readonly clock: Clock;
  private readonly watchers: RequestWatchers;
  private readonly observers = new Set<Observer>();
  private readonly leftOut: Family;
  private stopWatching: (() => void) | null = null;
  private nextBase = 0;

  constructor(watchers: RequestWatchers, registry: Registry, clock: Clock) {
    this.watchers = watchers;
    this.clock = clock;
    this.leftOut = registry.counter(
      "tap_requests_dropped_total",
      "Matching requests that no observer was shown, because it was slow or saw too many",
    );
    const observing = registry.gauge("tap_observers", "Observers of live requests");
    registry.onCollect(() => {
      if (this.nextBase > 0) observing.cell().value = this.observers.size;
    });
  }

  /** Throws "invalid-argument" or "resource-exhausted". The result ends it; the output is not used afterwards. */
  observe(request: ObserveRequest, output: TapOutput): () => void {
    if (request.limit === 0) throw new MeshError("invalid-argument", "The limit must be at least 1");
    const observer = new Observer(request, output, this.clock, () => void this.leftOut.cell().value++);
    if (this.observers.size >= tapLimits.observers)
      throw new MeshError("resource-exhausted", `There are ${tapLimits.observers} observers already`);
    this.nextBase++;
    this.observers.add(observer);
    this.stopWatching ??= this.watchers.add(this);
    return () => this.forget(observer);
  }

  private forget(observer: Observer): void {
    observer.gone = true;
    this.observers.delete(observer);
    if (this.observers.size > 0) return;
    this.stopWatching?.();
    this.stopWatching = null;
  }

  begin(head: RequestHead, source: RequestSource): RequestWatch | null {
    // Where it goes is known later, and may be part of what is asked for.
    return new TappedExchange(this, head, source);
  }

  // --- for the exchange

  /** The observers that are shown this one. */
  interested(matches: (match: TapMatch) => boolean): Shown[] {
    const out: Shown[] = [];
    for (const observer of this.observers) {
      if (matches(observer.match) && observer.take())
        out.push({ observer, id: { base: this.nextBase, stream: observer.nextStream++ } });
    }
    return out;
  }

  done(observer: Observer): void {
    if (!observer.release()) return;
    observer.end();
    this.forget(observer);
  }
}

interface Shown {
  readonly observer: Observer;
  readonly id: TapId;
}

/** One request that somebody may see. */
class TappedExchange implements RequestWatch {
  readonly head: RequestHead;
  private readonly tap: Tap;
  private readonly source: RequestSource;
  private readonly startedAt: number;
  /** 0: not yet. */
  private respondedAt = 0;
  private bytes = 0;
  private places: TapPlaces | null = null;
  private shown: readonly Shown[] = [];

  constructor(tap: Tap, head: RequestHead, source: RequestSource) {
    this.tap = tap;
    this.head = head;
    this.source = source;
    this.startedAt = tap.clock.now();
  }

  /** Finds who is shown it, and tells them that it began. */
  private judge(destination: SocketAddr, destinationLabels: Labels, routeLabels: Labels): void {
    const { head, source } = this;
    const { direction, client, labels } = source;
    const request = {
      source: client,
      destination,
      destinationLabels,
      routeLabels,
      method: head.method,
      scheme: "http",
      authority: head.authority,
      path: pathOnly(head.path),
    };
    this.places = { direction, source: client, sourceLabels: labels, destination, destinationLabels, routeLabels };
    this.shown = this.tap.interested((match) => match(request));
    for (const { observer, id } of this.shown) observer.send(requestInit(this.places, id, head, observer.extract));
  }

  sending(addr: SocketAddr, labels: Labels, route: Labels): void {
    // Further tries are of the same request.
    if (this.places === null) this.judge(addr, labels, route);
  }

  responded(head: ResponseHead): void {
    const { places } = this;
    if (places === null || this.shown.length === 0) return;
    this.respondedAt = this.tap.clock.now();
    const since = this.respondedAt - this.startedAt;
    for (const { observer, id } of this.shown)
      observer.send(responseInit(places, id, since, head.status, observer.extract ? head.headers : null));
  }

  responseBody(bytes: number): void {
    this.bytes += bytes;
  }

  ended(status: number, end: ExchangeEnd, grpcStatus: number): void {
    const { places, shown } = this;
    if (places === null || shown.length === 0) return;
    this.shown = [];
    const now = this.tap.clock.now();
    const since = now - this.startedAt;
    for (const { observer, id } of shown) {
      // An answer of our own has a head as well.
      if (this.respondedAt === 0 && status > 0) observer.send(responseInit(places, id, since, status, null));
      const sinceResponse = status === 0 ? null : this.respondedAt === 0 ? 0 : now - this.respondedAt;
      observer.send(responseEnd(places, id, since, sinceResponse, this.bytes, end, grpcStatus));
      this.tap.done(observer);
    }
  }
}
