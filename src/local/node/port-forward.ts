/** A connection to localhost inside a pod, for `kubectl port-forward`. */
import { errorChain, type MeshError } from "#lib/errors.ts";
import { connect } from "#lib/net/connect.ts";
import type { Socket, SocketHandler } from "#lib/net/socket.ts";
import type { ForwardConnection, ForwardSink } from "../api/executor.ts";
import { inNetworkNamespace } from "#lib/net/network-namespace.ts";

/** Bytes that wait for the pod at most. */
const queueLimit = 1024 * 1024;
const connectTimeout = 10_000;

/** `netns`: path of the pod's network namespace, null for the node's. */
export function forwardPort(netns: string | null, port: number, sink: ForwardSink): ForwardConnection {
  const forward = new Forward(sink);
  const dial = (): void => forward.dial(port);
  if (netns === null) dial();
  else inNetworkNamespace(netns, dial);
  return forward;
}

class Forward implements ForwardConnection, SocketHandler {
  private readonly sink: ForwardSink;
  private socket: Socket | null = null;
  private queue: Uint8Array[] = [];
  private queued = 0;
  private finished = false;
  private over = false;
  private paused = false;

  constructor(sink: ForwardSink) {
    this.sink = sink;
  }

  dial(port: number): void {
    connect(
      { ip: "127.0.0.1", port, timeout: connectTimeout },
      {
        onOpen: (socket) => {
          this.socket = socket;
          socket.handler = this;
          if (this.over) socket.terminate();
          else {
            if (this.paused) socket.pause();
            this.flush();
          }
        },
        onFail: (error) => this.end(`Connecting to port ${port} of the pod failed: ${errorChain(error)}`),
      },
    );
  }

  private end(error: string | null): void {
    if (this.over) return;
    this.over = true;
    this.sink.end(error);
  }

  write(chunk: Uint8Array): void {
    if (this.over) return;
    this.queue.push(chunk);
    this.queued += chunk.length;
    if (this.queued > queueLimit) {
      this.socket?.terminate();
      this.end("The pod does not read: more than 1 MiB waits for it");
      return;
    }
    this.flush();
  }

  private flush(): void {
    const { socket } = this;
    if (socket === null) return;
    for (let chunk = this.queue[0]; chunk !== undefined; chunk = this.queue[0]) {
      const taken = socket.write(chunk, 0, chunk.length);
      if (taken < 0) return;
      this.queued -= taken;
      if (taken < chunk.length) {
        this.queue[0] = chunk.subarray(taken);
        return;
      }
      this.queue.shift();
    }
    if (this.finished) socket.shutdown();
  }

  shutdown(): void {
    this.finished = true;
    this.flush();
  }

  pause(): void {
    this.paused = true;
    this.socket?.pause();
  }

  resume(): void {
    this.paused = false;
    this.socket?.resume();
  }

  cancel(): void {
    this.over = true;
    this.queue = [];
    this.socket?.terminate();
  }

  onData(_socket: Socket, chunk: Buffer): void {
    if (!this.over) this.sink.data(chunk);
  }

  onDrain(): void {
    this.flush();
  }

  onEnd(socket: Socket): void {
    this.end(null);
    socket.close();
  }

  onClose(_socket: Socket, error: MeshError | null): void {
    this.end(error === null ? null : errorChain(error));
  }
}
