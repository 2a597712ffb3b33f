/**
 * One request of a route with timeouts, retries, mirrors or changes to responses: stands between the client's connection and those
 * to servers, each of which it shows to the other as what it expects. Other requests have none, and cost nothing.
 *
 * Longer than other files: the two sides of an exchange and its timers share all of its state.
 */
import { Backoff } from "#lib/backoff.ts";
import type { Clock, Timer } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Socket } from "#lib/net/socket.ts";
import type { Random } from "#lib/random.ts";
import { isGrpc, type BodyKind, type FlatHeaders, type RequestHead, type ResponseHead } from "#wire/http1/head.ts";
import { http2Code } from "#wire/http2/errors.ts";
import type { HeaderBlock } from "#wire/http2/header-block.ts";
import { changeResponse } from "../http/edit-head.ts";
import type { Downstream, Upstream, UpstreamPool } from "../http/exchange.ts";
import { BlockRequest, grpcStatusOf } from "../http/h2/heads.ts";
import { idempotent } from "../http/idempotent.ts";
import type { TransportCells } from "../http/ports.ts";
import type { RequestControl } from "../http/request-handler.ts";
import type { RetryBudget } from "../route/retry-budget.ts";
import { asksForRetry, retriesBroken, wantedPause } from "../route/rule.ts";
import type { MirroredRequest } from "./mirrored-request.ts";
import type { RouteError, RouteExtras } from "./ports.ts";
import type { ReplayMemory } from "./replay-memory.ts";

/** Whoever picks endpoints and counts. */
export interface GuardOwner {
  /** Makes the copies of a request that other backends get; once. */
  mirror(client: Downstream): readonly MirroredRequest[];
  /** Pick an endpoint for one more try, and `send`. */
  onTryAgain(): void;
  /** A try is over whose answer the client does not get; `status` 0: there was none. `wanted`: the pause that it asked for, ms. */
  onTryEnded(status: number, grpcStatus: number, wanted: number): void;
  /** No connection could be made for a try. */
  onTryUnsent(error: MeshError): void;
  /** A time is over before a response: answer, by `giveUp`. */
  onExpired(error: RouteError): void;
  /** A time is over in the middle of a response, which ends here. */
  onCut(error: RouteError): void;
  /** The client is gone while no connection is used or awaited. */
  onAbandoned(): void;
}

export interface GuardContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly budget: RetryBudget;
  readonly replay: ReplayMemory;
  /** After what timers do: lets out-buffers go out. */
  readonly flush: () => void;
}

/** Bytes of an answer that nobody gets that are read so that its connection can be used again, and how long that may take, ms. */
const maxDiscarded = 65_536;
const maxDiscardTime = 1000;

/** How often a request is sent again because the server had closed a kept connection. */
const maxResends = 3;

const deadlineExceeded = 4;

interface Piece {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

export class GuardedRequest implements UpstreamPool, Upstream {
  private readonly owner: GuardOwner;
  private readonly extras: RouteExtras;
  private readonly context: GuardContext;
  private readonly grpc: boolean;
  /** Of the clock; Infinity: none. */
  private readonly deadline: number;
  private readonly backoff: Backoff | null;
  private downstream: Downstream | null = null;
  /** The driver has this as its upstream. */
  private handed = false;
  private pool: UpstreamPool | null = null;
  private attempt: Attempt | null = null;
  private pieces: Piece[] = [];
  private kept = 0;
  /** Bytes of `pieces` that have room of the memory for replays. */
  private charged = 0;
  /** The body is too long to be sent again, or all requests together keep too much. */
  private overflow = false;
  /** The request's end came: its trailers. */
  private ending: FlatHeaders | null = null;
  private tries = 0;
  private resends = 0;
  private committed = false;
  /** The response can end by a gRPC status of ours: HTTP/1 would take what comes next for the rest of its body. */
  private endsByStatus = false;
  private over = false;
  private mirrors: readonly MirroredRequest[] = [];
  private lifetime: Timer | null = null;
  private pause: Timer | null = null;
  private idle: Timer | null = null;
  private idleSince = 0;

