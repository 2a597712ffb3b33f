import { MeshError } from "#lib/errors.ts";
import type { Socket, SocketHandler } from "#lib/net/socket.ts";
import { BodyDecoder } from "#wire/http1/body-decoder.ts";
import { header, responseBody, type BodyKind, type FlatHeaders, type ResponseHead } from "#wire/http1/head.ts";
import { HeadDecoder } from "#wire/http1/head-decoder.ts";
import { chunkStart, lastChunk } from "#wire/http1/serialise.ts";
import type { Downstream, HttpContext, Upstream } from "./exchange.ts";
import { OutBuffer, type OutBufferOwner } from "./out-buffer.ts";
import type { TransportCells } from "./ports.ts";
import { allowedUpgrade, forwardedRequest, mayBeHttp2 } from "./rewrite.ts";

/** Told when a connection can serve the next request, and when it is gone. */
export interface ClientConnectionOwner {
  onIdle(connection: ClientConnection): void;
  /** The last call, exactly one of the two: it is closed, or its socket belongs to a tunnel now. */
  onGone(connection: ClientConnection, error: MeshError | null): void;
  onHandedOver(connection: ClientConnection): void;
}

const crlf = Buffer.from("\r\n");
/** More informational responses than this to one request are an attack or a bug. */
const maxInformational = 32;

type Phase = "idle" | "head" | "body" | "gone" | "handed-over";

/** A connection to a server: one request at a time, many in turn. */
export class ClientConnection implements Upstream, SocketHandler, OutBufferOwner {
  /** When it became idle, ms of the clock. Kept by the pool. */
  idleSince = 0;
  readonly trailerBlock = null;
  private readonly socket: Socket;
  private readonly context: HttpContext;
  private readonly owner: ClientConnectionOwner;
  private readonly cells: TransportCells;
  private readonly out: OutBuffer;
  private readonly heads: HeadDecoder<ResponseHead>;
  private readonly body: BodyDecoder;
  private phase: Phase = "idle";
  private downstream: Downstream | null = null;
  private chunkedRequest = false;
  private requestDone = false;
  private keepAlive = true;
  private served = 0;
  private informational = 0;
  /** A byte of this exchange's response came. */
  private answering = false;
  private paused = false;

  /** @param prologue bytes that go before the first request, or null */
  constructor(
    socket: Socket,
    context: HttpContext,
    owner: ClientConnectionOwner,
    cells: TransportCells,
    prologue: Buffer | null,
  ) {
    this.socket = socket;
    this.context = context;
    this.owner = owner;
    this.cells = cells;
    this.out = new OutBuffer(socket, this, context.flusher, context.buffers, cells);
    this.heads = new HeadDecoder((text) => context.responses.get(text), context.limits);
    this.body = new BodyDecoder(context.limits);
    if (prologue !== null) this.out.put(prologue, 0, prologue.length);
    socket.handler = this;
  }

  get usable(): boolean {
    return this.phase === "idle" && !this.socket.closed;
  }

  /** Starts an exchange on an idle connection: sends the request's head; the body is the downstream's to send. */
  begin(downstream: Downstream): void {
    const head = downstream.request;
    this.downstream = downstream;
    this.phase = "head";
    this.requestDone = false;
    this.keepAlive = true;
    this.answering = false;
    this.informational = 0;
    this.chunkedRequest = head.body === "chunked";
    if (downstream.authority === null && head.shared) {
      head.forwarded ??= Buffer.from(`${forwardedRequest(head, null)}\r\n`, "latin1");
      const bytes = head.forwarded;
      if (downstream.extraFields === "") this.out.put(bytes, 0, bytes.length);
      else {
        this.out.put(bytes, 0, bytes.length - 2);
        this.out.text(`${downstream.extraFields}\r\n`);
      }
    } else {
      this.out.text(`${forwardedRequest(head, downstream.authority)}${downstream.extraFields}\r\n`);
    }
    downstream.onUpstream(this);
  }

  /** Ends an idle connection, or one in use when its exchange is over. */
  retire(): void {
    this.keepAlive = false;
    if (this.phase === "idle") this.end(null);
  }

  get blocked(): boolean {
    return this.out.blocked;
  }

  sendBody(chunk: Buffer, start: number, end: number): void {
    if (end === start) return;
    if (!this.chunkedRequest) {
      this.out.put(chunk, start, end);
      return;
    }
    this.out.text(chunkStart(end - start));
    this.out.put(chunk, start, end);
    this.out.put(crlf, 0, 2);
  }

  endRequest(trailers: FlatHeaders): void {
    if (this.chunkedRequest) this.out.text(lastChunk(trailers));
    this.requestDone = true;
  }

  pauseResponse(): void {
    if (this.paused) return;
    this.paused = true;
    this.socket.pause();
  }

  resumeResponse(): void {
    if (!this.paused) return;
    this.paused = false;
    this.socket.resume();
  }

  abort(): void {
    this.downstream = null;
    this.gone(null);
    this.socket.terminate();
  }

