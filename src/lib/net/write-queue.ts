/**
 * A bounded queue over `Socket.write`, for code off the hot path: whole messages go in, order is kept, what the kernel
 * does not take waits for `onDrain`. The owner passes its handler's `onDrain` on to {@link WriteQueue.drain}.
 */
import type { Socket } from "./socket.ts";

export class WriteQueue {
  /** Waiting bytes beyond which {@link write} answers false. */
  readonly limit: number;
  private readonly socket: Socket;
  private readonly waiting: Uint8Array[] = [];
  /** Bytes of the first entry that are gone already. */
  private offset = 0;
  private bytes = 0;
  private ending: "open" | "shutdown" | "close" = "open";
  private readonly onRoom: () => void;
  private full = false;

  /** `limit` in bytes, default 1 MiB; `onRoom` is called when the queue has emptied after it was full. */
  constructor(socket: Socket, limit: number = 1 << 20, onRoom: () => void = () => {}) {
    this.socket = socket;
    this.limit = limit;
    this.onRoom = onRoom;
  }

  /** Bytes that wait. */
  get size(): number {
    return this.bytes;
  }

  /**
   * Writes or queues `data`, which must not change afterwards. Always taken unless the socket is closed or ending.
   * @returns false when the sender should wait for `onRoom`: the queue is beyond its limit, or nothing is sent any more.
   */
  write(data: Uint8Array): boolean {
    if (this.socket.closed || this.ending !== "open") return false;
    let taken = 0;
    if (this.bytes === 0) {
      taken = this.socket.write(data, 0, data.length);
      if (taken < 0) return false;
    }
    if (taken < data.length) {
      if (this.waiting.length === 0) this.offset = taken;
      this.waiting.push(data);
      this.bytes += data.length - taken;
    }
    if (this.bytes > this.limit) this.full = true;
    return !this.full;
  }

  /** Writes what waits; call it from the handler's `onDrain`. */
  drain(): void {
    for (let first = this.waiting[0]; first !== undefined; first = this.waiting[0]) {
      const length = first.length - this.offset;
      const taken = this.socket.write(first, this.offset, length);
      if (taken < 0) {
        this.discard();
        return;
      }
      this.bytes -= taken;
      this.offset += taken;
      if (taken < length) return;
      this.waiting.shift();
      this.offset = 0;
    }
    this.finish();
    if (this.full) {
      this.full = false;
      this.onRoom();
    }
  }

  /** Half-closes once everything is out. */
  shutdown(): void {
    if (this.ending === "open") this.ending = "shutdown";
    if (this.bytes === 0) this.finish();
  }

  /** Closes once everything is out. The caller sets a deadline if the peer may never read. */
  close(): void {
    this.ending = "close";
    if (this.bytes === 0) this.finish();
  }

  /** Forgets what waits, for a socket that has closed. */
  discard(): void {
    this.waiting.length = 0;
    this.bytes = 0;
    this.offset = 0;
  }

  private finish(): void {
    if (this.ending === "shutdown") this.socket.shutdown();
    else if (this.ending === "close") this.socket.close();
  }
}
