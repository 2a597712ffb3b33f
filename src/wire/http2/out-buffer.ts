/** Where bytes go: a socket, or a list in a test. Takes what it can, like `Socket.write` of `#lib/net/socket.ts`. */
export interface ByteSink {
  write(data: Uint8Array, offset: number, length: number): number;
}

/** Keeps the buffers that connections have no use for at the moment. One per program. */
export class BufferPool {
  readonly bufferBytes: number;
  private readonly free: Buffer[] = [];
  private readonly keep: number;

  /** @param bufferBytes bytes of one buffer; @param keep how many are kept at most. */
  constructor(bufferBytes = 64 * 1024, keep = 16) {
    this.bufferBytes = bufferBytes;
    this.keep = keep;
  }

  take(): Buffer {
    return this.free.pop() ?? Buffer.allocUnsafeSlow(this.bufferBytes);
  }

  give(buffer: Buffer): void {
    if (buffer.length === this.bufferBytes && this.free.length < this.keep) this.free.push(buffer);
  }
}

/**
 * The bytes that a connection has to send. Writers reserve room and write in place; everything of one turn leaves in one
 * `write`. It holds a buffer only while there is something to send.
 */
export class OutBuffer {
  /** Where the next byte goes; writers move it. */
  end = 0;
  /** The sink took less than it was given; `drained` ends that. */
  blocked = false;
  private bytes: Buffer | null = null;
  private start = 0;
  private readonly sink: ByteSink;
  private readonly pool: BufferPool;

  constructor(sink: ByteSink, pool: BufferPool) {
    this.sink = sink;
    this.pool = pool;
  }

  /** Bytes that wait. */
  get length(): number {
    return this.end - this.start;
  }

  /** A buffer with room for `size` bytes from `end` on. It may write earlier bytes out to make room. */
  reserve(size: number): Buffer {
    let bytes = this.bytes;
    if (bytes !== null && this.end + size <= bytes.length) return bytes;
    if (bytes !== null && !this.blocked) {
      this.flush();
      bytes = this.bytes;
    }
    if (bytes === null) {
      this.start = this.end = 0;
      bytes = size <= this.pool.bufferBytes ? this.pool.take() : Buffer.allocUnsafeSlow(size);
    } else if (this.end + size > bytes.length) {
      const length = this.length;
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * bytes.length, length + size));
      bytes.copy(larger, 0, this.start, this.end);
      this.pool.give(bytes);
      this.start = 0;
      this.end = length;
      bytes = larger;
    }
    this.bytes = bytes;
    return bytes;
  }

  /** Hands over what waits. True when nothing waits any more; a closed sink takes everything. */
  flush(): boolean {
    const bytes = this.bytes;
    if (bytes === null) return true;
    if (this.blocked) return false;
    const length = this.length;
    const written = length === 0 ? 0 : this.sink.write(bytes, this.start, length);
    if (written < 0 || written >= length) {
      this.discard();
      return true;
    }
    this.start += written;
    this.blocked = true;
    return false;
  }

  /** The sink has room again. */
  drained(): boolean {
    this.blocked = false;
    return this.flush();
  }

  /** Drops what waits: the sink is gone. */
  discard(): void {
    if (this.bytes !== null) this.pool.give(this.bytes);
    this.bytes = null;
    this.start = this.end = 0;
    this.blocked = false;
  }
}
