/** One request and its response, seen from both sides. The two drivers know each other only by these. */
import type { Clock } from "#lib/clock.ts";
import type { MeshError } from "#lib/errors.ts";
import type { Socket } from "#lib/net/socket.ts";
import type { HeadCache } from "#wire/http1/head-cache.ts";
import type { BodyKind, FlatHeaders, RequestHead, ResponseHead } from "#wire/http1/head.ts";
import type { Http1Limits } from "#wire/http1/limits.ts";
import type { HeaderBlock } from "#wire/http2/header-block.ts";
import type { Http2Context } from "./h2/context.ts";
import type { BufferPool, Flusher } from "./out-buffer.ts";
import type { TransportCells } from "./ports.ts";

/** What all HTTP connections of one direction share. */
export interface HttpContext {
  readonly clock: Clock;
  readonly flusher: Flusher;
  readonly buffers: BufferPool;
  readonly requests: HeadCache<RequestHead>;
  readonly responses: HeadCache<ResponseHead>;
  readonly limits: Http1Limits;
  readonly http2: Http2Context;
  /** Response headers that don't pass, in lower case. */
  readonly stripResponse: ReadonlySet<string>;
}

/** The client's side of an exchange: what the connection to the server tells. */
export interface Downstream {
  /** The request under way. */
  readonly request: RequestHead;
  /** Header fields that are added to it, and the same as lines, each with CRLF. */
  readonly extra: FlatHeaders;
  readonly extraFields: string;
  /** Replaces Host, or null. */
  readonly authority: string | null;
  /** Its out-buffer is full: don't read more of the response. */
  readonly blocked: boolean;
  /** A connection is there: send the request by it. */
  onUpstream(upstream: Upstream): void;
  /** No connection could be made; nothing was sent. */
  onUnsent(error: MeshError): void;
  onInformational(head: ResponseHead): void;
  onResponse(head: ResponseHead, body: BodyKind): void;
  onResponseBody(chunk: Buffer, start: number, end: number): void;
  /** The response is complete; the upstream has let go of the exchange. */
  onResponseEnd(trailers: FlatHeaders): void;
  /** The server switched protocols; `take` gives its socket with bytes that already came. */
  onSwitched(head: ResponseHead, socket: Socket, cells: TransportCells, initial: Buffer): void;
  /**
   * The connection broke, or the response breaks HTTP; the upstream has let go.
   * `unanswered`: not a byte of a response came. `reused`: the connection had served before, so it may have been closed
   * before the request reached the server.
   */
  onBroken(error: MeshError, unanswered: boolean, reused: boolean): void;
  /** The way to the server is full, or free again. */
  onUpstreamBlocked(): void;
}

/** The server's side of an exchange. */
export interface Upstream {
  /** Its out-buffer is full: don't read more of the request. */
  readonly blocked: boolean;
  /** The response's trailers as they came by HTTP/2, or null: to be sent by HTTP/2 without being made anew. */
  readonly trailerBlock: HeaderBlock | null;
  sendBody(chunk: Buffer, start: number, end: number): void;
  endRequest(trailers: FlatHeaders): void;
  /** The client's way is free again. */
  resumeResponse(): void;
  pauseResponse(): void;
  /** The exchange is given up. The connection ends by a reset; nothing is told any more. */
  abort(): void;
}

/** Gives connections to one server. */
export interface UpstreamPool {
  /** Ends in `onUpstream` (possibly at once) or `onUnsent` (never at once). */
  acquire(downstream: Downstream): void;
  /** Gives up waiting. */
  cancel(downstream: Downstream): void;
}
