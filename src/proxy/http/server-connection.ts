/**
 * The client side of HTTP/1. Longer than other files: one connection is one state machine, and its parts share all of its state.
 */
import type { Timer } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Socket, SocketHandler } from "#lib/net/socket.ts";
import { BodyDecoder } from "#wire/http1/body-decoder.ts";
import type { BodyKind, FlatHeaders, RequestHead, ResponseHead } from "#wire/http1/head.ts";
import { HeadDecoder } from "#wire/http1/head-decoder.ts";
import { refusalStatus } from "#wire/http1/refusal.ts";
import { chunkStart, fieldLines, lastChunk, reasonPhrase } from "#wire/http1/serialise.ts";
import type { Downstream, HttpContext, Upstream, UpstreamPool } from "./exchange.ts";
import { idempotent } from "./idempotent.ts";
import { OutBuffer, type OutBufferOwner } from "./out-buffer.ts";
import type { ErrorAnswer, TransportCells } from "./ports.ts";
import type { ExchangeEnd, RequestControl, RequestHandler } from "./request-handler.ts";
import { forwardedResponse } from "./rewrite.ts";
import { Tunnel } from "./tunnel.ts";

const crlf = Buffer.from("\r\n");
const chunkedEnd = "transfer-encoding: chunked\r\n\r\n";
/** Bytes of further requests that are kept while one is answered; then the client is not read from. */
const maxPipelined = 65_536;

/** How long a request's head may take from its first byte to its last, ms: who sends it drop by drop must not hold a connection. */
export const headTimeout = 30_000;

/** How often a request is sent again because the server had closed a kept connection. */
const maxRetries = 3;

type Phase =
  /** Between requests, or in the middle of a head. */
  | "head"
  /** The request's body is coming. */
  | "body"
  /** The request is complete, its response is not. */
  | "response"
  /** Nothing is read any more; what is left to write goes out. */
  | "closing"
  | "tunnel"
  | "closed";

/**
 * A client's connection: reads requests one after another and writes their responses in order. It holds the state of
 * the exchange under way itself, so that nothing is made per request.
 */
export class ServerConnection implements Downstream, RequestControl, SocketHandler, OutBufferOwner {
  readonly extra: FlatHeaders;
  readonly extraFields: string;
  authority: string | null = null;
  private readonly socket: Socket;
  private readonly context: HttpContext;
  private readonly handler: RequestHandler;
  private readonly cells: TransportCells;
  private readonly out: OutBuffer;
  private readonly heads: HeadDecoder<RequestHead>;
  private readonly body: BodyDecoder;
  private phase: Phase = "head";
  private head: RequestHead | null = null;
  /** The pool that serves the request under way, and whether its connection is still awaited. */
  private pool: UpstreamPool | null = null;
  private awaiting = false;
  private upstream: Upstream | null = null;
  /** Bytes that came and can't be used yet: a body without an upstream, or further requests. */
  private stash: Buffer | null = null;
  private processing = false;
  private reading = true;
  /** The client has finished sending. */
  private ended = false;
  private keepAlive = true;
  private status = 0;
  private chunkedResponse = false;
  private retries = 0;
  /** Runs while a head has begun and is not complete. */
  private headTimer: Timer | null = null;

  /** @param extra header fields for every request that passes: lower-case names and values */
  constructor(
    socket: Socket,
    context: HttpContext,
    handler: RequestHandler,
    cells: TransportCells,
    extra: FlatHeaders,
  ) {
    this.socket = socket;
    this.context = context;
    this.handler = handler;
    this.cells = cells;
    this.extra = extra;
    this.extraFields = fieldLines(extra);
    this.out = new OutBuffer(socket, this, context.flusher, context.buffers, cells);
    this.heads = new HeadDecoder((text) => context.requests.get(text), context.limits);
    this.body = new BodyDecoder(context.limits);
    socket.handler = this;
  }

  /** Begins; `initial` was read already, `ended`: the client's end was seen. The socket is not paused. */
  start(initial: Buffer, ended: boolean): void {
    if (initial.length > 0) this.receive(initial);
    if (ended) this.clientEnded();
    this.updateReading();
    this.context.flusher.run();
  }

  get request(): RequestHead {
    if (this.head === null) throw new MeshError("internal", "There is no request under way");
    return this.head;
  }

