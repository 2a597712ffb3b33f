/**
 * pods/NAME/portforward over a WebSocket, subprotocol v4.channel.k8s.io: two channels a port, data and errors, each of
 * which the server opens with the port's number in two bytes, low byte first. One WebSocket is one connection per port.
 */
import { errorChain } from "#lib/errors.ts";
import type { KubeObject } from "../../store/object.ts";
import type { ForwardConnection, NodeExecutor } from "../executor.ts";
import { channelMessage } from "./socket-session.ts";
import type { SessionSocket, SocketSession } from "./socket-session.ts";

export class PortForwardSocket implements SocketSession {
  private readonly executor: NodeExecutor;
  private readonly pod: KubeObject;
  private readonly ports: readonly number[];
  private readonly connections: Array<ForwardConnection | null> = [];
  private open_ = 0;
  private paused = false;

  constructor(executor: NodeExecutor, pod: KubeObject, ports: readonly number[]) {
    this.executor = executor;
    this.pod = pod;
    this.ports = ports;
  }

  open(socket: SessionSocket): void {
    for (const [index, port] of this.ports.entries()) {
      const number = Uint8Array.of(port & 0xff, port >> 8);
      socket.send(channelMessage(index * 2, number));
      socket.send(channelMessage(index * 2 + 1, number));
    }
    for (const [index, port] of this.ports.entries()) {
      this.open_++;
      this.connections[index] = this.connect(socket, index, port);
    }
  }

  message(data: Uint8Array): void {
    const channel = data[0] ?? 0;
    if (channel % 2 === 0) this.connections[channel / 2]?.write(data.subarray(1));
  }

  drain(): void {
    if (!this.paused) return;
    this.paused = false;
    for (const connection of this.connections) connection?.resume();
  }

  close(): void {
    for (const connection of this.connections) connection?.cancel();
    this.connections.fill(null);
  }

  private connect(socket: SessionSocket, index: number, port: number): ForwardConnection | null {
    let ended = false;
    const end = (error: string | null): void => {
      if (ended) return;
      ended = true;
      this.connections[index] = null;
      if (error !== null) socket.send(channelMessage(index * 2 + 1, Buffer.from(error)));
      // Nothing in this subprotocol tells the end of one port: the last one ends the WebSocket.
      this.open_--;
      if (this.open_ === 0) socket.close(1000, "");
    };
    try {
      const connection = this.executor.forward(this.pod, port, {
        data: (chunk) => {
          if (ended || socket.send(channelMessage(index * 2, chunk))) return;
          this.paused = true;
          this.connections[index]?.pause();
        },
        end,
      });
      return ended ? null : connection;
    } catch (thrown) {
      end(errorChain(thrown));
      return null;
    }
  }
}
