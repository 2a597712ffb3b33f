import { MeshError } from "#lib/errors.ts";
import { activity } from "#lib/net/bun-socket.ts";
import type { Socket } from "#lib/net/socket.ts";
import type { BodyKind, FlatHeaders, RequestHead, ResponseHead } from "#wire/http1/head.ts";
import { http2Code } from "#wire/http2/errors.ts";
import { responseBlock, trailerBlock, type HeaderBlock } from "#wire/http2/header-block.ts";
import type { Http2Stream, StreamHandler } from "#wire/http2/stream.ts";
import type { Downstream, Upstream, UpstreamPool } from "../exchange.ts";
import { idempotent } from "../idempotent.ts";
import type { ErrorAnswer } from "../ports.ts";
import type { ExchangeEnd, RequestControl, RequestHandler } from "../request-handler.ts";
import type { HeadMemory } from "./head-memory.ts";
import { BlockResponse, forbiddenIn, grpcStatusOf, origProto } from "./heads.ts";

/** What the streams of one connection share. */
export interface StreamContext {
  readonly extra: FlatHeaders;
  readonly extraFields: string;
  readonly heads: HeadMemory;
}

/** How often a request is sent again that the server has certainly not seen. */
const maxRetries = 3;
const empty = Buffer.alloc(0);
const noTrailers: FlatHeaders = [];
/** Shorter pieces that have to wait are copied, bytes: they would keep the whole chunk that they came in. */
const copyBelow = 4096;

interface Piece {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

function waiting(bytes: Buffer, start: number, end: number): Piece {
  if (end - start >= copyBelow) return { bytes, start, end };
  return { bytes: Buffer.from(new Uint8Array(bytes.subarray(start, end))), start: 0, end: end - start };
}

/**
 * A request that came by HTTP/2, with its response. Whatever can't be handed on is not consumed, so that the stream's
 * window bounds what is kept here: 64 KiB.
 */
export class ServerStream implements Downstream, RequestControl, StreamHandler {
  authority: string | null = null;
  request: RequestHead;
  private readonly stream: Http2Stream;
  private readonly block: HeaderBlock;
  private readonly context: StreamContext;
  private readonly handler: RequestHandler;
  private upstream: Upstream | null = null;
  /** The pool that serves it, and whether its connection is still awaited. */
  private pool: UpstreamPool | null = null;
  private awaiting = false;
  /** Body that came before the connection; null when there is none. */
  private early: Piece[] | null = null;
  /** The request's end came: its trailers. */
  private requestEnd: FlatHeaders | null;
  /** Bytes whose window is not given back, because the way to the server is full. */
  private held = 0;
  private status = 0;
  private grpcStatus = -1;
  /** A head without a body goes out together with the end. */
  private pendingHead: HeaderBlock | null = null;
  private retries = 0;
  private over = false;

  constructor(stream: Http2Stream, block: HeaderBlock, fin: boolean, context: StreamContext, handler: RequestHandler) {
    this.stream = stream;
    this.block = block;
    this.context = context;
    this.handler = handler;
    this.request = context.heads.request(block, fin);
    this.requestEnd = fin ? noTrailers : null;
    activity.observer?.onStreamOpened();
  }

  /** Begins. */
  start(): void {
    this.handler.onRequest(this, this.request);
  }

  get extra(): FlatHeaders {
    return this.context.extra;
  }
  get extraFields(): string {
    return this.context.extraFields;
  }
  get blocked(): boolean {
    return this.stream.queued > 0 || this.stream.crowded;
  }

  replace(head: RequestHead): void {
    this.request = head;
  }

  send(pool: UpstreamPool): void {
    if (this.over) return;
    this.pool = pool;
    this.awaiting = true;
    pool.acquire(this);
  }

  answer(answer: ErrorAnswer): void {
    if (this.over) return;
    const { status, headers } = answer;
    this.status = status;
    this.grpcStatus = grpcStatusOf(headers);
    // A gRPC answer is a head of its kind: it has no length.
    const fields = this.grpcStatus >= 0 ? headers : [...headers, "content-length", "0"];
    this.stream.sendHeaders(responseBlock(status, fields), true);
    this.responseDone();
    this.finish("complete");
  }

  reset(): void {
    if (this.over) return;
    this.stream.reset(http2Code.internalError);
    this.finish("broken");
  }

  // --- the request, from the client

  onHeaders(): void {}

  onData(stream: Http2Stream, bytes: Buffer, start: number, end: number, fin: boolean): void {
    if (fin) this.requestEnd = noTrailers;
    const { upstream } = this;
    if (upstream === null) {
      // After the response's end nobody wants it.
      if (this.over) stream.consume(end - start);
      else if (end > start) (this.early ??= []).push(waiting(bytes, start, end));
      return;
    }
    this.pass(upstream, bytes, start, end);
    if (fin) upstream.endRequest(noTrailers);
  }