  get blocked(): boolean {
    return this.out.blocked;
  }

  /** No request is under way or half read. */
  get idle(): boolean {
    return this.phase === "head" && !this.heads.partial && this.stash === null;
  }

  /** Ends the connection after the request under way, or now when there is none. */
  finish(): void {
    this.keepAlive = false;
    if (this.idle) this.closeAfterFlush();
    this.context.flusher.run();
  }

  /** Ends the connection by a reset, whatever it does. */
  terminate(): void {
    if (this.phase !== "closed" && this.phase !== "tunnel") this.socket.terminate();
  }

  replace(head: RequestHead): void {
    this.head = head;
  }

  /** Sends the request under way by a connection of `pool`. */
  send(pool: UpstreamPool): void {
    if (this.phase === "closed") return;
    this.pool = pool;
    this.awaiting = true;
    pool.acquire(this);
  }

  /** Answers the request under way. */
  answer(answer: ErrorAnswer): void {
    if (this.head === null || this.phase === "closed") return;
    const close = answer.close || !this.keepAlive || this.phase === "body";
    this.status = answer.status;
    let text = `HTTP/1.1 ${answer.status} ${reasonPhrase(answer.status)}\r\n${fieldLines(answer.headers)}content-length: 0\r\n`;
    if (close) text += "connection: close\r\n";
    else if (this.head.minor === 0) text += "connection: keep-alive\r\n";
    this.out.text(`${text}\r\n`);
    if (close) this.keepAlive = false;
    this.exchangeEnded("complete");
  }

  reset(): void {
    if (this.head === null || this.phase === "closed") return;
    this.keepAlive = false;
    this.endExchange("broken");
    this.socket.terminate();
  }

  // --- requests

  onData(_socket: Socket, chunk: Buffer): void {
    this.cells.readBytes += chunk.length;
    this.receive(chunk);
    this.updateReading();
    this.context.flusher.run();
  }

  private receive(chunk: Buffer): void {
    if (this.phase === "closing") return;
    const stash = this.stash;
    this.stash = null;
    this.process(stash === null ? chunk : Buffer.concat([stash, chunk]));
  }

  private processStash(): void {
    // An answer given from inside `process` must not start the next request there: its loop does.
    if (this.processing) return;
    const stash = this.stash;
    if (stash === null) return;
    this.stash = null;
    this.process(stash);
  }

  private process(chunk: Buffer): void {
    this.processing = true;
    let at = 0;
    try {
      while (at < chunk.length) {
        if (this.phase === "head") {
          if (this.out.blocked) break;
          const head = this.heads.decode(chunk, at);
          if (head === null) {
            at = chunk.length;
            break;
          }
          at = this.heads.next;
          this.begin(head);
        } else if (this.phase === "body" && this.upstream !== null) {
          at = this.body.read(chunk, at);
          const { spanStart, spanEnd } = this.body;
          this.upstream.sendBody(chunk, spanStart, spanEnd);
          if (spanEnd > spanStart) this.handler.onRequestBody(spanEnd - spanStart);
          if (this.body.done) this.requestComplete();
        } else {
          break;
        }
      }
    } catch (thrown) {
      if (!(thrown instanceof MeshError) || thrown.code !== "protocol") throw thrown;
      at = chunk.length;
      this.refuse(thrown);
    } finally {
      this.processing = false;
    }
    if (at < chunk.length && this.phase !== "closing" && this.phase !== "closed") {
      const rest = chunk.subarray(at);
      this.stash = this.stash === null ? rest : Buffer.concat([rest, this.stash]);
    }
    // Nearly every head comes in one piece: then there is neither a timer nor anything to compare.
    if (this.headTimer !== null || this.heads.partial) this.watchHead();
    this.checkEnd();
  }

  private watchHead(): void {
    if (this.heads.partial && this.phase === "head") {
      this.headTimer ??= this.context.clock.after(headTimeout, () => this.headTimedOut());
      return;
    }
    this.headTimer?.cancel();
    this.headTimer = null;
  }

  private headTimedOut(): void {
    this.headTimer = null;
    const details = { status: 408 };
    this.refuse(new MeshError("timeout", `A request's head is not complete after ${headTimeout} ms`, { details }));
    // A client that doesn't read either is not waited for.
    if (!this.out.empty) this.socket.terminate();
    this.context.flusher.run();
  }

