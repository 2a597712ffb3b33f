import { MeshError } from "#lib/errors.ts";
import type { Socket } from "#lib/net/socket.ts";
import { Http2Socket, type Http2SocketHandler } from "#rpc/http2-socket.ts";
import type { FlatHeaders } from "#wire/http1/head.ts";
import { http2Code, http2CodeName } from "#wire/http2/errors.ts";
import { trailerBlock, type HeaderBlock } from "#wire/http2/header-block.ts";
import type { Http2Stream, Reset, StreamHandler } from "#wire/http2/stream.ts";
import type { Downstream, HttpContext, Upstream } from "../exchange.ts";
import type { Flusher } from "../out-buffer.ts";
import type { TransportCells } from "../ports.ts";
import { CountingSocket } from "./counting-socket.ts";
import type { HeadMemory } from "./head-memory.ts";
import { forbiddenIn } from "./heads.ts";

export interface ClientSessionOwner {
  /** Another request may be possible. */
  onRoom(session: ClientSession): void;
  /** It takes no new requests; those under way finish. */
  onLeaving(session: ClientSession): void;
  /** It is gone. Last, exactly once. */
  onGone(session: ClientSession, error: MeshError | null): void;
}

const empty = Buffer.alloc(0);
const noTrailers: FlatHeaders = [];
/** More informational responses than this to one request are an attack or a bug. */
const maxInformational = 32;

/** An HTTP/2 connection to a server: many requests at a time. */
export class ClientSession implements Http2SocketHandler {
  /** When its last request ended, ms of the clock. Kept by the pool. */
  idleSince: number;
  private readonly http2: Http2Socket;
  private readonly owner: ClientSessionOwner;
  private readonly heads: HeadMemory;
  private readonly flusher: Flusher;
  private gone = false;

  /**
   * @param prologue bytes that open the connection, or null
   * @param pings whether a silent server is pinged: not every server allows it
   */
  constructor(
    socket: Socket,
    context: HttpContext,
    owner: ClientSessionOwner,
    cells: TransportCells,
    prologue: Buffer | null,
    pings: boolean,
  ) {
    const { pool, serverLimits: limits, keepalive, counts, deferShared: defer } = context.http2;
    const counting = new CountingSocket(socket, cells, context.flusher);
    // A new connection takes a hundred bytes, or it is no connection.
    if (prologue !== null && counting.write(prologue, 0, prologue.length) < prologue.length) counting.terminate();
    const options = {
      role: "client" as const,
      clock: context.clock,
      pool,
      limits,
      counts,
      keepalive: pings ? keepalive : null,
      defer,
    };
    this.owner = owner;
    this.flusher = context.flusher;
    this.heads = context.http2.heads;
    this.idleSince = context.clock.now();
    this.http2 = new Http2Socket(counting, options, this);
  }

  /** Requests under way. */
  get active(): number {
    return this.http2.connection.activeStreams;
  }

  get canOpen(): boolean {
    return !this.gone && this.http2.connection.canOpen;
  }

  /** The server has said how many requests it takes. */
  get settled(): boolean {
    return this.http2.connection.settled;
  }

  /** The server takes no requests for now, on any connection. */
  get takesNone(): boolean {
    return this.http2.connection.takesNone;
  }

  /** Sends a request, unless there is no room. */
  begin(downstream: Downstream): boolean {
    if (!this.canOpen) return false;
    const { request, extra, authority } = downstream;
    const stream = new ClientStream(downstream, this.heads);
    const block = this.heads.requestToSend(request, extra, authority);
    const opened = this.http2.connection.request(block, request.body === "none", stream);
    if (opened === null) return false;
    stream.opened(opened);
    downstream.onUpstream(stream);
    return true;
  }

  /** Ends it after the requests under way. */
  retire(): void {
    this.http2.connection.drain();
  }

  onRequest(): StreamHandler {
    throw new MeshError("internal", "A server sent a request");
  }
  onRoom(): void {
    if (!this.gone) this.owner.onRoom(this);
  }
  onGoaway(): void {
    this.owner.onLeaving(this);
  }
  onRelieved(): void {
    this.flusher.run();
  }
  onClosed(error: MeshError | null): void {
    if (this.gone) return;
    this.gone = true;
    this.owner.onGone(this, error);
  }
}

