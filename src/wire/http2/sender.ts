import { canGrow, defaultWindow } from "./flow-control.ts";
import { frameFlag, frameHeaderBytes, frameType, maxFrameBytes, writeFrameHeader, writeUint32 } from "./frames.ts";
import type { HeaderBlock } from "./header-block.ts";
import type { Http2Counts } from "./counts.ts";
import { HpackEncoder } from "./hpack/encoder.ts";
import type { Http2Limits } from "./limits.ts";
import type { OutBuffer } from "./out-buffer.ts";
import { type PeerSettings, initialPeerSettings } from "./settings.ts";
import { Outgoing, type Http2Stream, type Queued } from "./stream.ts";
import type { StreamTable } from "./stream-table.ts";

/** What the sender tells its connection. */
export interface SenderEvents {
  /** `crowded` changed. */
  onCrowded(): void;
  /** A stream's END_STREAM was written. */
  onLocalEnd(stream: Http2Stream): void;
}

/** Shorter pieces are copied when they have to wait, bytes: they would keep the whole chunk that they came in. */
const copyBelow = 4096;

/**
 * How many WINDOW_UPDATE frames a peer may send for a frame of ours, and one more for each 256 bytes in it: some send two for every few
 * bytes that they read. As many as `maxUpdates` can be saved up.
 */
const updatesOfFrame = 4;
const updateShift = 8;
const maxUpdates = 100_000;

function waiting(bytes: Buffer, start: number, end: number, fin: boolean): Queued {
  const length = end - start;
  if (length >= copyBelow || length === bytes.buffer.byteLength) return { bytes, start, end, block: null, fin };
  return { bytes: Buffer.from(new Uint8Array(bytes.subarray(start, end))), start: 0, end: length, block: null, fin };
}

/**
 * The sending half: frames, send windows, and the queues of streams that wait for one. Streams that could send but for
 * the connection's window or a full socket take turns, one frame each.
 */
export class Sender {
  readonly peer: PeerSettings = initialPeerSettings();
  private readonly out: OutBuffer;
  private readonly events: SenderEvents;
  private readonly highWater: number;
  private readonly encoder = new HpackEncoder();
  private readonly counts: Http2Counts;
  /** Bytes of all streams that wait, and from how many on that is too much. */
  private queued = 0;
  private readonly maxQueued: number;
  crowded = false;
  private window = defaultWindow;
  /** WINDOW_UPDATE frames that the peer may still send for what it got. */
  private updates = 0;
  /** Streams with something queued whose own window is open, in turn. */
  private readonly ready = new Set<Http2Stream>();

  constructor(out: OutBuffer, events: SenderEvents, limits: Http2Limits, counts: Http2Counts) {
    this.out = out;
    this.events = events;
    this.highWater = limits.outHighWater;
    this.maxQueued = limits.queuedBytes;
    this.counts = counts;
  }

  /** Writes any frame whose payload is ready. */
  frame(type: number, flags: number, id: number, payload: Uint8Array): void {
    const bytes = this.out.reserve(frameHeaderBytes + payload.length);
    const at = writeFrameHeader(bytes, this.out.end, payload.length, type, flags, id);
    bytes.set(payload, at);
    this.out.end = at + payload.length;
  }

  /** Writes a frame with one 32-bit number: RST_STREAM or WINDOW_UPDATE. */
  number(type: number, id: number, value: number): void {
    const bytes = this.out.reserve(frameHeaderBytes + 4);
    this.out.end = writeUint32(bytes, writeFrameHeader(bytes, this.out.end, 4, type, 0, id), value);
  }

  headers(stream: Http2Stream, block: HeaderBlock, fin: boolean): void {
    const queue = stream.outgoing === null ? null : stream.outgoing.queue;
    if (queue !== null) {
      queue.push({ bytes: null, start: 0, end: 0, block, fin });
      return;
    }
    this.writeHeaders(stream, block, fin);
  }

  private writeHeaders(stream: Http2Stream, block: HeaderBlock, fin: boolean): void {
    const out = this.out;
    const bytes = out.reserve(frameHeaderBytes + HpackEncoder.bound(block));
    const start = out.end + frameHeaderBytes;
    const end = this.encoder.encode(block, bytes, start);
    const endStream = fin ? frameFlag.endStream : 0;
    const limit = maxFrameBytes;
    if (end - start <= limit) {
      writeFrameHeader(bytes, out.end, end - start, frameType.headers, frameFlag.endHeaders | endStream, stream.id);
      out.end = end;
    } else {
      const encoded = Buffer.from(bytes.subarray(start, end));
      for (let at = 0; at < encoded.length; at += limit) {
        const piece = encoded.subarray(at, at + limit);
        const endHeaders = at + limit >= encoded.length ? frameFlag.endHeaders : 0;
        if (at === 0) this.frame(frameType.headers, endStream, stream.id, piece);
        else this.frame(frameType.continuation, endHeaders, stream.id, piece);
      }
    }
    if (fin) this.ended(stream);
  }

  private ended(stream: Http2Stream): void {
    stream.endLocal();
    this.events.onLocalEnd(stream);
  }

  /** Returns how many bytes of the stream wait. */
  data(stream: Http2Stream, bytes: Buffer, start: number, end: number, fin: boolean): number {
    // An end alone needs no window.
    if (start === end && fin && (stream.outgoing === null || stream.outgoing.queue === null)) {
      this.writeData(stream, null, bytes, start, 0, true);
      return 0;
    }
    const outgoing = this.outgoingOf(stream);
    if (outgoing.queue === null) {
      let at = start;
      while (at < end) {
        const size = this.room(outgoing, end - at);
        if (size <= 0) break;
        this.writeData(stream, outgoing, bytes, at, size, fin && at + size === end);
        at += size;
      }
      if (at === end) return 0;
      start = at;
      outgoing.queue = [];
      if (outgoing.window > 0) this.ready.add(stream);
    }
    outgoing.queue.push(waiting(bytes, start, end, fin));
    outgoing.queued += end - start;
    this.count(end - start);
    return outgoing.queued;
  }