  constructor(owner: GuardOwner, extras: RouteExtras, grpc: boolean, deadline: number, context: GuardContext) {
    this.owner = owner;
    this.extras = extras;
    this.context = context;
    this.grpc = grpc;
    this.deadline = deadline;
    this.backoff = extras.retry === null ? null : new Backoff(extras.retry.backoff, context.random);
    const { clock } = context;
    if (deadline < Number.POSITIVE_INFINITY)
      this.lifetime = this.after(deadline - clock.now(), () => this.expire("REQUEST_TIMEOUT"));
    if (extras.timeouts.idle > 0) this.watchIdle(extras.timeouts.idle);
  }

  /** Sends a try by a connection of `pool`. */
  send(pool: UpstreamPool, control: RequestControl): void {
    this.pool = pool;
    if (this.downstream === null) control.send(this);
    else this.begin();
  }

  /**
   * Makes the client's connection let go, so that it can be answered: it calls its handler's `onNoAnswer` or `onUnsent`.
   * @returns false when it had nothing to let go of; then it calls nothing.
   */
  giveUp(error: MeshError): boolean {
    const { downstream } = this;
    this.stop();
    this.dropAttempt();
    if (downstream === null) return false;
    if (this.handed) downstream.onBroken(error, false, false);
    else downstream.onUnsent(error);
    return true;
  }

  /** No endpoint was ready for a try. @returns whether there is another one, after a pause. */
  tryElsewhere(): boolean {
    if (!this.takeTry(0)) return false;
    this.tryAfter(0);
    return true;
  }

  /** The exchange is over, however. */
  close(): void {
    this.stop();
  }

  // --- as the client's pool

  acquire(downstream: Downstream): void {
    this.downstream = downstream;
    if (this.extras.mirrors.length > 0) {
      this.mirrors = this.owner.mirror(downstream);
      for (const mirror of this.mirrors) mirror.start();
    }
    this.begin();
  }

  cancel(): void {
    this.abort();
  }

  private begin(): void {
    const { downstream, pool } = this;
    if (downstream === null || pool === null) return;
    this.attempt = new Attempt(this, downstream, this.extras, this.context, () => this.mayTryAgain());
    pool.acquire(this.attempt);
  }

  // --- as the client's upstream

  get blocked(): boolean {
    return this.attempt?.upstream?.blocked ?? true;
  }

  get trailerBlock(): HeaderBlock | null {
    return this.attempt?.upstream?.trailerBlock ?? null;
  }

  sendBody(chunk: Buffer, start: number, end: number): void {
    if (start === end) return;
    this.touch();
    const upstream = this.attempt?.upstream ?? null;
    this.keep(chunk, start, end, upstream === null);
    upstream?.sendBody(chunk, start, end);
    for (const mirror of this.mirrors) mirror.sendBody(chunk, start, end);
  }

  /** `must`: it was sent nowhere yet. */
  private keep(bytes: Buffer, start: number, end: number, must: boolean): void {
    if (this.over || (this.committed && !must)) return;
    const limit = this.extras.retry?.maxBody ?? 0;
    this.kept += end - start;
    if (limit === 0 && !must) return;
    if (!this.overflow && !this.charge(end - start, limit)) this.overflow = true;
    // The reader may use its buffer again.
    if (!this.overflow || must)
      this.pieces.push({ bytes: Buffer.from(bytes.subarray(start, end)), start: 0, end: end - start });
    else this.dropPieces();
  }

  private charge(bytes: number, limit: number): boolean {
    if (this.kept > limit || !this.context.replay.take(bytes)) return false;
    this.charged += bytes;
    return true;
  }

  private dropPieces(): void {
    this.pieces = [];
    this.context.replay.give(this.charged);
    this.charged = 0;
  }

  endRequest(trailers: FlatHeaders): void {
    this.ending = trailers;
    this.attempt?.endRequest(trailers);
    for (const mirror of this.mirrors) mirror.endRequest(trailers);
  }

  resumeResponse(): void {
    this.attempt?.upstream?.resumeResponse();
  }

  pauseResponse(): void {
    this.attempt?.upstream?.pauseResponse();
  }