  private begin(head: RequestHead): void {
    this.head = head;
    this.status = 0;
    this.retries = 0;
    this.chunkedResponse = false;
    this.keepAlive = this.keepAlive && head.keepAlive;
    this.body.start(head.body, head.length);
    this.phase = this.body.done ? "response" : "body";
    this.handler.onRequest(this, head);
  }

  private requestComplete(): void {
    this.phase = "response";
    this.upstream?.endRequest(this.body.trailers);
  }

  /** The request breaks HTTP: it is answered if nothing was, and nothing more is read. */
  private refuse(error: MeshError): void {
    if (this.phase === "closed") return;
    this.keepAlive = false;
    if (this.head !== null) {
      const begun = this.status !== 0;
      this.detach();
      if (begun) {
        this.endExchange("broken");
        this.socket.terminate();
        return;
      }
    }
    const status = refusalStatus(error);
    this.status = status;
    this.out.text(`HTTP/1.1 ${status} ${reasonPhrase(status)}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
    if (this.head !== null) this.endExchange("complete");
    this.closeAfterFlush();
  }

  // --- the upstream's side

  onUpstream(upstream: Upstream): void {
    this.awaiting = false;
    this.upstream = upstream;
    if (this.phase === "response") {
      upstream.endRequest([]);
      return;
    }
    if (!this.processing) {
      this.processStash();
      this.updateReading();
    }
  }

  onUnsent(error: MeshError): void {
    this.awaiting = false;
    this.handler.onUnsent(this, error);
    this.updateReading();
  }

  onUpstreamBlocked(): void {
    this.updateReading();
  }

  onInformational(head: ResponseHead): void {
    if (this.head?.minor === 1) this.out.text(`${forwardedResponse(head, this.context.stripResponse)}\r\n`);
  }

  onResponse(head: ResponseHead, body: BodyKind): void {
    const request = this.request;
    this.status = head.status;
    // The client may be waiting to send, or stop sending: what it still sends can't be told from a next request.
    if (this.phase === "body") this.keepAlive = false;
    this.chunkedResponse = (body === "chunked" || body === "close") && request.minor === 1;
    if ((body === "chunked" || body === "close") && request.minor === 0) this.keepAlive = false;
    let extra = "";
    if (!this.keepAlive) extra = "connection: close\r\n";
    else if (request.minor === 0) extra = "connection: keep-alive\r\n";
    if (head.shared) {
      head.forwarded ??= Buffer.from(`${forwardedResponse(head, this.context.stripResponse)}\r\n`, "latin1");
      const bytes = head.forwarded;
      if (extra === "" && !this.chunkedResponse) this.out.put(bytes, 0, bytes.length);
      else {
        this.out.put(bytes, 0, bytes.length - 2);
        this.out.text(extra + (this.chunkedResponse ? chunkedEnd : "\r\n"));
      }
    } else {
      const text = forwardedResponse(head, this.context.stripResponse);
      this.out.text(text + extra + (this.chunkedResponse ? chunkedEnd : "\r\n"));
    }
    this.handler.onResponse(head);
  }

  onResponseBody(chunk: Buffer, start: number, end: number): void {
    if (start === end) return;
    this.handler.onResponseBody(end - start);
    if (!this.chunkedResponse) {
      this.out.put(chunk, start, end);
      return;
    }
    this.out.text(chunkStart(end - start));
    this.out.put(chunk, start, end);
    this.out.put(crlf, 0, 2);
  }

  onResponseEnd(trailers: FlatHeaders): void {
    if (this.chunkedResponse) this.out.text(lastChunk(trailers));
    this.upstream = null;
    this.exchangeEnded("complete");
    this.updateReading();
  }

  onBroken(error: MeshError, unanswered: boolean, reused: boolean): void {
    this.upstream = null;
    const head = this.request;
    if (this.status !== 0) {
      // The client must see that the response is not whole.
      this.endExchange("broken");
      this.socket.terminate();
      return;
    }
    const pool = this.pool;
    if (
      unanswered &&
      reused &&
      this.retries < maxRetries &&
      head.body === "none" &&
      idempotent.has(head.method) &&
      pool !== null
    ) {
      this.retries++;
      this.send(pool);
      return;
    }
    this.handler.onNoAnswer(this, error);
    this.updateReading();
  }

  onSwitched(head: ResponseHead, server: Socket, serverCells: TransportCells, initial: Buffer): void {
    const tunnelled = this.stash;
    this.stash = null;
    this.status = head.status;
    this.out.text(`${forwardedResponse(head, this.context.stripResponse)}\r\n`);
    this.out.flush();
    this.handler.onResponse(head);
    this.phase = "tunnel";
    this.upstream = null;
    const open = (): void => {
      const tunnel = new Tunnel(this.socket, this.cells, server, serverCells, (error) => {
        serverCells.closed(error);
        this.endExchange(error === null ? "complete" : "broken");
        this.closed(error);
      });
      tunnel.start(tunnelled, initial, this.ended);
    };
    // The head is small: a socket that can't take it has a client that does not read.
    if (this.out.empty) open();
    else {
      server.terminate();
      serverCells.closed(null);
      this.socket.terminate();
      this.endExchange("client-gone");
      this.closed(null);
    }
  }

  // --- the end of an exchange

  private exchangeEnded(end: ExchangeEnd): void {
    const complete = this.phase === "response";
    this.endExchange(end);
    if (!complete || !this.keepAlive) {
      this.closeAfterFlush();
      return;
    }
    this.phase = "head";
    if (this.processing) return;
    this.processStash();
    this.checkEnd();
  }

  private endExchange(end: ExchangeEnd): void {
    if (this.head === null) return;
    this.head = null;
    this.pool = null;
    this.authority = null;
    this.handler.onExchangeEnd(this.status, end, -1);
  }

  /** Lets go of whatever serves the request. */
  private detach(): void {
    const { upstream, pool, awaiting } = this;
    this.upstream = null;
    this.awaiting = false;
    if (upstream !== null) upstream.abort();
    else if (awaiting) pool?.cancel(this);
    else this.handler.onAbandoned();
  }

  /** The socket's own `close` gives the client time to read what was written, and throws away what it still sends. */
  private closeAfterFlush(): void {
    if (this.phase === "closed" || this.phase === "tunnel") return;
    this.phase = "closing";
    this.stash = null;
    this.out.flush();
    if (this.out.empty) this.socket.close();
  }

  // --- the socket

  private updateReading(): void {
    const wanted = this.wantsBytes();
    if (wanted === this.reading || this.phase === "tunnel" || this.phase === "closed") return;
    this.reading = wanted;
    if (wanted) this.socket.resume();
    else this.socket.pause();
  }

  private wantsBytes(): boolean {
    switch (this.phase) {
      case "body":
        return this.upstream !== null && !this.upstream.blocked;
      case "head":
        return !this.out.blocked;
      // Reading on shows that the client has gone away; what comes is bounded.
      case "response":
        return (this.stash?.length ?? 0) < maxPipelined;
      case "closing":
        return false;
      default:
        return true;
    }
  }

  onBlocked(): void {
    this.upstream?.pauseResponse();
    this.updateReading();
  }

  onUnblocked(): void {
    this.upstream?.resumeResponse();
    if (this.phase === "closing") this.closeAfterFlush();
    else if (this.phase === "head") this.processStash();
    this.updateReading();
  }

  onDrain(): void {
    this.out.drain();
    this.context.flusher.run();
  }

  onEnd(): void {
    this.clientEnded();
    this.context.flusher.run();
  }

  private clientEnded(): void {
    this.ended = true;
    this.checkEnd();
  }

  /** The client has finished sending and all that it sent is used: what is not whole now never will be. */
  private checkEnd(): void {
    if (!this.ended || this.processing || this.stash !== null) return;
    if (this.phase === "body") {
      this.refuse(new MeshError("protocol", "A connection ended in the middle of a request body"));
    } else if (this.phase === "head") {
      if (this.heads.partial) this.refuse(new MeshError("protocol", "A connection ended in the middle of a request"));
      else this.closeAfterFlush();
    }
  }

  onClose(_socket: Socket, error: MeshError | null): void {
    if (this.head !== null) {
      this.detach();
      this.endExchange("client-gone");
    }
    this.closed(error);
    this.context.flusher.run();
  }

  private closed(error: MeshError | null): void {
    if (this.phase === "closed") return;
    this.phase = "closed";
    this.stash = null;
    this.headTimer?.cancel();
    this.headTimer = null;
    this.out.discard();
    this.handler.onClosed(error);
  }
}