  private outgoingOf(stream: Http2Stream): Outgoing {
    return (stream.outgoing ??= new Outgoing(this.peer.initialWindowSize));
  }

  private count(bytes: number): void {
    this.queued += bytes;
    this.counts.queuedBytes += bytes;
    if (bytes < 0 || this.crowded || this.queued <= this.maxQueued) return;
    this.crowded = true;
    this.counts.crowded++;
    this.events.onCrowded();
  }

  /** Ends being crowded if enough has gone. Not in the middle of anything: whoever hears of it may send. */
  ease(): void {
    if (!this.crowded || this.queued * 2 > this.maxQueued) return;
    this.crowded = false;
    this.events.onCrowded();
  }

  /** How much of `wanted` may go out now, as one frame. */
  private room(outgoing: Outgoing, wanted: number): number {
    if (this.out.blocked && this.out.length >= this.highWater) return 0;
    return Math.min(wanted, this.window, outgoing.window, maxFrameBytes);
  }

  private writeData(
    stream: Http2Stream,
    outgoing: Outgoing | null,
    bytes: Buffer,
    at: number,
    size: number,
    fin: boolean,
  ): void {
    const out = this.out;
    const target = out.reserve(frameHeaderBytes + size);
    const to = writeFrameHeader(target, out.end, size, frameType.data, fin ? frameFlag.endStream : 0, stream.id);
    // A native call costs more than a short loop.
    if (size < 64) for (let index = 0; index < size; index++) target[to + index] = bytes[at + index]!;
    else bytes.copy(target, to, at, at + size);
    out.end = to + size;
    this.window -= size;
    if (outgoing !== null) outgoing.window -= size;
    this.allowUpdates(updatesOfFrame + (size >>> updateShift));
    if (fin) this.ended(stream);
  }

  /** `count` more WINDOW_UPDATE frames have a reason. */
  allowUpdates(count: number): void {
    this.updates = Math.min(maxUpdates, this.updates + count);
  }

  /** Whether one more WINDOW_UPDATE frame has a reason. */
  takeUpdate(): boolean {
    return this.updates > 0 && this.updates-- > 0;
  }

  /** Grows the connection's window; false on overflow. */
  grow(increment: number): boolean {
    if (!canGrow(this.window, increment)) return false;
    this.window += increment;
    this.pump();
    return true;
  }

  /** Grows a stream's window; false on overflow. */
  growStream(stream: Http2Stream, increment: number): boolean {
    const outgoing = this.outgoingOf(stream);
    if (!canGrow(outgoing.window, increment)) return false;
    outgoing.window += increment;
    if (outgoing.queue !== null && outgoing.window > 0) {
      this.ready.add(stream);
      this.pump();
    }
    return true;
  }

  /** Applies settings that were just read into `peer`. False when a stream's window overflows. */
  applySettings(streams: StreamTable, previousWindow: number): boolean {
    this.encoder.setMaxTableBytes(this.peer.headerTableSize);
    const change = this.peer.initialWindowSize - previousWindow;
    if (change === 0) return true;
    // Pumping may end streams. Those that have sent nothing will begin with the new window.
    for (const stream of streams.all()) {
      if (stream.outgoing !== null && !stream.closed && !this.growStream(stream, change)) return false;
    }
    return true;
  }

  /** Lets waiting streams send while there is window and room. */
  pump(): void {
    if (this.ready.size > 0) this.takeTurns();
    this.ease();
  }

  private takeTurns(): void {
    for (const stream of this.ready) {
      if (this.window <= 0 || (this.out.blocked && this.out.length >= this.highWater)) break;
      this.ready.delete(stream);
      const sent = this.sendNext(stream);
      // Behind the others: a Set iterates over what is added meanwhile.
      const { outgoing } = stream;
      if (outgoing !== null && outgoing.queue !== null && outgoing.window > 0) this.ready.add(stream);
      if (sent > 0) stream.handler.onSent(stream, sent);
    }
  }

  /** One frame of data, and headers or empty ends that follow it. */
  private sendNext(stream: Http2Stream): number {
    const { outgoing } = stream;
    const queue = outgoing === null ? null : outgoing.queue;
    if (outgoing === null || queue === null) return 0;
    let sent = 0;
    while (queue.length > 0) {
      const item = queue[0]!;
      if (item.block !== null) {
        queue.shift();
        if (queue.length === 0) outgoing.queue = null;
        this.writeHeaders(stream, item.block, item.fin);
        continue;
      }
      const left = item.end - item.start;
      // An empty end needs no window and follows at once; more data waits for its turn.
      const size = left === 0 ? 0 : sent > 0 ? 0 : this.room(outgoing, left);
      if (size <= 0 && left > 0) return sent;
      const done = size === left;
      if (done) queue.shift();
      if (queue.length === 0) outgoing.queue = null;
      const at = item.start;
      item.start += size;
      outgoing.queued -= size;
      outgoing.wrote = true;
      this.count(-size);
      sent += size;
      this.writeData(stream, outgoing, item.bytes!, at, size, item.fin && done);
    }
    return sent;
  }

  /** Forgets a stream that was closed. */
  drop(stream: Http2Stream): void {
    const { outgoing } = stream;
    if (outgoing === null) return;
    this.ready.delete(stream);
    outgoing.queue = null;
    if (outgoing.queued > 0) this.count(-outgoing.queued);
    outgoing.queued = 0;
  }
}