/** One request to a server, with its response. */
class ClientStream implements Upstream, StreamHandler {
  trailerBlock: HeaderBlock | null = null;
  private downstream: Downstream | null;
  private stream: Http2Stream | null = null;
  private answered = false;
  private informational = 0;
  private paused = false;
  /** Bytes whose window is not given back, because the way to the client is full. */
  private held = 0;

  private readonly heads: HeadMemory;

  constructor(downstream: Downstream, heads: HeadMemory) {
    this.downstream = downstream;
    this.heads = heads;
  }

  opened(stream: Http2Stream): void {
    this.stream = stream;
  }

  // --- the request, from the client

  get blocked(): boolean {
    const { stream } = this;
    return stream !== null && (stream.queued > 0 || stream.crowded);
  }

  sendBody(chunk: Buffer, start: number, end: number): void {
    if (start < end) this.stream?.sendData(chunk, start, end, false);
  }

  endRequest(trailers: FlatHeaders): void {
    const { stream } = this;
    if (stream === null || stream.localEnding) return;
    if (trailers.length > 0) stream.sendTrailers(trailerBlock(trailers));
    else stream.sendData(empty, 0, 0, true);
  }

  onSent(stream: Http2Stream): void {
    if (stream.queued === 0) this.downstream?.onUpstreamBlocked();
  }

  onCrowded(): void {
    this.downstream?.onUpstreamBlocked();
  }

  pauseResponse(): void {
    this.paused = true;
  }

  resumeResponse(): void {
    this.paused = false;
    const { held } = this;
    this.held = 0;
    if (held > 0) this.stream?.consume(held);
  }

  abort(): void {
    this.downstream = null;
    this.stream?.reset(http2Code.cancel);
  }

  // --- the response, from the server

  onHeaders(stream: Http2Stream, block: HeaderBlock, fin: boolean): void {
    const { downstream } = this;
    if (downstream === null) return;
    const head = this.heads.response(block, fin);
    if (block.status < 200) {
      if (++this.informational <= maxInformational) {
        downstream.onInformational(head);
        return;
      }
      this.downstream = null;
      stream.reset(http2Code.enhanceYourCalm);
      downstream.onBroken(new MeshError("protocol", "A server sent too many informational responses"), false, false);
      return;
    }
    this.answered = true;
    // Its end may come later, in a frame without bytes: no body is none all the same, or HTTP/1 would be given the end of one.
    const bodiless = downstream.request.method === "HEAD" || block.status === 204 || block.status === 304;
    downstream.onResponse(head, bodiless ? "none" : head.body);
    if (fin) this.ended(noTrailers);
  }

  onData(stream: Http2Stream, bytes: Buffer, start: number, end: number, fin: boolean): void {
    const { downstream } = this;
    if (downstream === null) {
      stream.consume(end - start);
      return;
    }
    if (end > start) {
      downstream.onResponseBody(bytes, start, end);
      if (this.paused || downstream.blocked) this.held += end - start;
      else stream.consume(end - start);
    }
    if (fin) this.ended(noTrailers);
  }

  onTrailers(stream: Http2Stream, block: HeaderBlock): void {
    if (forbiddenIn(block.fields)) {
      const { downstream } = this;
      this.downstream = null;
      stream.reset(http2Code.protocolError);
      downstream?.onBroken(new MeshError("protocol", "A server sent a forbidden trailer field"), false, false);
      return;
    }
    this.trailerBlock = block;
    this.ended(block.fields);
  }

  private ended(trailers: FlatHeaders): void {
    const { downstream, stream } = this;
    this.downstream = null;
    downstream?.onResponseEnd(trailers);
    // A server that has answered before the request's end does not want the rest of it.
    if (stream !== null && !stream.localEnding) stream.reset(http2Code.noError);
  }

  onReset(_stream: Http2Stream, { code, refused, lost }: Reset): void {
    const { downstream } = this;
    this.downstream = null;
    const error =
      lost ??
      new MeshError("connection-reset", `The server reset the request: ${http2CodeName(code)}`, {
        details: { http2Code: code },
      });
    downstream?.onBroken(error, !this.answered, refused || lost !== null);
  }
}
