import type { MeshError } from "#lib/errors.ts";
import type { Socket, SocketAddr, SocketHandler, TlsSession } from "#lib/net/socket.ts";
import type { Flusher } from "../out-buffer.ts";
import type { TransportCells } from "../ports.ts";

const ignore: SocketHandler = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} };

/**
 * A socket that counts what goes over it, for a driver that doesn't, and flushes what its callbacks put into connections of
 * HTTP/1. It is the handler of the socket below.
 */
export class CountingSocket implements Socket, SocketHandler {
  handler: SocketHandler = ignore;
  private readonly socket: Socket;
  private readonly cells: TransportCells;
  private readonly flusher: Flusher;

  constructor(socket: Socket, cells: TransportCells, flusher: Flusher) {
    this.socket = socket;
    this.cells = cells;
    this.flusher = flusher;
    socket.handler = this;
  }

  get local(): SocketAddr {
    return this.socket.local;
  }
  get remote(): SocketAddr {
    return this.socket.remote;
  }
  get tls(): TlsSession | null {
    return this.socket.tls;
  }
  get fd(): number {
    return this.socket.fd;
  }
  get closed(): boolean {
    return this.socket.closed;
  }

  write(data: Uint8Array, offset: number, length: number): number {
    const taken = this.socket.write(data, offset, length);
    if (taken > 0) this.cells.writtenBytes += taken;
    return taken;
  }
  pause(): void {
    this.socket.pause();
  }
  resume(): void {
    this.socket.resume();
  }
  shutdown(): void {
    this.socket.shutdown();
  }
  close(): void {
    this.socket.close();
  }
  terminate(): void {
    this.socket.terminate();
  }

  onData(_socket: Socket, chunk: Buffer): void {
    this.cells.readBytes += chunk.length;
    this.handler.onData(this, chunk);
    this.flusher.run();
  }
  onDrain(): void {
    this.handler.onDrain(this);
    this.flusher.run();
  }
  onEnd(): void {
    this.handler.onEnd(this);
    this.flusher.run();
  }
  onClose(_socket: Socket, error: MeshError | null): void {
    this.handler.onClose(this, error);
    this.flusher.run();
  }
}