  onBlocked(): void {
    this.downstream?.onUpstreamBlocked();
  }

  onUnblocked(): void {
    this.downstream?.onUpstreamBlocked();
  }

  onDrain(): void {
    this.out.drain();
    this.context.flusher.run();
  }

  onData(_socket: Socket, chunk: Buffer): void {
    this.cells.readBytes += chunk.length;
    try {
      this.read(chunk);
    } catch (thrown) {
      if (!(thrown instanceof MeshError)) throw thrown;
      this.broken(thrown);
    }
    this.context.flusher.run();
  }

  private read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const downstream = this.downstream;
      if (this.phase === "head" && downstream !== null) {
        this.answering = true;
        const head = this.heads.decode(chunk, at);
        if (head === null) return;
        at = this.heads.next;
        if (head.status < 200) {
          if (head.status === 101) {
            this.switched(downstream, head, chunk.subarray(at));
            return;
          }
          if (++this.informational > maxInformational)
            throw new MeshError("protocol", "A server sent too many informational responses");
          downstream.onInformational(head);
          continue;
        }
        if (downstream.request.method === "CONNECT" && head.status < 300) {
          this.switched(downstream, head, chunk.subarray(at));
          return;
        }
        this.answered(downstream, head, at < chunk.length);
      } else if (this.phase === "body" && downstream !== null) {
        at = this.body.read(chunk, at);
        downstream.onResponseBody(chunk, this.body.spanStart, this.body.spanEnd);
        if (this.body.done) this.complete(downstream, at < chunk.length);
      } else {
        // Bytes that nobody asked for: what follows can't be told from an answer, so the connection must not be used.
        if (this.phase === "idle") this.end(new MeshError("protocol", "A server sent bytes without a request"));
        return;
      }
    }
  }

  private answered(downstream: Downstream, head: ResponseHead, more: boolean): void {
    const kind: BodyKind = responseBody(head, downstream.request.method);
    if (!head.keepAlive || kind === "close" || header(head.headers, "l5d-proxy-connection") === "close")
      this.keepAlive = false;
    this.phase = "body";
    this.body.start(kind, head.length);
    downstream.onResponse(head, kind);
    if (this.body.done && this.downstream === downstream) this.complete(downstream, more);
  }

  /** `more`: bytes follow the response. */
  private complete(downstream: Downstream, more: boolean): void {
    const trailers = this.body.trailers;
    this.downstream = null;
    this.served++;
    this.resumeResponse();
    // A request that is not out in full leaves the server in the middle of it.
    if (this.keepAlive && this.requestDone && !more && !this.socket.closed) {
      this.phase = "idle";
      this.owner.onIdle(this);
    } else {
      this.end(null);
    }
    downstream.onResponseEnd(trailers);
  }

  private switched(downstream: Downstream, head: ResponseHead, initial: Buffer): void {
    const asked =
      downstream.request.method === "CONNECT" ? head.status !== 101 : allowedUpgrade(downstream.request) !== null;
    if (!asked || mayBeHttp2(head.upgrade ?? "x"))
      throw new MeshError("protocol", "A server switched protocols without being asked");
    this.phase = "handed-over";
    this.downstream = null;
    this.owner.onHandedOver(this);
    // The request is out: a server can't answer what it did not get, and it has no body.
    this.out.discard();
    downstream.onSwitched(head, this.socket, this.cells, initial);
  }

  onEnd(): void {
    const downstream = this.downstream;
    if (downstream !== null && this.phase === "body" && !this.body.done) {
      try {
        this.body.end();
        this.complete(downstream, false);
      } catch (thrown) {
        if (!(thrown instanceof MeshError)) throw thrown;
        this.broken(thrown);
      }
    } else if (downstream !== null) {
      this.broken(new MeshError("connection-reset", "The server closed the connection before it answered"));
    } else if (this.phase === "idle") {
      this.end(null);
    }
    this.context.flusher.run();
  }

  onClose(_socket: Socket, error: MeshError | null): void {
    // An orderly close may come without `onEnd`.
    if (error === null && this.downstream !== null) this.onEnd();
    if (this.downstream !== null)
      this.broken(error ?? new MeshError("connection-reset", "The server closed the connection"));
    this.gone(error);
    this.context.flusher.run();
  }

  /** Ends the exchange by an error and the connection by a reset. */
  private broken(error: MeshError): void {
    const downstream = this.downstream;
    this.downstream = null;
    this.gone(error);
    if (!this.socket.closed) this.socket.terminate();
    downstream?.onBroken(error, !this.answering, this.served > 0);
  }

  /** Ends a connection without an exchange. */
  private end(error: MeshError | null): void {
    this.gone(error);
    if (!this.socket.closed) this.socket.close();
  }

  private gone(error: MeshError | null): void {
    if (this.phase === "gone" || this.phase === "handed-over") return;
    this.phase = "gone";
    this.out.discard();
    this.owner.onGone(this, error);
  }
}