  /** The client is gone. */
  abort(): void {
    this.stop();
    if (!this.dropAttempt()) this.owner.onAbandoned();
  }

  // --- from the try under way

  onUpstream(attempt: Attempt): void {
    const { downstream } = this;
    if (downstream === null) return;
    if (!this.handed) {
      this.handed = true;
      // It sends what it has, body and end.
      downstream.onUpstream(this);
      return;
    }
    const { pieces } = this;
    for (const { bytes, start, end } of pieces) attempt.upstream?.sendBody(bytes, start, end);
    if (this.overflow) this.dropPieces();
    if (downstream.blocked) attempt.upstream?.pauseResponse();
    if (this.ending !== null) attempt.endRequest(this.ending);
    downstream.onUpstreamBlocked();
  }

  onUnsent(error: MeshError): void {
    this.attempt = null;
    this.owner.onTryUnsent(error);
  }

  /** Whether the try is given up for another one instead of passing this response on. */
  onAnswer(attempt: Attempt, status: number, grpcStatus: number, fields: FlatHeaders): boolean {
    const { retry, retries } = this.extras;
    if (retry === null || this.committed) return false;
    if (!asksForRetry(retry, status, grpcStatus)) {
      if (this.tries > 0) retries?.succeeded();
      return false;
    }
    const wanted = wantedPause(fields, this.context.clock.wall());
    if (wanted === null || !this.takeTry(wanted)) return false;
    attempt.discard(this.ending !== null);
    this.tryEnded(status, grpcStatus, wanted);
    return true;
  }

  onHeadTimeout(attempt: Attempt): void {
    if (!this.takeTry(0)) return;
    attempt.drop();
    this.tryEnded(0, -1, 0);
    this.context.flush();
  }

  /** `again`: another try may do better. */
  onResponseTimeout(attempt: Attempt, again: boolean): void {
    if (again && !this.committed && this.takeTry(0)) {
      attempt.drop();
      this.tryEnded(0, -1, 0);
      this.context.flush();
    } else this.expire("RESPONSE_STREAM_TIMEOUT");
  }

  private mayTryAgain(): boolean {
    const { retry } = this.extras;
    return retry !== null && !this.committed && !this.over && !this.overflow && this.tries < retry.limit;
  }

  /** Takes one more try, if it may be. */
  private takeTry(wanted: number): boolean {
    const { retry, retries } = this.extras;
    if (retry === null || this.committed || this.over || this.overflow) return false;
    if (this.tries >= retry.limit) {
      if (retry.limit > 0) retries?.limitExceeded();
      return false;
    }
    if (this.context.clock.now() + wanted >= this.deadline) return false;
    if (!this.context.budget.withdraw()) {
      retries?.overBudget();
      this.extras.profile?.retryable(false);
      return false;
    }
    this.tries++;
    retries?.requested();
    this.extras.profile?.retryable(true);
    return true;
  }

  private tryEnded(status: number, grpcStatus: number, wanted: number): void {
    this.attempt = null;
    this.owner.onTryEnded(status, grpcStatus, wanted);
    this.tryAfter(wanted);
  }

  private tryAfter(wanted: number): void {
    const pause = Math.max(this.backoff?.next() ?? 0, wanted);
    this.pause = this.after(pause, () => {
      this.pause = null;
      this.owner.onTryAgain();
    });
  }

  onHead(head: ResponseHead, body: BodyKind): void {
    this.committed = true;
    this.endsByStatus = this.grpc && body === "chunked" && this.downstream?.request instanceof BlockRequest;
    this.dropPieces();
    this.touch();
    const { response } = this.extras;
    this.downstream?.onResponse(response.length === 0 ? head : changeResponse(head, response), body);
  }

  onBody(chunk: Buffer, start: number, end: number): void {
    this.touch();
    this.downstream?.onResponseBody(chunk, start, end);
  }

  onEnd(trailers: FlatHeaders): void {
    this.stop();
    this.downstream?.onResponseEnd(trailers);
    this.attempt = null;
  }

