import { MeshError, asMeshError } from "#lib/errors.ts";
import { ClosedStreams, type ClosedBy, closedBy } from "./closed-streams.ts";
import { Http2Counts } from "./counts.ts";
import { connectionError, http2Code, http2CodeName, http2CodeOf } from "./errors.ts";
import { ReceiveWindow, defaultWindow, maxWindow } from "./flow-control.ts";
import { FrameParser, type FrameSink, frameFlag, frameType, preface, readUint32, writeUint32 } from "./frames.ts";
import { type HeaderBlock, responseBlock } from "./header-block.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { Budget, type Http2Limits } from "./limits.ts";
import { type BufferPool, type ByteSink, OutBuffer } from "./out-buffer.ts";
import { Sender, type SenderEvents } from "./sender.ts";
import { readSettings, settingId, writeSettings } from "./settings.ts";
import { StreamTable } from "./stream-table.ts";
import { Http2Stream, type StreamHandler, type StreamOwner } from "./stream.ts";

/** What happens on a connection as a whole. Callbacks may call any method of the connection. */
export interface ConnectionHandler {
  /** Server: a request came. The result receives the rest of it. */
  onRequest(stream: Http2Stream, block: HeaderBlock, fin: boolean): StreamHandler;
  /** There is output that was not written during `receive`: call `flush` when the turn ends. At most once until then. */
  onOutput(): void;
  /** The peer's settings came, first or changed: `canOpen` may have become true. */
  onSettings(): void;
  /** A stream left the table: `canOpen` may have become true. */
  onStreamClosed(stream: Http2Stream): void;
  /** Too much waits or is unread: call `relieve` now and then as long as it says so. */
  onCrowded(): void;
  /** The answer to `ping`. */
  onPong(payload: number): void;
  /** The peer takes no new streams; those that it did not process were reset as refused. */
  onGoaway(code: number, debug: string): void;
  /** No stream is left and none will come: flush and close. */
  onFinished(): void;
  /** The connection broke a rule, or the peer's end came too early: flush (it holds a GOAWAY), then close. Last callback. */
  onFailed(error: MeshError): void;
}

export interface Http2Options {
  readonly role: "client" | "server";
  readonly handler: ConnectionHandler;
  /** Where output goes, usually the socket. */
  readonly sink: ByteSink;
  /** Monotonic ms at the start. */
  readonly now: number;
  readonly pool: BufferPool;
  readonly limits: Http2Limits;
  /** Default: its own. */
  readonly counts?: Http2Counts;
}

type State = "open" | "draining" | "failed" | "closed";

const noHandler: StreamHandler = {
  onHeaders() {},
  onData(stream, _bytes, start, end) {
    stream.consume(end - start);
  },
  onTrailers() {},
  onSent() {},
  onReset() {},
};
const tooLargeAnswer = responseBlock(431, ["content-length", "0"]);
const drainPing = 0x6c356401;
/** How many resets one counts as whose stream can't have been of any use. */
const useless = 10;

/**
 * One HTTP/2 connection (RFC 9113) as a state machine without sockets, timers or clock: bytes and the time go in by
 * `receive`, what happens comes out by handlers, and output collects in a buffer that `flush` writes to the sink.
 *
 * It is longer than other files because the rules of one frame type lean on the state of all others: the receiving
 * half is here, the sending half in sender.ts.
 */
export class Http2Connection implements FrameSink, SenderEvents, StreamOwner {
  readonly role: "client" | "server";
  readonly limits: Http2Limits;
  readonly out: OutBuffer;
  private readonly handler: ConnectionHandler;
  private readonly counts: Http2Counts;
  private readonly parser: FrameParser;
  private readonly decoder: HpackDecoder;
  private readonly sender: Sender;
  private readonly streams = new StreamTable();
  private readonly closedStreams = new ClosedStreams();
  private readonly window: ReceiveWindow;
  private readonly freeBytes: number;
  /** Where some bytes are free: those received and not consumed, of all streams; and whether they use up half of the window. */
  private unread = 0;
  private pressed = false;
  private readonly resets: Budget;
  private readonly pings: Budget;
  private readonly settings: Budget;
  private readonly idleFrames: Budget;
  private state: State = "open";
  private now: number;
  private receiving = false;
  /** The highest peer stream before the chunk that is being received. */
  private lastPeerIdBefore = 0;
  private outputTold = false;
  private prefaceLeft: number;
  private peerSettingsSeen = false;
  private settingsAcked = false;
  private nextId = 1;
  private lastPeerId = 0;
  /** The highest peer stream that GOAWAY lets through. */
  private acceptUpTo = maxWindow;
  private goawayReceived = false;
  private peerStreams = 0;
  private localStreams = 0;
  private dataStream: Http2Stream | null = null;
  private dataFin = false;
  /** A header block whose CONTINUATION frames are still coming. */
  private block: { id: number; fin: boolean; pieces: Buffer[]; bytes: number; selfDependent: boolean } | null = null;

