/**
 * kubectl's port-forward: SPDY/3.1 inside the binary messages of a WebSocket (subprotocol SPDY/3.1+portforward.k8s.io).
 * Each local connection is two streams with one request id: "error", and "data" with the pod's port.
 */
import { errorChain } from "#lib/errors.ts";
import type { KubeObject } from "../../../store/object.ts";
import type { ForwardConnection, NodeExecutor } from "../../executor.ts";
import type { SessionSocket, SocketSession } from "../socket-session.ts";
import { dataFrame, FrameReader, ping, rstStream, synReply } from "./frames.ts";
import type { Frame } from "./frames.ts";
import { emptyHeaders, HeaderReader } from "./headers.ts";

/** Streams open at once at most; one more is refused. */
const maxStreams = 2000;
/** RST_STREAM status codes. */
const protocolError = 1;
const refusedStream = 3;

type Stream =
  | { readonly kind: "error"; readonly request: string }
  | { readonly kind: "data"; readonly connection: ForwardConnection | null };

export class SpdyTunnel implements SocketSession {
  private readonly executor: NodeExecutor;
  private readonly pod: KubeObject;
  private readonly reader = new FrameReader();
  private readonly streams = new Map<number, Stream>();
  private readonly headers: HeaderReader;
  /** Frames behind a header block that is being decompressed. */
  private readonly waiting: Frame[] = [];
  private reading = false;
  private socket: SessionSocket | null = null;
  private replied = false;
  private paused = false;

  constructor(executor: NodeExecutor, pod: KubeObject) {
    this.executor = executor;
    this.pod = pod;
    this.headers = new HeaderReader(() => this.fail("The header block can't be decompressed"));
  }

  open(socket: SessionSocket): void {
    this.socket = socket;
  }

  message(data: Uint8Array): void {
    const frames = this.reader.push(data);
    if (frames === null) {
      this.fail("The tunnel carries no SPDY/3.1");
      return;
    }
    this.waiting.push(...frames);
    this.proceed();
  }

  drain(): void {
    if (!this.paused) return;
    this.paused = false;
    for (const stream of this.streams.values()) if (stream.kind === "data") stream.connection?.resume();
  }

  close(): void {
    this.socket = null;
    for (const stream of this.streams.values()) if (stream.kind === "data") stream.connection?.cancel();
    this.streams.clear();
    this.waiting.length = 0;
    this.headers.close();
  }

  private fail(reason: string): void {
    this.socket?.close(1002, reason);
  }

  private proceed(): void {
    while (!this.reading) {
      const frame = this.waiting.shift();
      if (frame === undefined) return;
      this.take(frame);
    }
  }

  private take(frame: Frame): void {
    switch (frame.kind) {
      case "syn-stream":
        this.reading = true;
        this.headers.read(frame.headers, (headers) => {
          this.reading = false;
          if (this.socket === null) return;
          if (headers === null) this.fail("The header block can't be read");
          else this.begin(frame.stream, headers);
          this.proceed();
        });
        break;
      case "data":
        this.data(frame.stream, frame.data, frame.fin);
        break;
      case "rst-stream":
        this.drop(frame.stream);
        break;
      case "ping":
        this.socket?.send(ping(frame.id));
        break;
      default:
    }
  }

  private begin(id: number, headers: ReadonlyMap<string, string>): void {
    const port = Number(headers.get("port"));
    const type = headers.get("streamtype");
    const request = headers.get("requestid") ?? "";
    const valid = Number.isInteger(port) && port > 0 && port < 65536 && (type === "data" || type === "error");
    if (!valid || this.streams.has(id)) {
      this.socket?.send(rstStream(id, protocolError));
      return;
    }
    if (this.streams.size >= maxStreams) {
      this.socket?.send(rstStream(id, refusedStream));
      return;
    }
    this.socket?.send(synReply(id, emptyHeaders(!this.replied)));
    this.replied = true;
    if (type === "error") this.streams.set(id, { kind: "error", request });
    else this.connect(id, port, request);
  }

  private connect(id: number, port: number, request: string): void {
    let ended = false;
    const end = (error: string | null): void => {
      if (ended) return;
      ended = true;
      this.streams.delete(id);
      this.finishError(request, error);
      this.socket?.send(dataFrame(id, new Uint8Array(0), true));
    };
    this.streams.set(id, { kind: "data", connection: null });
    try {
      const connection = this.executor.forward(this.pod, port, {
        data: (chunk) => {
          if (ended || this.socket === null || this.socket.send(dataFrame(id, chunk, false))) return;
          this.paused = true;
          connection.pause();
        },
        end,
      });
      if (!ended) this.streams.set(id, { kind: "data", connection });
    } catch (thrown) {
      end(errorChain(thrown));
    }
  }

  /** The error stream of a connection ends with it, empty unless it failed. */
  private finishError(request: string, error: string | null): void {
    for (const [id, stream] of this.streams) {
      if (stream.kind !== "error" || stream.request !== request) continue;
      this.streams.delete(id);
      this.socket?.send(dataFrame(id, Buffer.from(error ?? ""), true));
    }
  }

  private data(id: number, data: Uint8Array, fin: boolean): void {
    const stream = this.streams.get(id);
    if (stream?.kind !== "data") return;
    if (data.length > 0) stream.connection?.write(data);
    if (fin) stream.connection?.shutdown();
  }

  private drop(id: number): void {
    const stream = this.streams.get(id);
    this.streams.delete(id);
    if (stream?.kind === "data") stream.connection?.cancel();
  }
}