  onSwitched(head: ResponseHead, socket: Socket, cells: TransportCells, initial: Buffer): void {
    this.committed = true;
    this.stop();
    this.attempt = null;
    this.downstream?.onSwitched(head, socket, cells, initial);
  }

  onBroken(attempt: Attempt, error: MeshError, unanswered: boolean, reused: boolean): void {
    const { downstream } = this;
    this.attempt = null;
    if (downstream === null) return;
    if (!this.committed && this.resend(attempt.request, error, unanswered, reused)) return;
    const { retry } = this.extras;
    if (!this.committed && retry !== null && retriesBroken(retry) && this.takeTry(0)) {
      this.tryEnded(0, -1, 0);
      return;
    }
    this.stop();
    downstream.onBroken(error, false, false);
  }

  /** The server has not seen it: it goes by another connection, which is no retry. */
  private resend(request: RequestHead, error: MeshError, unanswered: boolean, reused: boolean): boolean {
    const refused = error.code === "connection-reset" && error.details["http2Code"] === http2Code.refusedStream;
    const unseen = refused || (reused && idempotent.has(request.method));
    const whole = this.ending !== null && !this.overflow && (this.kept === 0 || this.extras.retry !== null);
    if (!unseen || !unanswered || !whole || this.resends >= maxResends) return false;
    this.resends++;
    this.begin();
    return true;
  }

  onBlocked(): void {
    this.downstream?.onUpstreamBlocked();
  }

  // --- times

  private expire(error: RouteError): void {
    if (this.over) return;
    const { downstream, attempt } = this;
    if (!this.committed || downstream === null) {
      this.owner.onExpired(error);
    } else {
      this.stop();
      attempt?.drop();
      this.attempt = null;
      this.owner.onCut(error);
      if (this.endsByStatus)
        downstream.onResponseEnd(["grpc-status", String(deadlineExceeded), "grpc-message", "timed out"]);
      else downstream.onBroken(new MeshError("timeout", "The response took too long"), false, false);
    }
    this.context.flush();
  }

  private after(delay: number, run: () => void): Timer {
    return this.context.clock.after(delay, run);
  }

  private touch(): void {
    if (this.idle !== null) this.idleSince = this.context.clock.now();
  }

  private watchIdle(limit: number): void {
    this.idleSince = this.context.clock.now();
    const check = (): void => {
      const left = this.idleSince + limit - this.context.clock.now();
      if (left > 0) this.idle = this.after(left, check);
      else this.expire("IDLE_TIMEOUT");
    };
    this.idle = this.after(limit, check);
  }

  private stop(): void {
    this.over = true;
    this.lifetime?.cancel();
    this.pause?.cancel();
    this.idle?.cancel();
    this.idle = null;
    for (const mirror of this.mirrors) mirror.cut();
    this.dropPieces();
    this.attempt?.stopTimers();
  }

  /** False: there is none. */
  private dropAttempt(): boolean {
    const { attempt, pool } = this;
    this.attempt = null;
    if (attempt === null) return false;
    attempt.drop();
    if (attempt.upstream === null) pool?.cancel(attempt);
    return true;
  }
}

/** One try. After `drop` or `discard` it tells nobody anything. */
class Attempt implements Downstream {
  readonly request: RequestHead;
  readonly extra: FlatHeaders;
  readonly extraFields: string;
  readonly authority: string | null;
  upstream: Upstream | null = null;
  private readonly guard: GuardedRequest;
  private readonly client: Downstream;
  private readonly extras: RouteExtras;
  private readonly context: GuardContext;
  private readonly hasNext: () => boolean;
  private live = true;
  private discarded = 0;
  /** A gRPC response's head waits for what follows: when that is its end, its status decides about another try. */
  private waiting: { readonly head: ResponseHead; readonly body: BodyKind } | null = null;
  private headTimer: Timer | null = null;
  private wholeTimer: Timer | null = null;
  private responseTimer: Timer | null = null;
  private discardTimer: Timer | null = null;