  constructor(options: Http2Options) {
    const limits = (this.limits = options.limits);
    this.role = options.role;
    this.handler = options.handler;
    this.counts = options.counts ?? new Http2Counts();
    this.now = options.now;
    this.out = new OutBuffer(options.sink, options.pool);
    this.sender = new Sender(this.out, this, limits, this.counts);
    this.parser = new FrameParser(this);
    this.decoder = new HpackDecoder({
      maxListBytes: limits.maxHeaderListBytes,
      maxListCount: limits.maxHeaderListCount,
    });
    this.freeBytes = limits.freeBytes;
    this.window = new ReceiveWindow(limits.connectionWindow);
    this.resets = new Budget(limits.resets, options.now);
    this.pings = new Budget(limits.pings, options.now);
    this.settings = new Budget(limits.settings, options.now);
    this.idleFrames = new Budget(limits.idleFrames, options.now);
    this.prefaceLeft = this.role === "server" ? preface.length : 0;
    this.start();
  }

  private start(): void {
    const { limits, role, out } = this;
    if (role === "client") {
      preface.copy(out.reserve(preface.length), out.end);
      out.end += preface.length;
    }
    const payload = Buffer.alloc(24);
    const length = writeSettings(payload, 0, [
      ...(role === "client"
        ? [[settingId.enablePush, 0] as const]
        : [[settingId.maxConcurrentStreams, limits.maxConcurrentStreams] as const]),
      [settingId.initialWindowSize, limits.streamWindow],
      [settingId.maxHeaderListSize, limits.maxHeaderListBytes],
    ]);
    this.sender.frame(frameType.settings, 0, 0, payload.subarray(0, length));
    const grow = limits.connectionWindow - defaultWindow;
    if (grow > 0) this.sender.number(frameType.windowUpdate, 0, grow);
  }

  // ---- For the owner

  /** Streams in the table, of both sides. */
  get activeStreams(): number {
    return this.streams.size;
  }

  /** Whether `request` would succeed now. */
  get canOpen(): boolean {
    return (
      this.state === "open" &&
      !this.goawayReceived &&
      this.nextId <= maxWindow &&
      this.localStreams < this.sender.peer.maxConcurrentStreams
    );
  }

  /** The peer has said how many streams it takes; until then a hundred are assumed. */
  get settled(): boolean {
    return this.peerSettingsSeen;
  }

  /** The peer takes no streams at all for now (RFC 9113 §6.5.2), which another connection would not change. */
  get takesNone(): boolean {
    return this.sender.peer.maxConcurrentStreams === 0;
  }

  /** Failed, closed, draining, or told by the peer to go away: use another connection for new requests. */
  get ending(): boolean {
    return this.state !== "open" || this.goawayReceived || this.nextId > maxWindow;
  }

  /**
   * What the peer has begun and not completed: its preface, a header block, or a frame other than DATA. An object that stays
   * the same until that is complete, or null.
   */
  get incomplete(): object | null {
    if (this.over) return null;
    if (this.prefaceLeft > 0) return this.prefaceLeft < preface.length ? preface : null;
    return this.block ?? this.parser.incomplete;
  }

  /** Takes bytes that came at `now` (monotonic ms) and writes out what they caused. */
  receive(chunk: Buffer, now: number): void {
    if (this.over) return;
    this.now = now;
    this.receiving = true;
    this.lastPeerIdBefore = this.lastPeerId;
    try {
      const at = this.prefaceLeft > 0 ? this.checkPreface(chunk) : 0;
      this.parser.feed(chunk, at);
      if (this.out.blocked && this.out.length > this.limits.outMax) {
        throw connectionError(http2Code.enhanceYourCalm, "The peer asks without reading the answers");
      }
    } catch (thrown) {
      this.fail(asMeshError(thrown, "Handling an HTTP/2 frame failed"));
    } finally {
      this.receiving = false;
    }
    this.flush();
  }

