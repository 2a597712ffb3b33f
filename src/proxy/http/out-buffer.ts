import type { Socket } from "#lib/net/socket.ts";
import type { TransportCells } from "./ports.ts";

/** Bytes of a pooled buffer, and the longest piece that is copied into one instead of being written by itself. */
const bufferBytes = 32_768;
const copyBytes = 16_384;
/** Spare buffers of a pool. */
const maxSpare = 64;

/** Buffers for bytes on their way out. A connection holds one only while it has something to write. */
export class BufferPool {
  private readonly spare: Buffer[] = [];

  take(): Buffer {
    return this.spare.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
  }

  give(buffer: Buffer): void {
    if (this.spare.length < maxSpare) this.spare.push(buffer);
  }
}

/** Flushes what was put into out-buffers during one callback, each with one write. Every socket callback ends with `run`. */
export class Flusher {
  private readonly dirty: OutBuffer[] = [];

  mark(out: OutBuffer): void {
    this.dirty.push(out);
  }

  run(): void {
    // Flushing may make a connection put more, into itself or another: go on until nothing is left.
    for (let index = 0; index < this.dirty.length; index++) this.dirty[index]?.flush();
    this.dirty.length = 0;
  }
}

/** Told when the way is full and when everything is out again. Called from inside `flush`, never from `put`. */
export interface OutBufferOwner {
  onBlocked(): void;
  onUnblocked(): void;
}

/**
 * Bytes on their way out of one connection. Small pieces are gathered and go out in one write at the end of the
 * callback; large ones are written as they are. When the socket is full the rest is kept and the owner stops the source:
 * at most what the source had already read (one chunk) comes on top.
 */
export class OutBuffer {
  /** The socket took less than offered: `drain` must come before more is written. */
  blocked = false;
  private readonly socket: Socket;
  private readonly owner: OutBufferOwner;
  private readonly flusher: Flusher;
  private readonly pool: BufferPool;
  private readonly cells: TransportCells;
  private buffer: Buffer | null = null;
  private start = 0;
  private end = 0;
  private marked = false;
  private dead = false;
  /** Pieces behind `buffer` while blocked, in order. */
  private queue: Buffer[] = [];

  constructor(socket: Socket, owner: OutBufferOwner, flusher: Flusher, pool: BufferPool, cells: TransportCells) {
    this.socket = socket;
    this.owner = owner;
    this.flusher = flusher;
    this.pool = pool;
    this.cells = cells;
  }

  /** Nothing waits. */
  get empty(): boolean {
    return this.end === this.start && this.queue.length === 0;
  }

  /** Adds bytes. `chunk` must not change afterwards. */
  put(chunk: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length === 0 || this.dead) return;
    if (this.queue.length > 0) {
      this.enqueue(chunk, start, end);
      return;
    }
    if (length > copyBytes) {
      this.write();
      if (this.blocked) {
        this.enqueue(chunk, start, end);
        return;
      }
      const taken = this.socket.write(chunk, start, length);
      if (taken < 0) {
        this.fail();
        return;
      }
      this.cells.writtenBytes += taken;
      if (taken < length) {
        this.enqueue(chunk, start + taken, end);
        this.blocked = true;
        this.mark();
      }
      return;
    }
    const buffer = this.room(length);
    if (buffer === null) {
      this.enqueue(chunk, start, end);
      return;
    }
    if (length < 24) for (let index = 0; index < length; index++) buffer[this.end + index] = chunk[start + index] ?? 0;
    else buffer.set(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end), this.end);
    this.end += length;
  }

  /** Adds latin1 text. */
  text(text: string): void {
    if (this.dead) return;
    const buffer = this.queue.length > 0 || text.length > copyBytes ? null : this.room(text.length);
    if (buffer === null) {
      const bytes = Buffer.from(text, "latin1");
      this.put(bytes, 0, bytes.length);
      return;
    }
    this.end += buffer.write(text, this.end, "latin1");
  }

  /** Writes what was gathered and tells the owner if that changed whether the way is full. */
  flush(): void {
    this.marked = false;
    this.write();
    if (this.blocked) this.owner.onBlocked();
  }

  /** The socket may take more. */
  drain(): void {
    if (!this.blocked) return;
    this.blocked = false;
    this.write();
    while (!this.blocked && !this.dead) {
      const piece = this.queue[0];
      if (piece === undefined) break;
      const taken = this.socket.write(piece, 0, piece.length);
      if (taken < 0) {
        this.fail();
        return;
      }
      this.cells.writtenBytes += taken;
      if (taken < piece.length) {
        this.queue[0] = piece.subarray(taken);
        this.blocked = true;
      } else {
        this.queue.shift();
      }
    }
    if (!this.blocked && !this.dead) this.owner.onUnblocked();
  }

  /** Drops everything; later puts are ignored. For a connection that is gone. */
  discard(): void {
    this.fail();
  }

  private mark(): void {
    if (this.marked) return;
    this.marked = true;
    this.flusher.mark(this);
  }

  /** The buffer with room for `length` more bytes, or null when it is full and the socket too. */
  private room(length: number): Buffer | null {
    if (this.buffer !== null && this.end + length > bufferBytes) {
      if (!this.blocked) this.write();
      if (this.blocked && this.end + length > bufferBytes) return null;
    }
    this.buffer ??= this.pool.take();
    this.mark();
    return this.buffer;
  }

  private enqueue(chunk: Uint8Array, start: number, end: number): void {
    // Small pieces are copied, so that they don't hold a large chunk.
    const piece = chunk.subarray(start, end);
    this.queue.push(
      end - start < 4_096 ? Buffer.from(piece) : Buffer.from(piece.buffer, piece.byteOffset, piece.length),
    );
    this.blocked = true;
    this.mark();
  }

  private write(): void {
    const buffer = this.buffer;
    if (buffer === null || this.blocked) return;
    const length = this.end - this.start;
    if (length > 0) {
      const taken = this.socket.write(buffer, this.start, length);
      if (taken < 0) {
        this.fail();
        return;
      }
      this.cells.writtenBytes += taken;
      this.start += taken;
      if (taken < length) {
        this.blocked = true;
        this.mark();
        return;
      }
    }
    this.release();
  }

  private release(): void {
    if (this.buffer !== null) this.pool.give(this.buffer);
    this.buffer = null;
    this.start = this.end = 0;
  }

  /** The socket is closed: its `onClose` tells the owner. */
  private fail(): void {
    this.dead = true;
    this.blocked = false;
    this.queue = [];
    this.release();
  }
}
