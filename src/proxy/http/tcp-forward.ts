import type { MeshError } from "#lib/errors.ts";
import type { ConnectHandler, PendingConnect, Socket, SocketHandler } from "#lib/net/socket.ts";
import type { TransportCells } from "./ports.ts";
import { Tunnel } from "./tunnel.ts";

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
  private pending: PendingConnect | null = null;
  private tunnel: Tunnel | null = null;
  private over = false;

  /** Pauses the client until `open`. `initial`: what was read of it; `ended`: its end was seen. */
  constructor(client: Socket, cells: TransportCells, owner: ForwardOwner, initial: Buffer, ended: boolean) {
    this.client = client;
    this.cells = cells;
    this.owner = owner;
    this.initial = initial;
    this.clientEnded = ended;
    client.handler = this;
    client.pause();
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
    if (!failed && this.tunnel === null && !this.over) this.pending = pending;
  }

  /** Starts to pass bytes; `prologue` goes to the server before the client's first byte. */
  open(server: Socket, serverCells: TransportCells, prologue: Buffer | null): void {
    const first = prologue === null ? this.initial : Buffer.concat([prologue, this.initial]);
    this.initial = Buffer.alloc(0);
    serverCells.opened();
    this.tunnel = new Tunnel(this.client, this.cells, server, serverCells, (error) => {
      serverCells.closed(error);
      this.end(error);
    });
    this.tunnel.start(first, null, this.clientEnded);
  }

  /** There is no server: the client sees a reset. */
  reject(): void {
    if (this.tunnel === null) this.client.terminate();
  }

  /** Ends whatever is open by resets. */
  terminate(): void {
    if (this.tunnel === null) this.client.terminate();
    else this.tunnel.terminate();
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
    this.pending?.cancel();
    this.pending = null;
    this.owner.onEnded(error, this.tunnel !== null);
  }
}
