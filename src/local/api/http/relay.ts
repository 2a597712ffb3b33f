/** Bytes both ways between two sockets, with backpressure and half-close. */
import type { Socket, SocketHandler } from "#lib/net/socket.ts";

class Side implements SocketHandler {
  private readonly peer: Socket;
  private pending: Buffer | null = null;
  private offset = 0;
  private ended = false;
  other: Side | null = null;

  /** Handles the socket whose bytes go to `peer`; `own` is that socket. */
  constructor(peer: Socket) {
    this.peer = peer;
  }

  onData(socket: Socket, chunk: Buffer): void {
    if (this.pending !== null) {
      // One more chunk may follow a pause.
      this.pending = Buffer.concat([this.pending.subarray(this.offset), chunk]);
      this.offset = 0;
      return;
    }
    const written = this.peer.write(chunk, 0, chunk.length);
    if (written < 0 || written === chunk.length) return;
    this.pending = chunk;
    this.offset = written;
    socket.pause();
  }

  /** The peer has room. */
  flush(socket: Socket): void {
    if (this.pending !== null) {
      const written = this.peer.write(this.pending, this.offset, this.pending.length - this.offset);
      if (written < 0) return;
      this.offset += written;
      if (this.offset < this.pending.length) return;
      this.pending = null;
      this.offset = 0;
      socket.resume();
    }
    if (this.ended) this.peer.shutdown();
  }

  onDrain(): void {
    // Room on this side's socket: what waits for it is what came from the peer.
    this.other?.flush(this.peer);
  }

  onEnd(): void {
    this.ended = true;
    if (this.pending === null) this.peer.shutdown();
  }

  onClose(_socket: Socket, error: Error | null): void {
    if (error === null) this.peer.close();
    else this.peer.terminate();
  }
}

export function relay(a: Socket, b: Socket): void {
  const fromA = new Side(b);
  const fromB = new Side(a);
  fromA.other = fromB;
  fromB.other = fromA;
  a.handler = fromA;
  b.handler = fromB;
}
