/** Two connected sockets in memory, for tests: bounded room, deferred callbacks, half-close and reset, as on a real one. */
import { MeshError } from "#lib/errors.ts";
import type { Socket, SocketAddr, SocketHandler, TlsSession } from "#lib/net/socket.ts";

const ignore: SocketHandler = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} };

export interface PairOptions {
  /** Bytes each direction takes before it is full; default 1 MiB. */
  readonly room?: number;
  readonly tls?: TlsSession;
  readonly server?: SocketAddr;
  readonly client?: SocketAddr;
}

/** What happens on a pair is queued and runs in `flushPair`, so that no callback runs inside `write`. */
export class MemorySocket implements Socket {
  handler: SocketHandler = ignore;
  readonly local: SocketAddr;
  readonly remote: SocketAddr;
  readonly tls: TlsSession | null;
  closed = false;
  paused = false;
  /** How often `write` was called: the syscalls it would have been. */
  writes = 0;
  peer!: MemorySocket;
  private readonly room: number;
  private inbox: Buffer[] = [];
  private inboxBytes = 0;
  private peerShut = false;
  private shut = false;
  private endSeen = false;
  private wantsDrain = false;
  private closing: { readonly error: MeshError | null } | null = null;
  private closeTold = false;

  constructor(local: SocketAddr, remote: SocketAddr, tls: TlsSession | null, room: number) {
    this.local = local;
    this.remote = remote;
    this.tls = tls;
    this.room = room;
  }

  get fd(): number {
    return this.closed ? -1 : 99;
  }

  write(data: Uint8Array, offset: number, length: number): number {
    this.writes++;
    if (this.closed || this.shut) return -1;
    const taken = Math.max(0, Math.min(length, this.room - this.peer.inboxBytes));
    if (taken > 0 && !this.peer.closed) {
      this.peer.inbox.push(Buffer.from(data.subarray(offset, offset + taken)));
      this.peer.inboxBytes += taken;
    }
    if (taken < length) this.wantsDrain = true;
    return taken;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  shutdown(): void {
    if (this.closed || this.shut) return;
    this.shut = true;
    this.peer.peerShut = true;
  }
  close(): void {
    if (this.closed) return;
    // Closing with unread bytes is a reset for the peer.
    if (this.inboxBytes > 0) {
      this.terminate();
      return;
    }
    this.shutdown();
    this.closed = true;
    this.closing = { error: null };
  }
  terminate(): void {
    if (this.closed) return;
    this.closed = true;
    this.closing = { error: null };
    if (!this.peer.closed) {
      this.peer.closed = true;
      this.peer.closing = { error: new MeshError("connection-reset", "Connection reset by the peer") };
    }
  }

  /** Runs all callbacks of both ends until nothing happens any more. */
  flushPair(): void {
    while (this.step() || this.peer.step());
  }

  /** Runs one callback if one is due. */
  step(): boolean {
    if (this.closeTold) return false;
    if (!this.closed && !this.paused && this.inbox.length > 0) {
      const chunk = Buffer.concat(this.inbox);
      this.inbox = [];
      this.inboxBytes = 0;
      this.handler.onData(this, chunk);
      return true;
    }
    if (!this.closed && this.wantsDrain && this.peer.inboxBytes < this.room) {
      this.wantsDrain = false;
      this.handler.onDrain(this);
      return true;
    }
    if (!this.closed && !this.paused && this.peerShut && !this.endSeen && this.inbox.length === 0) {
      this.endSeen = true;
      // The peer's end after our own closes, without `onEnd`.
      if (this.shut) {
        this.closed = true;
        this.closing = { error: null };
      } else this.handler.onEnd(this);
      return true;
    }
    if (!this.closed && this.shut && this.endSeen) {
      this.closed = true;
      this.closing = { error: null };
    }
    if (this.closing !== null) {
      this.closeTold = true;
      this.inbox = [];
      this.inboxBytes = 0;
      this.handler.onClose(this, this.closing.error);
      return true;
    }
    return false;
  }
}

/** The client's and the server's end of one connection. */
export function socketPair(options: PairOptions = {}): [MemorySocket, MemorySocket] {
  const client = options.client ?? { ip: "10.0.0.1", port: 40_000 };
  const server = options.server ?? { ip: "10.0.0.2", port: 8080 };
  const room = options.room ?? 1 << 20;
  const a = new MemorySocket(client, server, options.tls ?? null, room);
  const b = new MemorySocket(server, client, options.tls ?? null, room);
  a.peer = b;
  b.peer = a;
  return [a, b];
}
