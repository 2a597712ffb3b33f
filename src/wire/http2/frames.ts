import { connectionError, http2Code } from "./errors.ts";

/** Frame types (RFC 9113 §6). */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Frame flags; ACK and END_STREAM share a bit. */
export const frameFlag = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** What a client sends first (RFC 9113 §3.4). */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const frameHeaderBytes = 9;

/** The largest frame payload that we accept; we never announce more than the default (RFC 9113 §4.2). */
export const maxFrameBytes = 16_384;

/** Writes a frame header at `at` and returns the position behind it. */
export function writeFrameHeader(
  out: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  id: number,
): number {
  out[at] = length >>> 16;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  out[at + 3] = type;
  out[at + 4] = flags;
  return writeUint32(out, at + 5, id);
}

export function writeUint32(out: Buffer, at: number, value: number): number {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
  return at + 4;
}

export function readUint32(bytes: Buffer, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** What a {@link FrameParser} found. DATA comes in pieces as it arrives; every other frame comes whole. */
export interface FrameSink {
  /** A DATA frame began. `length` is its payload with padding, which counts for flow control. */
  onDataStart(id: number, flags: number, length: number): void;
  /** `overhead` bytes of the current frame were padding. */
  onPadding(overhead: number): void;
  /** A piece of the current frame, possibly empty; `last` ends it. */
  onDataPiece(bytes: Buffer, start: number, end: number, last: boolean): void;
  onFrame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void;
}

const nothing = Buffer.alloc(0);

/** How many bytes of a frame must be there before it can be parsed: of DATA, just enough to begin. */
function needed(bytes: Buffer, at: number): number {
  const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
  if (bytes[at + 3] !== frameType.data) return frameHeaderBytes + length;
  return frameHeaderBytes + (bytes[at + 4]! & frameFlag.padded && length > 0 ? 1 : 0);
}

/** Cuts a byte stream into frames, in place. Only a frame that is split over chunks is copied, at most 16 KiB. */
export class FrameParser {
  private readonly sink: FrameSink;
  /** A frame that is incomplete, in a buffer of just its size; null when none is. */
  private partial: Buffer | null = null;
  private partialLength = 0;
  /** Bytes of the current DATA frame still to come: content, then padding. */
  private dataLeft = 0;
  private paddingLeft = 0;
  private inData = false;

  constructor(sink: FrameSink) {
    this.sink = sink;
  }

  /** The frame that has begun and is not complete, as an object that stays the same until it is; null when there is none. */
  get incomplete(): object | null {
    return this.partial;
  }

  /** Takes the next bytes. Throws a connection error; the parser is unusable afterwards. */
  feed(chunk: Buffer, from: number): void {
    let at = from;
    while (this.partial !== null && at < chunk.length) at = this.complete(this.partial, chunk, at);
    if (this.partial !== null) return;
    at = this.parse(chunk, at, chunk.length);
    if (at < chunk.length) this.keep(chunk, at, chunk.length);
  }

  private keep(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    const partial = Buffer.allocUnsafe(length < frameHeaderBytes ? frameHeaderBytes : needed(bytes, start));
    bytes.copy(partial, 0, start, end);
    this.partial = partial;
    this.partialLength = length;
  }

  /** Adds to the incomplete frame what it needs and no more; parses it when it is complete. */
  private complete(partial: Buffer, chunk: Buffer, at: number): number {
    const taken = chunk.copy(partial, this.partialLength, at, at + partial.length - this.partialLength);
    this.partialLength += taken;
    if (this.partialLength === partial.length) {
      this.partial = null;
      // Less than everything is parsed when only the frame's header was known to be needed so far.
      if (this.parse(partial, 0, partial.length) === 0) this.keep(partial, 0, partial.length);
    }
    return at + taken;
  }

  /** Parses what is complete in `bytes[at, end)` and returns where the incomplete rest starts. */
  private parse(bytes: Buffer, at: number, end: number): number {
    for (;;) {
      if (this.inData) {
        at = this.data(bytes, at, end);
        if (this.inData) return at;
      }
      if (end - at < frameHeaderBytes) return at;
      const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
      const type = bytes[at + 3]!;
      const flags = bytes[at + 4]!;
      const id = readUint32(bytes, at + 5) & 0x7fffffff;
      if (length > maxFrameBytes)
        throw connectionError(http2Code.frameSizeError, `A frame of ${length} bytes is too large`);
      const payload = at + frameHeaderBytes;
      if (type !== frameType.data) {
        if (end - payload < length) return at;
        at = payload + length;
        this.sink.onFrame(type, flags, id, bytes, payload, at);
        continue;
      }
      const padded = (flags & frameFlag.padded) !== 0;
      if (padded && length > 0 && end === payload) return at;
      this.startData(id, flags, length, padded ? bytes[payload] : undefined);
      at = padded ? payload + 1 : payload;
    }
  }

  private startData(id: number, flags: number, length: number, padding: number | undefined): void {
    const padded = (flags & frameFlag.padded) !== 0;
    if (padded && (padding === undefined || padding >= length)) {
      throw connectionError(http2Code.protocolError, "DATA has more padding than bytes");
    }
    this.sink.onDataStart(id, flags, length);
    this.paddingLeft = padding ?? 0;
    this.dataLeft = length - this.paddingLeft - (padded ? 1 : 0);
    if (padded) this.sink.onPadding(this.paddingLeft + 1);
    this.inData = true;
  }

  private data(bytes: Buffer, at: number, end: number): number {
    if (this.dataLeft > 0) {
      if (at === end) return at;
      const stop = Math.min(end, at + this.dataLeft);
      this.dataLeft -= stop - at;
      const last = this.dataLeft === 0 && this.paddingLeft === 0;
      if (last) this.inData = false;
      this.sink.onDataPiece(bytes, at, stop, last);
      if (last) return stop;
      at = stop;
      if (this.dataLeft > 0) return at;
    }
    const skipped = Math.min(end - at, this.paddingLeft);
    this.paddingLeft -= skipped;
    if (this.paddingLeft === 0) {
      this.inData = false;
      this.sink.onDataPiece(nothing, 0, 0, true);
    }
    return at + skipped;
  }
}
