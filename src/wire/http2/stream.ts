import type { MeshError } from "#lib/errors.ts";
import type { HeaderBlock } from "./header-block.ts";

/** What happens on one stream. Set by who opened or accepted it; callbacks may call any method of stream and connection. */
export interface StreamHandler {
  /** Client: the response, or an interim one (`block.status` < 200). Servers get their request by `onRequest`. */
  onHeaders(stream: Http2Stream, block: HeaderBlock, fin: boolean): void;
  /** Bytes `[start, end)`, possibly none with `fin`. Call `stream.consume` for every byte once it is done with. */
  onData(stream: Http2Stream, bytes: Buffer, start: number, end: number, fin: boolean): void;
  /** The peer's trailers, which are also its end. */
  onTrailers(stream: Http2Stream, block: HeaderBlock): void;
  /** `bytes` that had to wait were put on the wire, perhaps the last ones; `stream.queued` says what still waits. */
  onSent(stream: Http2Stream, bytes: number): void;
  /** The connection became crowded, or is no longer: don't add more than has been read, see `stream.crowded`. */
  onCrowded?(stream: Http2Stream): void;
  /** The stream broke: last callback. */
  onReset(stream: Http2Stream, reset: Reset): void;
}

/** Why a stream broke. */
export interface Reset {
  /** As in RFC 9113 §7. */
  readonly code: number;
  /** The peer certainly did nothing with the request: it may be sent again. */
  readonly refused: boolean;
  /** What ended the whole connection, or null when it lives on. */
  readonly lost: MeshError | null;
}

/** Something that waits for window: bytes, or trailers behind bytes. */
export interface Queued {
  readonly bytes: Buffer | null;
  start: number;
  readonly end: number;
  readonly block: HeaderBlock | null;
  readonly fin: boolean;
}

/** What a stream asks of its connection. */
export interface StreamOwner {
  readonly crowded: boolean;
  sendHeaders(stream: Http2Stream, block: HeaderBlock, fin: boolean): void;
  sendData(stream: Http2Stream, bytes: Buffer, start: number, end: number, fin: boolean): number;
  consume(stream: Http2Stream, bytes: number): void;
  resetStream(stream: Http2Stream, code: number): void;
  rejectStream(stream: Http2Stream, code: number): void;
}

/** What a stream has of its own once it sends bytes or is given a window for them. */
export class Outgoing {
  window: number;
  /** Bytes that wait for window or for the socket. */
  queued = 0;
  queue: Queued[] | null = null;
  /** Whether something was sent of what waits since `relieve` looked last. */
  wrote = true;

  constructor(window: number) {
    this.window = window;
  }
}

const remoteEnded = 1;
const localEnding = 2;
const localEnded = 4;
const closed = 8;
const read = 16;
const headersSeen = 32;

/**
 * One request and its response. It lives in its connection's table until both sides have ended or one has reset it.
 *
 * A proxy may have ten thousand of them waiting for servers, so that what is true or false shares a number, and what only some
 * need is made when they do: with eight fields it takes 80 bytes, with more it would take 160.
 */
export class Http2Stream {
  readonly id: number;
  private readonly owner: StreamOwner;
  handler: StreamHandler;
  private flags = read;

  // What follows belongs to connection.ts and sender.ts.
  /** Bytes that the peer may still send. */
  receiveWindow: number;
  /** Received and not consumed. */
  held = 0;
  /** Bytes still to come by content-length; -1 when none was given, -2 while the response to HEAD is awaited. */
  contentLeft = -1;
  outgoing: Outgoing | null = null;

  constructor(owner: StreamOwner, id: number, handler: StreamHandler, receiveWindow: number) {
    this.owner = owner;
    this.id = id;
    this.handler = handler;
    this.receiveWindow = receiveWindow;
  }

  /** The peer's END_STREAM came. */
  get remoteEnded(): boolean {
    return (this.flags & remoteEnded) !== 0;
  }
  /** We were asked to end; END_STREAM may still wait for window. */
  get localEnding(): boolean {
    return (this.flags & localEnding) !== 0;
  }
  /** Our END_STREAM is on the wire. */
  get localEnded(): boolean {
    return (this.flags & localEnded) !== 0;
  }
  /** No longer in the table: sending does nothing. */
  get closed(): boolean {
    return (this.flags & closed) !== 0;
  }
  /** Whether something was consumed since `relieve` looked last. */
  get read(): boolean {
    return (this.flags & read) !== 0;
  }
  /** Client: the final response headers came. */
  get headersSeen(): boolean {
    return (this.flags & headersSeen) !== 0;
  }
  endRemote(): void {
    this.flags |= remoteEnded;
  }
  beginEnd(): void {
    this.flags |= localEnding;
  }
  endLocal(): void {
    this.flags |= localEnded;
  }
  close(): void {
    this.flags |= closed;
  }
  noteRead(): void {
    this.flags |= read;
  }
  /** For `relieve`: has not moved from now on. */
  markIdle(): void {
    this.flags &= ~read;
    if (this.outgoing !== null) this.outgoing.wrote = false;
  }
  noteHeaders(): void {
    this.flags |= headersSeen;
  }

  /** Bytes that wait for window or for the socket. */
  get queued(): number {
    return this.outgoing === null ? 0 : this.outgoing.queued;
  }

  /** Too much waits on the whole connection: a source without something in the queue should not begin to fill it. */
  get crowded(): boolean {
    return this.owner.crowded;
  }

  /** Server: a response, interim if its status is below 200. Client: nothing, `request` sent it. */
  sendHeaders(block: HeaderBlock, fin: boolean): void {
    this.owner.sendHeaders(this, block, fin);
  }

  /**
   * Sends bytes, or lets them wait for window; they must not change until sent.
   * @returns how many bytes wait now: 0 means that all went out, otherwise `onSent` follows.
   */
  sendData(bytes: Buffer, start: number, end: number, fin: boolean): number {
    return this.owner.sendData(this, bytes, start, end, fin);
  }

  /** Ends our side, with trailers. */
  sendTrailers(block: HeaderBlock): void {
    this.owner.sendHeaders(this, block, true);
  }

  /** Gives `bytes` of window back to the peer. */
  consume(bytes: number): void {
    this.owner.consume(this, bytes);
  }

  /** Ends both sides at once. No callback follows. */
  reset(code: number): void {
    this.owner.resetStream(this, code);
  }

  /** Resets it for a mistake of the peer's, of which a connection may make so many. Only while the peer's bytes are handled. */
  reject(code: number): void {
    this.owner.rejectStream(this, code);
  }
}