  private pass(upstream: Upstream, bytes: Buffer, start: number, end: number): void {
    if (start === end) return;
    upstream.sendBody(bytes, start, end);
    this.handler.onRequestBody(end - start);
    if (upstream.blocked) this.held += end - start;
    else this.stream.consume(end - start);
  }

  onTrailers(stream: Http2Stream, block: HeaderBlock): void {
    if (forbiddenIn(block.fields)) {
      stream.reject(http2Code.protocolError);
      this.onReset();
      return;
    }
    this.requestEnd = block.fields;
    this.upstream?.endRequest(block.fields);
  }

  onSent(): void {
    if (this.stream.queued > 0) return;
    if (!this.stream.crowded) this.upstream?.resumeResponse();
    if (this.over) this.responseDone();
  }

  onCrowded(): void {
    if (!this.blocked) this.upstream?.resumeResponse();
    else this.upstream?.pauseResponse();
  }

  /** The client gave up, or its connection is lost. */
  onReset(): void {
    if (this.over) return;
    const { upstream, pool, awaiting } = this;
    this.upstream = null;
    this.awaiting = false;
    if (upstream !== null) upstream.abort();
    else if (awaiting) pool?.cancel(this);
    else this.handler.onAbandoned();
    this.finish("client-gone");
  }

  // --- the response, from the server

  onUpstream(upstream: Upstream): void {
    this.awaiting = false;
    this.upstream = upstream;
    const { early } = this;
    this.early = null;
    if (this.stream.crowded) upstream.pauseResponse();
    for (const { bytes, start, end } of early ?? []) this.pass(upstream, bytes, start, end);
    if (this.requestEnd !== null) upstream.endRequest(this.requestEnd);
  }

  onUnsent(error: MeshError): void {
    this.awaiting = false;
    this.handler.onUnsent(this, error);
  }

  onUpstreamBlocked(): void {
    if (this.held === 0 || (this.upstream?.blocked ?? false)) return;
    const { held } = this;
    this.held = 0;
    this.stream.consume(held);
  }

  onInformational(head: ResponseHead): void {
    if (head.status !== 101) this.stream.sendHeaders(this.context.heads.responseToSend(head), false);
  }

  onResponse(head: ResponseHead, body: BodyKind): void {
    this.status = head.status;
    // What goes to a server of HTTP/1 came from a client of one, if its proxy says so.
    const restored = !(head instanceof BlockResponse) && this.block.get(origProto) !== null;
    const block = this.context.heads.responseToSend(head, restored);
    if (body === "none") this.pendingHead = block;
    else this.stream.sendHeaders(block, false);
    this.handler.onResponse(head);
  }

  onResponseBody(chunk: Buffer, start: number, end: number): void {
    if (start >= end) return;
    this.handler.onResponseBody(end - start);
    if (this.stream.sendData(chunk, start, end, false) > 0) this.upstream?.pauseResponse();
  }

  onResponseEnd(trailers: FlatHeaders): void {
    const { pendingHead, stream } = this;
    const block = this.upstream?.trailerBlock ?? null;
    this.upstream = null;
    this.pendingHead = null;
    this.grpcStatus = grpcStatusOf(trailers.length > 0 || pendingHead === null ? trailers : pendingHead.fields);
    if (pendingHead !== null) stream.sendHeaders(pendingHead, trailers.length === 0);
    if (trailers.length > 0) stream.sendTrailers(block ?? trailerBlock(trailers));
    else if (pendingHead === null) stream.sendData(empty, 0, 0, true);
    this.responseDone();
    this.finish("complete");
  }

  /** The response is out; a client that is still sending is told that nobody reads it (RFC 9113 §8.1). */
  private responseDone(): void {
    if (this.stream.queued === 0 && !this.stream.remoteEnded) this.stream.reset(http2Code.noError);
  }

  onBroken(error: MeshError, unanswered: boolean, reused: boolean): void {
    this.upstream = null;
    const { request, pool } = this;
    // What the server said of this request; what ends a whole connection is of no interest to the client.
    const said = error.code === "connection-reset" ? error.details["http2Code"] : undefined;
    const again = said === http2Code.refusedStream || (reused && idempotent.has(request.method));
    const whole = request.body === "none" && this.status === 0 && unanswered;
    if (again && whole && this.retries < maxRetries && pool !== null) {
      this.retries++;
      this.send(pool);
      return;
    }
    if (this.status !== 0 || typeof said === "number") {
      // The client sees it as it is, or that the response is not whole.
      this.stream.reset(typeof said === "number" ? said : http2Code.internalError);
      this.finish("broken");
      return;
    }
    this.handler.onNoAnswer(this, error);
  }

  onSwitched(_head: ResponseHead, server: Socket): void {
    // Nothing that comes by HTTP/2 can ask for it.
    server.terminate();
    throw new MeshError("internal", "A server switched protocols for an HTTP/2 client");
  }

  private finish(end: ExchangeEnd): void {
    if (this.over) return;
    this.over = true;
    this.early = null;
    this.pool = null;
    activity.observer?.onStreamEnded();
    this.handler.onExchangeEnd(this.status, end, this.grpcStatus);
  }
}
