import type { MeshError } from "#lib/errors.ts";
import type { Socket, SocketHandler } from "#lib/net/socket.ts";
import type { TransportCells } from "./ports.ts";

export interface QuietServerOwner {
  /** It has spoken, and not as a server of HTTP: its socket, and what it said, are to be taken over. Or it has ended. */
  onServerSpoke(): void;
  /** It is gone, or has nothing more to say. `last`: its last words. */
  onServerGone(last: Buffer, error: MeshError | null): void;
}

/** What a server may say before its client has, bytes; then it is not read from. */
const maxReceived = 65_536;

/**
 * A server's connection while its client says nothing. Servers of HTTP may speak first as well: those of HTTP/2 with
 * their SETTINGS (RFC 9113 §3.4), those of HTTP/1 to say that they waited too long (408). That decides nothing: it waits
 * here for the client's own words, or bytes would pass where requests are judged.
 */
export class QuietServer implements SocketHandler {
  readonly socket: Socket;
  readonly cells: TransportCells;
  received: Buffer = Buffer.alloc(0);
  ended = false;
  private readonly owner: QuietServerOwner;
  private over = false;

  /** `prologue`: bytes that open the connection, or null. The socket was counted as opened, and is counted as closed here. */
  constructor(socket: Socket, cells: TransportCells, owner: QuietServerOwner, prologue: Buffer | null) {
    this.socket = socket;
    this.cells = cells;
    this.owner = owner;
    socket.handler = this;
    if (prologue === null) return;
    const taken = socket.write(prologue, 0, prologue.length);
    if (taken > 0) cells.writtenBytes += taken;
    // A new connection takes a hundred bytes, or it is no connection.
    if (taken < prologue.length) socket.terminate();
  }

  /** Nobody wants it any more. */
  close(): void {
    this.over = true;
    this.received = Buffer.alloc(0);
    this.socket.close();
  }

  onData(socket: Socket, chunk: Buffer): void {
    this.cells.readBytes += chunk.length;
    if (this.over) return;
    this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
    if (!mayBeHttpServer(this.received)) this.owner.onServerSpoke();
    else if (this.received.length > maxReceived) socket.pause();
  }

  onDrain(): void {}

  onEnd(socket: Socket): void {
    if (this.over) return;
    this.ended = true;
    if (this.received.length === 0) {
      this.owner.onServerSpoke();
      return;
    }
    this.over = true;
    this.owner.onServerGone(this.received, null);
    socket.close();
  }

  onClose(_socket: Socket, error: MeshError | null): void {
    this.cells.closed(error);
    if (this.over) return;
    this.over = true;
    this.owner.onServerGone(this.received, error);
  }
}

const http1 = Buffer.from("HTTP/1.");

/** Whether these may be the first bytes of a server of HTTP: a status line, or a SETTINGS frame of the connection. */
function mayBeHttpServer(bytes: Buffer): boolean {
  const compared = Math.min(bytes.length, http1.length);
  if (bytes.compare(http1, 0, compared, 0, compared) === 0) return true;
  // Length (24 bits, at most 16 KiB, a multiple of 6), type 4, no flags, stream 0 (RFC 9113 §6.5).
  for (let at = 3; at < Math.min(9, bytes.length); at++) if (bytes[at] !== (at === 3 ? 4 : 0)) return false;
  const length = ((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0);
  return bytes[0] === 0 && (bytes.length < 3 || (length <= 16_384 && length % 6 === 0));
}