  /** The peer's end of the byte stream came. */
  receiveEnd(): void {
    if (this.over) return;
    if (this.streams.size === 0 && this.prefaceLeft === 0) this.close(null);
    else this.fail(new MeshError("connection-reset", "The HTTP/2 connection was closed with requests in flight"));
  }

  /** Writes what collected. Also call it when the sink has room again, through `drained`. */
  flush(): void {
    this.outputTold = false;
    if (this.out.flush()) this.sender.pump();
    this.out.flush();
  }

  /** The sink has room again. */
  drained(): void {
    this.out.blocked = false;
    this.flush();
  }

  /** Client: opens a stream. Null when `canOpen` is false. */
  request(block: HeaderBlock, fin: boolean, handler: StreamHandler): Http2Stream | null {
    if (!this.canOpen) return null;
    const stream = this.addStream(this.nextId, handler);
    this.nextId += 2;
    this.localStreams++;
    if (block.method === "HEAD") stream.contentLeft = -2;
    this.sendHeaders(stream, block, fin);
    return stream;
  }

  /** Sends a PING with a number of the caller's; `onPong` brings it back. */
  ping(payload: number): void {
    if (this.over) return;
    const bytes = Buffer.alloc(8);
    writeUint32(bytes, 4, payload);
    this.sender.frame(frameType.ping, 0, 0, bytes);
    this.told();
  }

  /**
   * Takes no new streams and lets those in flight finish; `onFinished` follows. A server warns first and refuses streams
   * only after a round trip, so that none is lost on the way (RFC 9113 §6.8).
   */
  drain(): void {
    if (this.state !== "open") return;
    this.state = "draining";
    if (this.role === "server") {
      this.goaway(maxWindow, http2Code.noError, "");
      this.ping(drainPing);
    } else {
      this.goaway(0, http2Code.noError, "");
      this.checkFinished();
    }
    this.told();
  }

  /** The connection is gone, in order (null) or not: every stream is reset towards its handler. Nothing is sent. */
  close(error: MeshError | null): void {
    if (this.state === "closed") return;
    const failed = this.state === "failed";
    this.state = "closed";
    this.resetAll(http2Code.cancel, error ?? new MeshError("cancelled", "The HTTP/2 connection was closed"));
    this.out.discard();
    if (!failed && error !== null) this.handler.onFailed(error);
  }

  /** Ends the connection for a reason of the owner's, such as a ping without answer. */
  fail(error: MeshError): void {
    if (this.over) return;
    this.state = "failed";
    this.goaway(this.lastPeerId, http2CodeOf(error), error.message);
    this.resetAll(http2CodeOf(error), error);
    this.handler.onFailed(error);
  }

  /**
   * Resets streams that keep the connection crowded: what they have is unread, or waits for a window of their own, as it did
   * when this was called last, and others may stand still for it. The largest go first, until half of what may be kept is left.
   * Where the whole connection stands still nobody is to blame.
   * @returns whether it is still crowded: call it again in a while
   */
  relieve(): boolean {
    if (this.over || (!this.pressed && !this.sender.crowded)) return false;
    const unread: Http2Stream[] = [];
    const waiting: Http2Stream[] = [];
    for (const stream of this.streams.all()) {
      if (stream.held > 0 && !stream.read) unread.push(stream);
      const { outgoing } = stream;
      if (outgoing !== null && outgoing.queued > 0 && !outgoing.wrote && outgoing.window <= 0) waiting.push(stream);
      stream.markIdle();
    }
    for (const stream of unread.toSorted((a, b) => b.held - a.held)) {
      if (this.unread * 2 <= this.freeBytes) break;
      this.resetHoarder(stream);
    }
    for (const stream of waiting.toSorted((a, b) => b.queued - a.queued)) {
      if (!this.sender.crowded) break;
      this.resetHoarder(stream);
    }
    return this.pressed || this.sender.crowded;
  }

  private resetHoarder(stream: Http2Stream): void {
    if (stream.closed) return;
    const code = http2Code.enhanceYourCalm;
    this.counts.hoarders++;
    this.resetStream(stream, code);
    stream.handler.onReset(stream, { code, refused: false, lost: null });
  }

