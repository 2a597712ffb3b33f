/**
 * A connected pair of sockets in memory, for tests of everything above the seam: what {@link Socket} promises, with a
 * settable capacity so that short writes and back-pressure can be forced. Bytes move in microtasks, or when a test runs
 * their {@link Happenings}, never inside a call.
 */
import { MeshError } from "../../errors.ts";
import type { Socket, SocketAddr, SocketHandler, TlsSession } from "../socket.ts";

/** What is about to happen on sockets whose test decides when. */
export class Happenings {
  private readonly due: Array<() => void> = [];

  readonly add = (run: () => void): void => {
    this.due.push(run);
  };

  /** Runs everything, also what comes of it. */
  run(): void {
    for (let next = this.due.shift(); next !== undefined; next = this.due.shift()) next();
  }
}

export interface MemoryPairOptions {
  /** Bytes that fit between writer and reader before writes come up short. Default 65,536; may be changed on each socket. */
  readonly capacity?: number;
  /** Longest chunk that `onData` gets. Default: as written. 1 delivers byte by byte. */
  readonly chunk?: number;
  readonly client?: SocketAddr;
  readonly server?: SocketAddr;
  /** What the client's and the server's `tls` say. Default null: plaintext. */
  readonly clientTls?: TlsSession;
  /** Lets the test decide when bytes move. Default: in microtasks. */
  readonly happenings?: Happenings;
  readonly serverTls?: TlsSession;
}

const ignore: SocketHandler = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} };

export class MemorySocket implements Socket {
  handler: SocketHandler = ignore;
  readonly local: SocketAddr;
  readonly remote: SocketAddr;
  readonly tls: TlsSession | null;
  readonly fd = -1;
  closed = false;
  /** Room for bytes that this side wrote and the other has not read. */
  capacity: number;
  /** Counts calls of `write`, for tests that watch how often the kernel would be entered. */
  writes = 0;
  /** Whether nothing is delivered. */
  paused = false;
  private other: MemorySocket | null = null;
  private readonly chunk: number;
  private readonly later: (run: () => void) => void;
  private inbox: Buffer[] = [];
  private inboxBytes = 0;
  private short = false;
  private peerDone = false;
  private inDone = false;
  private outDone = false;
  private finished = false;
  private scheduled = false;

  constructor(local: SocketAddr, remote: SocketAddr, tls: TlsSession | null, options: MemoryPairOptions) {
    this.local = local;
    this.remote = remote;
    this.tls = tls;
    this.capacity = options.capacity ?? 65_536;
    this.chunk = options.chunk ?? Number.POSITIVE_INFINITY;
    this.later = options.happenings?.add ?? queueMicrotask;
  }

  /** The other end. */
  get peer(): MemorySocket {
    if (this.other === null) throw new MeshError("internal", "A memory socket without its pair");
    return this.other;
  }

  join(other: MemorySocket): void {
    this.other = other;
    other.other = this;
  }

  write(data: Uint8Array, offset: number, length: number): number {
    if (offset < 0 || length < 0 || offset + length > data.length) {
      throw new MeshError("internal", `Writing ${length} bytes at ${offset} of ${data.length}`);
    }
    this.writes++;
    const peer = this.peer;
    if (this.closed || this.outDone) return -1;
    if (peer.closed) {
      // As on a network: the bytes are taken, and the answer is a reset.
      this.fail();
      return length;
    }
    const taken = Math.min(length, Math.max(0, this.capacity - peer.inboxBytes));
    if (taken < length) this.short = true;
    if (taken > 0) {
      peer.inbox.push(Buffer.from(data.subarray(offset, offset + taken)));
      peer.inboxBytes += taken;
      peer.schedule();
    }
    return taken;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.schedule();
  }

  shutdown(): void {
    if (this.closed || this.outDone) return;
    this.outDone = true;
    this.tellPeerDone();
    this.schedule();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (!this.outDone) this.tellPeerDone();
    this.outDone = true;
    this.later(() => this.finish(null));
  }

  terminate(): void {
    if (this.finished) return;
    this.closed = true;
    this.peer.fail();
    this.later(() => this.finish(null));
  }

  /** Bytes written by the other side and not yet delivered. */
  get unread(): number {
    return this.inboxBytes;
  }

  private tellPeerDone(): void {
    this.peer.peerDone = true;
    this.peer.schedule();
  }

  /** The connection broke. */
  private fail(): void {
    if (this.closed) return;
    this.closed = true;
    const { ip, port } = this.remote;
    this.later(() =>
      this.finish(new MeshError("connection-reset", `Connection with "${ip}:${port}": connection reset by peer`)),
    );
  }

  private finish(error: MeshError | null): void {
    if (this.finished) return;
    this.finished = true;
    this.closed = true;
    this.inbox = [];
    this.inboxBytes = 0;
    this.handler.onClose(this, error);
    this.handler = ignore;
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.later(() => {
      this.scheduled = false;
      this.pump();
    });
  }

  private pump(): void {
    while (!this.closed && !this.paused) {
      const first = this.inbox[0];
      if (first === undefined) break;
      const size = Math.min(first.length, this.chunk);
      if (size < first.length) this.inbox[0] = first.subarray(size);
      else this.inbox.shift();
      this.inboxBytes -= size;
      this.peer.room();
      this.handler.onData(this, first.subarray(0, size));
    }
    if (this.closed || this.paused || !this.peerDone || this.inbox.length > 0) return;
    if (!this.inDone) {
      this.inDone = true;
      this.handler.onEnd(this);
    }
    if (this.outDone) this.finish(null);
  }

  private room(): void {
    if (!this.short || this.closed) return;
    this.short = false;
    this.later(() => {
      if (!this.closed) this.handler.onDrain(this);
    });
  }
}

/** A connected pair: what the client holds and what the server holds. */
export function memoryPair(options: MemoryPairOptions = {}): { client: MemorySocket; server: MemorySocket } {
  const clientAddr = options.client ?? { ip: "10.0.0.1", port: 40_000 };
  const serverAddr = options.server ?? { ip: "10.0.0.2", port: 80 };
  const client = new MemorySocket(clientAddr, serverAddr, options.clientTls ?? null, options);
  const server = new MemorySocket(serverAddr, clientAddr, options.serverTls ?? null, options);
  client.join(server);
  return { client, server };
}

/** Resolves when all microtasks so far, and those that they queue, have run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
