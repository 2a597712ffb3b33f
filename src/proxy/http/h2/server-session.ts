import type { MeshError } from "#lib/errors.ts";
import type { Socket } from "#lib/net/socket.ts";
import { Http2Socket, type Http2SocketHandler } from "#rpc/http2-socket.ts";
import { isAll, isAuthority, isTargetChar, isTokenChar } from "#wire/http1/chars.ts";
import type { FlatHeaders } from "#wire/http1/head.ts";
import { fieldLines } from "#wire/http1/serialise.ts";
import { http2Code } from "#wire/http2/errors.ts";
import { responseBlock, type HeaderBlock } from "#wire/http2/header-block.ts";
import type { Http2Stream, StreamHandler } from "#wire/http2/stream.ts";
import type { HttpContext } from "../exchange.ts";
import type { Flusher } from "../out-buffer.ts";
import type { TransportCells } from "../ports.ts";
import type { RequestHandler } from "../request-handler.ts";
import { CountingSocket } from "./counting-socket.ts";
import type { ProxyHttp2Counts } from "./counts.ts";
import { ServerStream, type StreamContext } from "./server-stream.ts";

/** Whether the request could be written as one of HTTP/1, which it may go on by: nothing in it ends a line or a part of it. */
function fitsHttp1(block: HeaderBlock): boolean {
  const authority = block.authority || (block.get("host") ?? "");
  return isAll(block.method, isTokenChar) && isAll(block.path, isTargetChar) && isAuthority(authority);
}

const connectRefused = responseBlock(501, ["content-length", "0"]);
const ignored: StreamHandler = { onHeaders() {}, onData() {}, onTrailers() {}, onSent() {}, onReset() {} };

/** A client's HTTP/2 connection: every request has a handler of its own. */
export class ServerSession implements Http2SocketHandler {
  private readonly http2: Http2Socket;
  private readonly socket: CountingSocket;
  private readonly context: StreamContext;
  private readonly counts: ProxyHttp2Counts;
  private readonly flusher: Flusher;
  private readonly handler: () => RequestHandler;
  private readonly over: (error: MeshError | null) => void;

  /**
   * @param handler makes the handler of one request
   * @param extra header fields for every request that passes
   * @param shared whether the client is a proxy with many clients of its own
   * @param over the connection is gone; last
   */
  constructor(
    socket: Socket,
    context: HttpContext,
    handler: () => RequestHandler,
    cells: TransportCells,
    extra: FlatHeaders,
    shared: boolean,
    over: (error: MeshError | null) => void,
  ) {
    const { pool, ownLimits, sharedLimits, keepalive, heads, counts, deferShared } = context.http2;
    const kind = shared ? { limits: sharedLimits, defer: deferShared } : { limits: ownLimits };
    const options = { role: "server" as const, clock: context.clock, pool, keepalive, counts, ...kind };
    this.handler = handler;
    this.counts = counts;
    this.flusher = context.flusher;
    this.over = over;
    this.context = { extra, extraFields: fieldLines(extra), heads };
    this.socket = new CountingSocket(socket, cells, context.flusher);
    this.http2 = new Http2Socket(this.socket, options, this);
  }

  /** Begins; `initial` was read and counted already, `ended`: the client's end was seen. */
  start(initial: Buffer, ended: boolean): void {
    this.http2.onData(this.socket, initial);
    if (ended) this.http2.onEnd();
    this.flusher.run();
  }

  /** Takes no new requests and ends after those under way. */
  finish(): void {
    this.http2.connection.drain();
  }

  onRequest(stream: Http2Stream, block: HeaderBlock, fin: boolean): StreamHandler {
    if (block.method === "CONNECT") {
      this.counts.tunnels++;
      stream.sendHeaders(connectRefused, true);
      // What the tunnel would have carried is read by nobody.
      stream.reject(http2Code.noError);
      return ignored;
    }
    if (!fitsHttp1(block)) {
      this.counts.malformed++;
      stream.reject(http2Code.protocolError);
      return ignored;
    }
    const made = new ServerStream(stream, block, fin, this.context, this.handler());
    // The codec hands the rest of the request to the handler that it was told, so that one is set before it starts.
    stream.handler = made;
    made.start();
    return made;
  }

  onRoom(): void {}
  onGoaway(): void {}
  onRelieved(): void {
    this.flusher.run();
  }
  onClosed(error: MeshError | null): void {
    this.over(error);
  }
}