  // ---- For streams

  get crowded(): boolean {
    return this.sender.crowded;
  }

  onCrowded(): void {
    if (this.sender.crowded) this.handler.onCrowded();
    // The newest first: of those that stood still longest many may only be about to fill it again.
    for (const stream of this.streams.all().toReversed()) if (!stream.closed) stream.handler.onCrowded?.(stream);
  }

  sendHeaders(stream: Http2Stream, block: HeaderBlock, fin: boolean): void {
    if (stream.closed || stream.localEnding) return;
    if (fin) stream.beginEnd();
    this.sender.headers(stream, block, fin);
    this.told();
  }

  sendData(stream: Http2Stream, bytes: Buffer, start: number, end: number, fin: boolean): number {
    if (stream.closed || stream.localEnding) return 0;
    if (fin) stream.beginEnd();
    const queued = this.sender.data(stream, bytes, start, end, fin);
    this.told();
    return queued;
  }

  consume(stream: Http2Stream, bytes: number): void {
    if (stream.closed || bytes <= 0) return;
    const consumed = Math.min(bytes, stream.held);
    stream.held -= consumed;
    stream.noteRead();
    if (this.freeBytes > 0) this.settle(-consumed, 0);
    else this.releaseWindow(consumed);
    if (stream.remoteEnded) return;
    const due = this.streamWindow - stream.receiveWindow - stream.held;
    if (due * 2 < this.limits.streamWindow) return;
    this.sender.number(frameType.windowUpdate, stream.id, due);
    stream.receiveWindow += due;
    this.told();
  }

  resetStream(stream: Http2Stream, code: number): void {
    if (stream.closed) return;
    this.sender.number(frameType.rstStream, stream.id, code);
    this.remove(stream, closedBy.localReset);
    this.told();
  }

  rejectStream(stream: Http2Stream, code: number): void {
    this.spend(this.resets, "streams that break rules", useless);
    this.resetStream(stream, code);
  }

  onLocalEnd(stream: Http2Stream): void {
    if (stream.remoteEnded) this.remove(stream, closedBy.end);
  }

  // ---- Inside

  private get over(): boolean {
    return this.state === "failed" || this.state === "closed";
  }

  private told(): void {
    if (this.receiving || this.outputTold) return;
    this.outputTold = true;
    this.handler.onOutput();
  }

  private addStream(id: number, handler: StreamHandler): Http2Stream {
    const stream = new Http2Stream(this, id, handler, this.streamWindow);
    this.streams.add(stream);
    // Many peers begin each stream with a larger window.
    this.sender.allowUpdates(2);
    return stream;
  }

  /** Until the peer has our settings it may use the protocol's window; afterwards a smaller one of ours counts. */
  private get streamWindow(): number {
    const { streamWindow } = this.limits;
    return this.settingsAcked ? streamWindow : Math.max(defaultWindow, streamWindow);
  }

  private remove(stream: Http2Stream, how: ClosedBy): void {
    if (stream.closed) return;
    stream.close();
    this.streams.delete(stream);
    this.closedStreams.add(stream.id, how);
    if (this.isLocal(stream.id)) this.localStreams--;
    else this.peerStreams--;
    this.sender.drop(stream);
    if (stream.held > 0) {
      if (this.freeBytes > 0) this.settle(-stream.held, 0);
      else this.releaseWindow(stream.held);
    }
    this.handler.onStreamClosed(stream);
    if (this.sender.crowded && !this.over) this.sender.ease();
    this.checkFinished();
  }

  private resetAll(code: number, lost: MeshError): void {
    const reset = { code, refused: false, lost };
    for (const stream of this.streams.all()) {
      if (stream.closed) continue;
      this.remove(stream, closedBy.remoteReset);
      stream.handler.onReset(stream, reset);
    }
  }

  private checkFinished(): void {
    if (this.streams.size > 0) return;
    const noneCome = this.state === "draining" && (this.role === "client" || this.acceptUpTo < maxWindow);
    if (noneCome || (this.goawayReceived && this.state === "open")) {
      this.state = "closed";
      this.handler.onFinished();
    }
  }

  private isLocal(id: number): boolean {
    return (id & 1) === (this.role === "client" ? 1 : 0);
  }

