/**
 * A copy of a request to another backend, whose answer nobody gets. It never holds the request itself up: a copy that
 * can't keep up is given up.
 */
import type { Clock, Timer } from "#lib/clock.ts";
import type { MeshError } from "#lib/errors.ts";
import type { Socket } from "#lib/net/socket.ts";
import type { FlatHeaders, RequestHead, ResponseHead } from "#wire/http1/head.ts";
import type { Downstream, Upstream, UpstreamPool } from "../http/exchange.ts";
import { grpcStatusOf } from "../http/h2/heads.ts";
import type { HttpCells, TransportCells } from "../http/ports.ts";
import type { OutboundShared } from "./options.ts";
import type { Endpoint, HttpRoute, PickWaiter } from "./ports.ts";

/** Copies under way at a time, of all requests; more are left out: a backend that hangs holds its copies for long, and over HTTP/1 each has a connection. */
export const maxMirrors = 100;
/** Bytes of a body that wait for the other backend. */
const maxWaiting = 65_536;
/** For the answer after the request's end, ms. */
const answerTimeout = 30_000;

export class MirroredRequest implements Downstream, PickWaiter {
  readonly request: RequestHead;
  readonly extra: FlatHeaders;
  readonly extraFields: string;
  authority: string | null = null;
  readonly blocked = false;
  private readonly clock: Clock;
  private readonly route: HttpRoute;
  private readonly poolOf: (endpoint: Endpoint) => UpstreamPool;
  private readonly shared: OutboundShared;
  private endpoint: Endpoint | null = null;
  private cells: HttpCells | null = null;
  private pool: UpstreamPool | null = null;
  private readonly startedAt: number;
  private upstream: Upstream | null = null;
  private waiting: Buffer[] = [];
  private bytes = 0;
  private ending: FlatHeaders | null = null;
  private passedEnd = false;
  private status = 0;
  private timer: Timer | null = null;
  private over = false;

  /** @param client whose request it is */
  constructor(
    client: Downstream,
    route: HttpRoute,
    poolOf: (endpoint: Endpoint) => UpstreamPool,
    shared: OutboundShared,
  ) {
    const { clock } = shared.options;
    this.shared = shared;
    shared.mirrors++;
    this.request = client.request;
    this.extra = client.extra;
    this.extraFields = client.extraFields;
    this.clock = clock;
    this.route = route;
    this.poolOf = poolOf;
    this.startedAt = clock.now();
  }

  start(): void {
    const { balancer } = this.route;
    const endpoint = balancer.pick();
    if (endpoint !== null) this.onEndpoint(endpoint);
    else if (balancer.wait(this) !== "queued") this.end();
  }

  private end(): void {
    this.over = true;
    this.shared.mirrors--;
  }

  onEndpoint(endpoint: Endpoint): void {
    this.endpoint = endpoint;
    this.authority = endpoint.authorityOverride;
    this.cells = this.route.cells(endpoint);
    this.pool = this.poolOf(endpoint);
    endpoint.started();
    this.cells.requestStarted();
    this.pool.acquire(this);
    // The balancer may call long after the request's own bytes went out.
    this.shared.http.flusher.run();
  }

  onRefused(): void {
    this.finish(false, -1);
  }

  /** Copies: the reader may use its buffer again. */
  sendBody(chunk: Buffer, start: number, end: number): void {
    if (this.over) return;
    const { upstream } = this;
    if (upstream !== null && this.waiting.length === 0 && !upstream.blocked) {
      upstream.sendBody(chunk, start, end);
      return;
    }
    this.bytes += end - start;
    if (this.bytes > maxWaiting) this.giveUp();
    else this.waiting.push(Buffer.from(chunk.subarray(start, end)));
  }

  endRequest(trailers: FlatHeaders): void {
    if (this.over) return;
    this.ending = trailers;
    this.timer = this.clock.after(answerTimeout, () => this.giveUp());
    this.pass();
  }

  /** The request was not sent in full: half of one must not look like a whole one. */
  cut(): void {
    if (!this.over && this.ending === null) this.giveUp();
  }

  private pass(): void {
    const { upstream } = this;
    if (upstream === null || this.over) return;
    while (this.waiting.length > 0 && !upstream.blocked) {
      const [piece] = this.waiting.splice(0, 1);
      if (piece === undefined) break;
      this.bytes -= piece.length;
      upstream.sendBody(piece, 0, piece.length);
    }
    if (this.waiting.length > 0 || this.ending === null || this.passedEnd) return;
    this.passedEnd = true;
    upstream.endRequest(this.ending);
  }

  private giveUp(): void {
    if (this.over) return;
    if (this.upstream !== null) this.upstream.abort();
    else if (this.pool !== null) this.pool.cancel(this);
    else this.route.balancer.giveUp(this);
    this.finish(false, -1);
  }

  private finish(complete: boolean, grpcStatus: number): void {
    if (this.over) return;
    this.end();
    this.waiting = [];
    this.timer?.cancel();
    const latency = this.clock.now() - this.startedAt;
    this.cells?.responseEnded(this.status, latency, complete, grpcStatus);
    this.route.requests.tried(this.status, grpcStatus, latency, complete ? null : "RESET");
    this.endpoint?.ended(!complete);
  }

  onUpstream(upstream: Upstream): void {
    this.upstream = upstream;
    this.pass();
  }

  onUnsent(): void {
    this.finish(false, -1);
  }

  onInformational(): void {}

  onResponse(head: ResponseHead): void {
    this.status = head.status;
    this.endpoint?.responded(this.clock.now() - this.startedAt, head.status);
  }

  onResponseBody(): void {}

  onResponseEnd(trailers: FlatHeaders): void {
    this.finish(true, grpcStatusOf(trailers));
  }

  onSwitched(_head: ResponseHead, socket: Socket, cells: TransportCells): void {
    socket.terminate();
    cells.closed(null);
    this.finish(false, -1);
  }

  onBroken(_error: MeshError): void {
    this.finish(false, -1);
  }

  onUpstreamBlocked(): void {
    this.pass();
  }
}
