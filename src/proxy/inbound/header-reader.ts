import type { Clock, Timer } from "#lib/clock.ts";
import { asMeshError, MeshError } from "#lib/errors.ts";
import type { Socket, SocketHandler } from "#lib/net/socket.ts";
import { decodeTransportHeader, type TransportHeader } from "#wire/transport-header/transport-header.ts";

/** Exactly one of the two. */
export interface HeaderOwner {
  /** Set the socket's handler; `rest` came after the header. */
  onHeader(socket: Socket, header: TransportHeader, rest: Buffer): void;
  /** There is none; the socket may be open. */
  onNoHeader(socket: Socket, error: MeshError): void;
}

/** Reads the transport header at the start of a peer's connection. */
export class HeaderReader implements SocketHandler {
  private readonly owner: HeaderOwner;
  private readonly timer: Timer;
  private bytes: Buffer = Buffer.alloc(0);
  private finished = false;

  static start(socket: Socket, owner: HeaderOwner, timeout: number, clock: Clock): void {
    socket.handler = new HeaderReader(socket, owner, timeout, clock);
  }

  private constructor(socket: Socket, owner: HeaderOwner, timeout: number, clock: Clock) {
    this.owner = owner;
    this.timer = clock.after(timeout, () => {
      this.fail(socket, new MeshError("timeout", `Reading a transport header: not complete within ${timeout} ms`));
    });
  }

  onData(socket: Socket, chunk: Buffer): void {
    if (this.finished) return;
    this.bytes = this.bytes.length === 0 ? chunk : Buffer.concat([this.bytes, chunk]);
    try {
      const found = decodeTransportHeader(this.bytes);
      if (found === null) return;
      this.finished = true;
      this.timer.cancel();
      this.owner.onHeader(socket, found.header, this.bytes.subarray(found.end));
    } catch (thrown) {
      this.fail(socket, asMeshError(thrown, "Reading a transport header"));
    }
  }

  onDrain(): void {}

  onEnd(socket: Socket): void {
    this.fail(socket, new MeshError("protocol", "Reading a transport header: the connection ended"));
  }

  onClose(socket: Socket, error: MeshError | null): void {
    this.fail(socket, error ?? new MeshError("protocol", "Reading a transport header: the connection closed"));
  }

  private fail(socket: Socket, error: MeshError): void {
    if (this.finished) return;
    this.finished = true;
    this.timer.cancel();
    this.owner.onNoHeader(socket, error);
  }
}