  /** Whether a stream was never opened (RFC 9113 §5.1, "idle"). */
  private isIdle(id: number): boolean {
    return this.isLocal(id) ? id >= this.nextId : id > this.lastPeerId;
  }

  /** Whether frames of a stream that is not open may have been sent before its peer knew that we had reset it. */
  private mayBeLate(id: number): boolean {
    const how = this.closedStreams.find(id);
    return how === null ? this.closedStreams.forgot(id) : how === closedBy.localReset;
  }

  /**
   * Where some bytes are free: `change` bytes more are unread, of which `came` came just now. The window is given back for what came and was consumed,
   * but for what is unread beyond the bytes that are free.
   */
  private settle(change: number, came: number): void {
    const before = this.unread - this.freeBytes;
    const after = before + change;
    this.unread += change;
    if (before <= 0 && after <= 0) {
      if (came > 0) this.releaseWindow(came);
      return;
    }
    this.releaseWindow(came + Math.max(0, before) - Math.max(0, after));
    const pressed = after * 2 > this.limits.connectionWindow;
    if (pressed && !this.pressed) {
      this.counts.crowded++;
      this.handler.onCrowded();
    }
    this.pressed = pressed;
  }

  private releaseWindow(bytes: number): void {
    const increment = this.window.release(bytes);
    if (increment === 0) return;
    this.sender.number(frameType.windowUpdate, 0, increment);
    this.told();
  }

  private goaway(lastId: number, code: number, debug: string): void {
    const text = Buffer.from(debug.slice(0, 256), "utf8");
    const payload = Buffer.alloc(8 + text.length);
    writeUint32(payload, writeUint32(payload, 0, lastId), code);
    text.copy(payload, 8);
    this.sender.frame(frameType.goaway, 0, 0, payload);
  }

  /** A mistake of the peer's that concerns one stream. */
  private streamError(id: number, code: number): void {
    // A client may have opened more than we allow before it knew, and a server's mistakes must not end what others ask of it.
    const mistake = this.role === "server" && code !== http2Code.refusedStream;
    this.spend(this.resets, "streams that break rules", mistake ? useless : 1);
    const stream = this.streams.get(id);
    this.sender.number(frameType.rstStream, id, code);
    if (stream === undefined) {
      this.closedStreams.add(id, closedBy.localReset);
      return;
    }
    this.remove(stream, closedBy.localReset);
    stream.handler.onReset(stream, { code, refused: false, lost: null });
  }

  private spend(budget: Budget, what: string, count = 1): void {
    if (!budget.take(this.now, count))
      throw connectionError(http2Code.enhanceYourCalm, `The peer sent too many ${what}`);
  }

  private checkPreface(chunk: Buffer): number {
    const from = preface.length - this.prefaceLeft;
    const length = Math.min(chunk.length, this.prefaceLeft);
    if (preface.compare(chunk, 0, length, from, from + length) !== 0) {
      throw connectionError(http2Code.protocolError, "The client preface is wrong");
    }
    this.prefaceLeft -= length;
    return length;
  }

  // ---- Frames

  /** Rules that concern every frame: SETTINGS come first, and nothing comes between the frames of a header block. */
  private checkOrder(type: number, flags: number, id: number): void {
    if (!this.peerSettingsSeen && (type !== frameType.settings || flags & frameFlag.ack)) {
      throw connectionError(http2Code.protocolError, "The first frame is not SETTINGS");
    }
    if (this.block !== null && (type !== frameType.continuation || id !== this.block.id)) {
      throw connectionError(http2Code.protocolError, "A header block was interrupted");
    }
  }

  onDataStart(id: number, flags: number, length: number): void {
    this.dataStream = null;
    if (this.over) return;
    this.checkOrder(frameType.data, flags, id);
    if (id === 0) throw connectionError(http2Code.protocolError, "DATA has no stream");
    if (!this.window.take(length))
      throw connectionError(http2Code.flowControlError, "The connection's window was exceeded");
    this.dataFin = (flags & frameFlag.endStream) !== 0;
    if (length === 0 && !this.dataFin) this.spend(this.idleFrames, "empty frames");
    const stream = this.streams.get(id);
    if (stream !== undefined && !stream.remoteEnded) {
      stream.receiveWindow -= length;
      if (stream.receiveWindow < 0) this.streamError(id, http2Code.flowControlError);
      else if (this.role === "client" && !stream.headersSeen) this.streamError(id, http2Code.protocolError);
      else {
        stream.held += length;
        this.dataStream = stream;
        if (this.freeBytes > 0) this.settle(length, length);
        else if (this.window.wanting) this.releaseWindow(0);
        return;
      }
    } else if (stream !== undefined) this.streamError(id, http2Code.streamClosed);
    else if (this.isIdle(id)) throw connectionError(http2Code.protocolError, "DATA came for an idle stream");
    else if (!this.mayBeLate(id) && id <= this.acceptUpTo) this.streamError(id, http2Code.streamClosed);
    this.releaseWindow(length);
  }