  constructor(
    guard: GuardedRequest,
    client: Downstream,
    extras: RouteExtras,
    context: GuardContext,
    hasNext: () => boolean,
  ) {
    this.guard = guard;
    this.client = client;
    this.extras = extras;
    this.context = context;
    this.hasNext = hasNext;
    this.request = client.request;
    this.extra = client.extra;
    this.extraFields = client.extraFields;
    this.authority = client.authority;
  }

  get blocked(): boolean {
    return this.live && this.client.blocked;
  }

  endRequest(trailers: FlatHeaders): void {
    const { response } = this.extras.timeouts;
    if (response > 0 && this.responseTimer === null && this.upstream !== null)
      this.responseTimer = this.context.clock.after(response, () => this.guard.onResponseTimeout(this, false));
    this.upstream?.endRequest(trailers);
  }

  /** Gives it up; its connection is not read any further. */
  drop(): void {
    this.live = false;
    this.stopTimers();
    this.upstream?.abort();
  }

  /** Gives its answer up; `whole`: the request is out, so the connection can be used again after the answer's end. */
  discard(whole: boolean): void {
    if (!whole) {
      this.drop();
      return;
    }
    this.live = false;
    this.stopTimers();
    this.discardTimer = this.context.clock.after(maxDiscardTime, () => this.upstream?.abort());
  }

  stopTimers(): void {
    this.headTimer?.cancel();
    this.wholeTimer?.cancel();
    this.responseTimer?.cancel();
  }

  onUpstream(upstream: Upstream): void {
    this.upstream = upstream;
    const { clock } = this.context;
    const headTimeout = this.extras.retry?.headTimeout ?? 0;
    if (headTimeout > 0 && this.hasNext())
      this.headTimer = clock.after(headTimeout, () => this.guard.onHeadTimeout(this));
    const { attempt } = this.extras.timeouts;
    if (attempt > 0) this.wholeTimer = clock.after(attempt, () => this.guard.onResponseTimeout(this, true));
    this.guard.onUpstream(this);
  }

  onUnsent(error: MeshError): void {
    if (this.live) this.guard.onUnsent(error);
  }

  onInformational(head: ResponseHead): void {
    if (this.live) this.client.onInformational(head);
  }

  onResponse(head: ResponseHead, body: BodyKind): void {
    if (!this.live) return;
    this.headTimer?.cancel();
    const grpc = this.extras.retry?.grpc ?? null;
    const grpcStatus = grpc === null ? -1 : grpcStatusOf(head.headers);
    if (grpc !== null && grpcStatus < 0 && body !== "none" && isGrpc(head) && this.hasNext()) {
      this.waiting = { head, body };
      return;
    }
    if (!this.guard.onAnswer(this, head.status, grpcStatus, head.headers)) this.guard.onHead(head, body);
  }

  private passHead(): void {
    const { waiting } = this;
    this.waiting = null;
    if (waiting !== null) this.guard.onHead(waiting.head, waiting.body);
  }

  onResponseBody(chunk: Buffer, start: number, end: number): void {
    if (this.live) {
      if (start === end) return;
      this.passHead();
      this.guard.onBody(chunk, start, end);
      return;
    }
    this.discarded += end - start;
    if (this.discarded <= maxDiscarded) return;
    this.discardTimer?.cancel();
    this.upstream?.abort();
  }

  onResponseEnd(trailers: FlatHeaders): void {
    this.discardTimer?.cancel();
    if (!this.live) return;
    const { waiting } = this;
    if (waiting !== null && this.guard.onAnswer(this, waiting.head.status, grpcStatusOf(trailers), trailers)) {
      this.discardTimer?.cancel();
      return;
    }
    this.passHead();
    this.guard.onEnd(trailers);
  }

  onSwitched(head: ResponseHead, socket: Socket, cells: TransportCells, initial: Buffer): void {
    this.guard.onSwitched(head, socket, cells, initial);
  }

  onBroken(error: MeshError, unanswered: boolean, reused: boolean): void {
    this.stopTimers();
    this.discardTimer?.cancel();
    if (this.live) this.guard.onBroken(this, error, unanswered, reused);
  }

  onUpstreamBlocked(): void {
    if (this.live) this.guard.onBlocked();
  }
}
