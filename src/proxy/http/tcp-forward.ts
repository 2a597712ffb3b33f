import type { MeshError } from "#lib/errors.ts";
import type { ConnectHandler, PendingConnect, Socket, SocketHandler } from "#lib/net/socket.ts";
import type { TransportCells } from "./ports.ts";
import { QuietServer } from "./quiet-server.ts";
import { Tunnel } from "./tunnel.ts";

const nothing = Buffer.alloc(0);

/** Decides where a connection goes. */
export interface ForwardOwner {
  /** Connected: call `open`. */
  onConnected(server: Socket): void;
  /** Call `dial` again, or `reject`. */
  onConnectFailed(error: MeshError): void;
  /** The client left before `open`; a pending attempt is cancelled. Or, after `open`, both sides have closed. Last, exactly once. */
  onEnded(error: MeshError | null, opened: boolean): void;
}

/** A client's connection that is passed on as bytes: holds it while a connection to the server is made, then tunnels. */
export class TcpForward implements SocketHandler, ConnectHandler {
  private readonly client: Socket;
  private readonly cells: TransportCells;
  private readonly owner: ForwardOwner;
  private initial: Buffer;
  private clientEnded: boolean;
  /** Called when the server speaks first; null: the client is ours. */
  private onSpoken: (() => void) | null = null;
  private quiet: QuietServer | null = null;
  private pending: PendingConnect | null = null;
  private tunnel: Tunnel | null = null;
  private over = false;

  /** Pauses the client until `open`. `initial`: what was read of it; `ended`: its end was seen. */
  static of(client: Socket, cells: TransportCells, owner: ForwardOwner, initial: Buffer, ended: boolean): TcpForward {
    const forward = new TcpForward(client, cells, owner);
    forward.join(initial, ended);
    return forward;
  }

  /**
   * For a client that says nothing: connects to the server and listens to it, while somebody else looks at the client.
   * Call `join` when it is `onSpoken` or the client's words are no HTTP, `abandon` when they are.
   */
  static listening(client: Socket, cells: TransportCells, owner: ForwardOwner, onSpoken: () => void): TcpForward {
    const forward = new TcpForward(client, cells, owner);
    forward.onSpoken = onSpoken;
    return forward;
  }

  private constructor(client: Socket, cells: TransportCells, owner: ForwardOwner) {
    this.client = client;
    this.cells = cells;
    this.owner = owner;
    this.initial = nothing;
    this.clientEnded = false;
  }

  /** The client is ours from now on, and its bytes go to the server. */
  join(initial: Buffer, ended: boolean): void {
    const { client, quiet } = this;
    this.onSpoken = null;
    this.initial = initial;
    this.clientEnded = ended;
    client.handler = this;
    client.pause();
    if (quiet === null) return;
    this.quiet = null;
    this.pass(quiet.socket, quiet.cells, initial, quiet.received);
    if (quiet.ended) this.tunnel?.onEnd(quiet.socket);
  }

  /** The client's connection is no concern of ours after all: lets go of the server. `onEnded` follows. */
  abandon(): void {
    this.quiet?.close();
    this.quiet = null;
    this.end(null);
  }

  dial(start: (handler: ConnectHandler) => PendingConnect): void {
    let failed = false;
    const pending = start({
      onOpen: (socket) => this.onOpen(socket),
      onFail: (error) => {
        failed = true;
        this.onFail(error);
      },
    });
    // An attempt that failed at once may have been followed by another one.
    if (!failed && this.tunnel === null && this.quiet === null && !this.over) this.pending = pending;
  }

  /** Starts to pass bytes; `prologue` goes to the server before the client's first byte. */
  open(server: Socket, serverCells: TransportCells, prologue: Buffer | null): void {
    serverCells.opened();
    if (this.onSpoken !== null) {
      this.quiet = new QuietServer(server, serverCells, this, prologue);
      return;
    }
    const first = prologue === null ? this.initial : Buffer.concat([prologue, this.initial]);
    this.pass(server, serverCells, first, null);
  }

  private pass(server: Socket, serverCells: TransportCells, first: Buffer, fromServer: Buffer | null): void {
    this.initial = nothing;
    this.tunnel = new Tunnel(this.client, this.cells, server, serverCells, (error) => {
      serverCells.closed(error);
      this.end(error);
    });
    this.tunnel.start(first, fromServer, this.clientEnded);
  }

  // --- the server, while nobody has spoken

  onServerSpoke(): void {
    this.onSpoken?.();
  }

  /** `last`: what may go to the client yet. */
  onServerGone(last: Buffer, error: MeshError | null): void {
    this.quiet = null;
    const { client } = this;
    if (error !== null) client.terminate();
    else {
      if (last.length > 0) this.cells.writtenBytes += Math.max(0, client.write(last, 0, last.length));
      client.close();
    }
    this.end(error);
  }

  /** There is no server: the client sees a reset. */
  reject(): void {
    if (this.tunnel !== null) return;
    this.client.terminate();
    // Who looks at the client hears of it, not we.
    if (this.onSpoken !== null) this.end(null);
  }

  /** Ends whatever is open by resets. */
  terminate(): void {
    if (this.tunnel !== null) {
      this.tunnel.terminate();
      return;
    }
    this.quiet?.close();
    this.quiet = null;
    this.reject();
  }

  onOpen(server: Socket): void {
    this.pending = null;
    if (this.over) server.terminate();
    else this.owner.onConnected(server);
  }

  onFail(error: MeshError): void {
    this.pending = null;
    if (!this.over) this.owner.onConnectFailed(error);
  }

  /** A chunk that was under way when the client was paused. */
  onData(_socket: Socket, chunk: Buffer): void {
    this.initial = Buffer.concat([this.initial, chunk]);
  }

  onDrain(): void {}

  onEnd(): void {
    this.clientEnded = true;
  }

  onClose(_socket: Socket, error: MeshError | null): void {
    this.end(error);
  }

  private end(error: MeshError | null): void {
    if (this.over) return;
    this.over = true;
    this.onSpoken = null;
    this.pending?.cancel();
    this.pending = null;
    this.owner.onEnded(error, this.tunnel !== null);
  }
}