  onPadding(overhead: number): void {
    if (this.dataStream !== null) this.consume(this.dataStream, overhead);
  }

  onDataPiece(bytes: Buffer, start: number, end: number, last: boolean): void {
    const stream = this.dataStream;
    // A stream that ended in the meantime has released its bytes, those of this frame's rest included.
    if (stream === null || stream.closed) return;
    const fin = last && this.dataFin;
    if (stream.contentLeft >= 0) {
      const left = (stream.contentLeft -= end - start);
      if (left < 0 || (fin && left > 0)) {
        this.streamError(stream.id, http2Code.protocolError);
        return;
      }
    }
    if (fin) stream.endRemote();
    if (end > start || fin) stream.handler.onData(stream, bytes, start, end, fin);
    if (fin && stream.localEnded) this.remove(stream, closedBy.end);
  }

  onFrame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (this.over) return;
    this.checkOrder(type, flags, id);
    switch (type) {
      case frameType.headers:
        return this.onHeadersFrame(flags, id, bytes, start, end);
      case frameType.continuation:
        return this.onContinuation(flags, bytes, start, end);
      case frameType.priority:
        return this.onPriority(id, bytes, start, end);
      case frameType.rstStream:
        return this.onRstStream(id, bytes, start, end);
      case frameType.settings:
        return this.onSettings(flags, id, bytes, start, end);
      case frameType.ping:
        return this.onPing(flags, id, bytes, start, end);
      case frameType.goaway:
        return this.onGoaway(id, bytes, start, end);
      case frameType.windowUpdate:
        return this.onWindowUpdate(id, bytes, start, end);
      case frameType.pushPromise:
        throw connectionError(http2Code.protocolError, "PUSH_PROMISE was not allowed");
      default:
        // Extensions that we don't know are ignored (RFC 9113 §5.5).
        return this.spend(this.idleFrames, "unknown frames");
    }
  }

  private onHeadersFrame(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw connectionError(http2Code.protocolError, "HEADERS has no stream");
    if (flags & frameFlag.padded) {
      if (start === end) throw connectionError(http2Code.frameSizeError, "HEADERS has no padding length");
      end -= bytes[start++]!;
    }
    let selfDependent = false;
    if (flags & frameFlag.priority) {
      if (end - start < 5) throw connectionError(http2Code.frameSizeError, "HEADERS has no room for its priority");
      selfDependent = (readUint32(bytes, start) & 0x7fffffff) === id;
      start += 5;
    }
    if (start > end) throw connectionError(http2Code.protocolError, "HEADERS has more padding than bytes");
    const fin = (flags & frameFlag.endStream) !== 0;
    if (flags & frameFlag.endHeaders) this.onBlock(id, fin, this.decoder.decode(bytes, start, end), selfDependent);
    else this.block = { id, fin, pieces: [Buffer.from(bytes.subarray(start, end))], bytes: end - start, selfDependent };
  }

  private onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const block = this.block;
    if (block === null) throw connectionError(http2Code.protocolError, "CONTINUATION came without HEADERS");
    block.bytes += end - start;
    block.pieces.push(Buffer.from(bytes.subarray(start, end)));
    if (block.bytes > this.limits.maxHeaderBlockBytes || block.pieces.length - 1 > this.limits.maxContinuations) {
      throw connectionError(http2Code.enhanceYourCalm, "A header block is too long");
    }
    if ((flags & frameFlag.endHeaders) === 0) return;
    this.block = null;
    const whole = Buffer.concat(block.pieces);
    this.onBlock(block.id, block.fin, this.decoder.decode(whole, 0, whole.length), block.selfDependent);
  }

  private onBlock(id: number, fin: boolean, block: HeaderBlock, selfDependent: boolean): void {
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.role === "server" && !this.isLocal(id) && id > this.lastPeerId)
        this.onNewStream(id, fin, block, selfDependent);
      else this.onLateHeaders(id);
    } else if (stream.remoteEnded) this.streamError(id, http2Code.streamClosed);
    else if (selfDependent || block.malformed !== null) this.streamError(id, http2Code.protocolError);
    else if (block.tooLarge) this.streamError(id, http2Code.enhanceYourCalm);
    else if (this.role === "client" && !stream.headersSeen) this.onResponse(stream, fin, block);
    else this.onTrailers(stream, fin, block);
  }

  private onLateHeaders(id: number): void {
    if (this.isLocal(id) !== (this.role === "client") || this.isIdle(id)) {
      throw connectionError(http2Code.protocolError, "HEADERS came for a stream that the peer can't open");
    }
    if (this.mayBeLate(id)) return;
    if (this.closedStreams.find(id) === null)
      throw connectionError(http2Code.protocolError, "HEADERS came for an old stream");
    throw connectionError(http2Code.streamClosed, "HEADERS came for a closed stream");
  }

  private onNewStream(id: number, fin: boolean, block: HeaderBlock, selfDependent: boolean): void {
    // Beyond our GOAWAY: the peer knows that it is not processed.
    if (id > this.acceptUpTo) {
      this.lastPeerId = id;
      return;
    }
    this.lastPeerId = id;
    if (selfDependent || block.malformed !== null || (block.kind !== "request" && !block.tooLarge)) {
      this.counts.malformed++;
      this.streamError(id, http2Code.protocolError);
      return;
    }
    if (this.peerStreams >= this.limits.maxConcurrentStreams) {
      this.streamError(id, http2Code.refusedStream);
      return;
    }
    const stream = this.addStream(id, noHandler);
    this.peerStreams++;
    if (fin) stream.endRemote();
    if (block.tooLarge) {
      this.spend(this.resets, "header lists that are too large", useless);
      this.sendHeaders(stream, tooLargeAnswer, true);
      if (!stream.closed) this.resetStream(stream, http2Code.noError);
      return;
    }
    stream.contentLeft = block.method === "CONNECT" ? -1 : block.contentLength;
    if (fin && stream.contentLeft > 0) {
      this.counts.malformed++;
      this.streamError(id, http2Code.protocolError);
    } else stream.handler = this.handler.onRequest(stream, block, fin);
  }

  private onResponse(stream: Http2Stream, fin: boolean, block: HeaderBlock): void {
    const interim = block.status < 200;
    if (block.kind !== "response" || (interim && fin)) {
      this.streamError(stream.id, http2Code.protocolError);
      return;
    }
    if (!interim) {
      stream.noteHeaders();
      const bodiless = stream.contentLeft === -2 || block.status === 204 || block.status === 304;
      stream.contentLeft = bodiless ? 0 : block.contentLength;
      if (fin && stream.contentLeft > 0) {
        this.streamError(stream.id, http2Code.protocolError);
        return;
      }
    }
    if (fin) stream.endRemote();
    stream.handler.onHeaders(stream, block, fin);
    if (fin && stream.localEnded) this.remove(stream, closedBy.end);
  }

  private onTrailers(stream: Http2Stream, fin: boolean, block: HeaderBlock): void {
    if (!fin || block.kind !== "trailers" || stream.contentLeft > 0) {
      this.streamError(stream.id, http2Code.protocolError);
      return;
    }
    stream.endRemote();
    stream.handler.onTrailers(stream, block);
    if (stream.localEnded) this.remove(stream, closedBy.end);
  }

  private onPriority(id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw connectionError(http2Code.protocolError, "PRIORITY has no stream");
    this.spend(this.idleFrames, "PRIORITY frames");
    if (end - start !== 5) {
      if (this.isIdle(id)) throw connectionError(http2Code.frameSizeError, "PRIORITY has a wrong length");
      this.streamError(id, http2Code.frameSizeError);
    } else if ((readUint32(bytes, start) & 0x7fffffff) === id) this.streamError(id, http2Code.protocolError);
  }

  private onRstStream(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw connectionError(http2Code.frameSizeError, "RST_STREAM has a wrong length");
    if (id === 0 || this.isIdle(id))
      throw connectionError(http2Code.protocolError, "RST_STREAM came for an idle stream");
    const stream = this.streams.get(id);
    if (stream === undefined) return;
    if (this.role === "server") this.spend(this.resets, "resets", stream.id > this.lastPeerIdBefore ? useless : 1);
    const code = readUint32(bytes, start);
    this.remove(stream, closedBy.remoteReset);
    stream.handler.onReset(stream, { code, refused: code === http2Code.refusedStream, lost: null });
  }

  private onSettings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw connectionError(http2Code.protocolError, "SETTINGS has a stream");
    if (flags & frameFlag.ack) {
      if (start !== end)
        throw connectionError(http2Code.frameSizeError, "An acknowledgement of SETTINGS has a payload");
      this.onSettingsAcked();
      return;
    }
    this.spend(this.settings, "SETTINGS frames");
    const { peer } = this.sender;
    const previousWindow = peer.initialWindowSize;
    // The first SETTINGS end our guess: without a value there is no limit (RFC 9113 §6.5.2).
    if (!this.peerSettingsSeen) peer.maxConcurrentStreams = maxWindow;
    this.peerSettingsSeen = true;
    readSettings(bytes, start, end, peer, this.role === "client");
    this.sender.frame(frameType.settings, frameFlag.ack, 0, bytes.subarray(0, 0));
    if (!this.sender.applySettings(this.streams, previousWindow)) {
      throw connectionError(http2Code.flowControlError, "INITIAL_WINDOW_SIZE makes a window too large");
    }
    this.handler.onSettings();
  }

  private onSettingsAcked(): void {
    if (this.settingsAcked) return;
    this.settingsAcked = true;
    const change = this.limits.streamWindow - Math.max(defaultWindow, this.limits.streamWindow);
    if (change !== 0) for (const stream of this.streams.all()) stream.receiveWindow += change;
  }

  private onPing(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw connectionError(http2Code.protocolError, "PING has a stream");
    if (end - start !== 8) throw connectionError(http2Code.frameSizeError, "PING has a wrong length");
    if ((flags & frameFlag.ack) === 0) {
      this.spend(this.pings, "PING frames");
      this.sender.frame(frameType.ping, frameFlag.ack, 0, bytes.subarray(start, end));
      return;
    }
    const payload = readUint32(bytes, start + 4);
    if (payload === drainPing && this.state === "draining" && this.acceptUpTo === maxWindow) {
      this.acceptUpTo = this.lastPeerId;
      this.goaway(this.lastPeerId, http2Code.noError, "");
      this.checkFinished();
    } else this.handler.onPong(payload);
  }

  private onGoaway(id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw connectionError(http2Code.protocolError, "GOAWAY has a stream");
    if (end - start < 8) throw connectionError(http2Code.frameSizeError, "GOAWAY has a wrong length");
    const lastId = readUint32(bytes, start) & 0x7fffffff;
    const code = readUint32(bytes, start + 4);
    this.goawayReceived = true;
    this.handler.onGoaway(
      code,
      `${http2CodeName(code)} ${bytes.toString("latin1", start + 8, Math.min(end, start + 264))}`.trim(),
    );
    for (const stream of this.streams.all()) {
      if (stream.closed || !this.isLocal(stream.id) || stream.id <= lastId) continue;
      this.remove(stream, closedBy.remoteReset);
      stream.handler.onReset(stream, { code: http2Code.refusedStream, refused: true, lost: null });
    }
    this.checkFinished();
  }

  private onWindowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw connectionError(http2Code.frameSizeError, "WINDOW_UPDATE has a wrong length");
    if (!this.sender.takeUpdate()) this.spend(this.idleFrames, "WINDOW_UPDATE frames");
    const increment = readUint32(bytes, start) & 0x7fffffff;
    if (id === 0) {
      if (increment === 0) throw connectionError(http2Code.protocolError, "WINDOW_UPDATE adds nothing");
      if (!this.sender.grow(increment))
        throw connectionError(http2Code.flowControlError, "The connection's window is too large");
      return;
    }
    if (this.isIdle(id)) throw connectionError(http2Code.protocolError, "WINDOW_UPDATE came for an idle stream");
    const stream = this.streams.get(id);
    if (stream === undefined) return;
    if (increment === 0) this.streamError(id, http2Code.protocolError);
    else if (!this.sender.growStream(stream, increment)) this.streamError(id, http2Code.flowControlError);
  }
}
