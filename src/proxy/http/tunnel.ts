import type { MeshError } from "#lib/errors.ts";
import type { Socket, SocketHandler } from "#lib/net/socket.ts";
import type { TransportCells } from "./ports.ts";

/** One direction: bytes that were read and not yet taken by the other side. */
class Flow {
  readonly pending: Buffer[] = [];
  ended = false;
  finished = false;
}

/**
 * Passes bytes between two sockets until both directions have ended. A half-close is passed on after the last byte, a
 * reset as a reset. Keeps at most what one side delivered before it could be paused.
 */
export class Tunnel implements SocketHandler {
  private readonly client: Socket;
  private readonly server: Socket;
  private readonly clientCells: TransportCells;
  private readonly serverCells: TransportCells;
  private readonly onEnded: (error: MeshError | null) => void;
  private readonly up = new Flow();
  private readonly down = new Flow();
  private clientClosed = false;
  private serverClosed = false;
  private error: MeshError | null = null;

  /** `onEnded` runs once, when both sockets are closed. The caller has counted the sockets as opened and counts them as closed. */
  constructor(
    client: Socket,
    clientCells: TransportCells,
    server: Socket,
    serverCells: TransportCells,
    onEnded: (error: MeshError | null) => void,
  ) {
    this.client = client;
    this.clientCells = clientCells;
    this.server = server;
    this.serverCells = serverCells;
    this.onEnded = onEnded;
    client.handler = this;
    server.handler = this;
  }

  /**
   * @param fromClient bytes read from the client already
   * @param clientEnded the client's end was seen already
   */
  start(fromClient: Buffer | null, fromServer: Buffer | null, clientEnded: boolean): void {
    if (fromClient !== null && fromClient.length > 0)
      this.pass(this.up, this.client, this.server, this.serverCells, fromClient);
    if (fromServer !== null && fromServer.length > 0)
      this.pass(this.down, this.server, this.client, this.clientCells, fromServer);
    if (clientEnded) this.onEnd(this.client);
    if (this.up.pending.length === 0) this.client.resume();
    if (this.down.pending.length === 0) this.server.resume();
  }

  /** Ends both sides by a reset. */
  terminate(): void {
    if (!this.clientClosed) this.client.terminate();
    if (!this.serverClosed) this.server.terminate();
  }

  onData(socket: Socket, chunk: Buffer): void {
    if (socket === this.client) {
      this.clientCells.readBytes += chunk.length;
      this.pass(this.up, socket, this.server, this.serverCells, chunk);
    } else {
      this.serverCells.readBytes += chunk.length;
      this.pass(this.down, socket, this.client, this.clientCells, chunk);
    }
  }

  private pass(flow: Flow, from: Socket, to: Socket, cells: TransportCells, chunk: Buffer): void {
    if (flow.pending.length > 0) {
      flow.pending.push(chunk);
      return;
    }
    const taken = to.write(chunk, 0, chunk.length);
    if (taken < 0) return;
    cells.writtenBytes += taken;
    if (taken === chunk.length) return;
    flow.pending.push(chunk.subarray(taken));
    from.pause();
  }

  onDrain(socket: Socket): void {
    if (socket === this.server) this.drain(this.up, this.client, socket, this.serverCells);
    else this.drain(this.down, this.server, socket, this.clientCells);
  }

  private drain(flow: Flow, from: Socket, to: Socket, cells: TransportCells): void {
    if (flow.pending.length === 0) return;
    while (flow.pending.length > 0) {
      const piece = flow.pending[0];
      if (piece === undefined) break;
      const taken = to.write(piece, 0, piece.length);
      if (taken < 0) return;
      cells.writtenBytes += taken;
      if (taken < piece.length) {
        flow.pending[0] = piece.subarray(taken);
        return;
      }
      flow.pending.shift();
    }
    if (flow.ended) this.finish(flow, to);
    else from.resume();
  }

  onEnd(socket: Socket): void {
    const flow = socket === this.client ? this.up : this.down;
    flow.ended = true;
    if (flow.pending.length === 0) this.finish(flow, socket === this.client ? this.server : this.client);
  }

  /** Everything that one side sent is out: pass its end on. */
  private finish(flow: Flow, to: Socket): void {
    if (flow.finished) return;
    flow.finished = true;
    const fromClosed = to === this.server ? this.clientClosed : this.serverClosed;
    // A source that is closed takes nothing any more, so the other side is closed as a whole.
    if (fromClosed) to.close();
    else to.shutdown();
  }

  onClose(socket: Socket, error: MeshError | null): void {
    const isClient = socket === this.client;
    if (isClient) this.clientClosed = true;
    else this.serverClosed = true;
    this.error ??= error;
    if (this.clientClosed && this.serverClosed) {
      this.up.pending.length = this.down.pending.length = 0;
      this.onEnded(this.error);
      return;
    }
    const other = isClient ? this.server : this.client;
    const flow = isClient ? this.up : this.down;
    if (error !== null) {
      other.terminate();
      return;
    }
    flow.ended = true;
    if (flow.finished) other.close();
    else if (flow.pending.length === 0) this.finish(flow, other);
    // Bytes for the closed side are lost: let its source run dry instead of waiting for room for ever.
    else (isClient ? this.down : this.up).pending.length = 0;
  }
}
