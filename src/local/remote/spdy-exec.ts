/**
 * A command in a container over SPDY/3.1 streams, as API servers ask kubelets for it: one stream per channel, named by its
 * header "streamtype". The error stream carries the Status that ends the session (v4.channel.k8s.io).
 */
import { errorChain } from "#lib/errors.ts";
import type { ExecOptions, ExecResult, ExecSession, ExecSink } from "../api/executor.ts";
import { execStatus } from "../api/http/exec-socket.ts";
import type { SessionSocket, SocketSession } from "../api/http/socket-session.ts";
import { dataFrame, type Frame, FrameReader, ping, rstStream, synReply } from "../api/http/spdy/frames.ts";
import { emptyHeaders, HeaderReader } from "../api/http/spdy/headers.ts";

/** Subprotocol of the streams (X-Stream-Protocol-Version). */
export const execProtocol = "v4.channel.k8s.io";
const protocolError = 1;

type Channel = "error" | "stdin" | "stdout" | "stderr" | "resize";

export class SpdyExec implements SocketSession {
  private readonly begin: (sink: ExecSink) => ExecSession;
  private readonly expected: ReadonlySet<Channel>;
  private readonly reader = new FrameReader();
  private readonly headers: HeaderReader;
  private readonly ids = new Map<Channel, number>();
  private readonly waiting: Frame[] = [];
  private reading = false;
  private replied = false;
  private socket: SessionSocket | null = null;
  private session: ExecSession | null = null;
  private done = false;

  /** `begin` starts the command once all channels are there. */
  constructor(options: ExecOptions, begin: (sink: ExecSink) => ExecSession) {
    this.begin = begin;
    this.expected = new Set<Channel>([
      "error",
      ...(options.stdin ? (["stdin"] as const) : []),
      ...(options.stdout ? (["stdout"] as const) : []),
      ...(options.stderr && !options.tty ? (["stderr"] as const) : []),
      ...(options.tty ? (["resize"] as const) : []),
    ]);
    this.headers = new HeaderReader(() => this.fail("The header block can't be decompressed"));
  }

  open(socket: SessionSocket): void {
    this.socket = socket;
  }

  message(data: Uint8Array): void {
    const frames = this.reader.push(data);
    if (frames === null) {
      this.fail("The connection carries no SPDY/3.1");
      return;
    }
    this.waiting.push(...frames);
    this.proceed();
  }

  drain(): void {}

  close(): void {
    this.socket = null;
    if (!this.done) this.session?.cancel();
    this.done = true;
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
    if (frame.kind === "ping") this.socket?.send(ping(frame.id));
    else if (frame.kind === "data") this.data(frame.stream, frame.data, frame.fin);
    else if (frame.kind === "syn-stream") {
      this.reading = true;
      this.headers.read(frame.headers, (headers) => {
        this.reading = false;
        if (this.socket === null) return;
        const channel = headers?.get("streamtype") as Channel | undefined;
        if (channel === undefined || !this.expected.has(channel) || this.ids.has(channel)) {
          this.socket.send(rstStream(frame.stream, protocolError));
        } else this.join(frame.stream, channel);
        this.proceed();
      });
    }
  }

  private join(id: number, channel: Channel): void {
    this.socket?.send(synReply(id, emptyHeaders(!this.replied)));
    this.replied = true;
    this.ids.set(channel, id);
    if (this.ids.size === this.expected.size) this.start();
  }

  private start(): void {
    const send = (channel: Channel, data: Uint8Array, fin = false): void => {
      const id = this.ids.get(channel);
      if (id !== undefined) this.socket?.send(dataFrame(id, data, fin));
    };
    const end = (result: ExecResult): void => {
      if (this.done) return;
      this.done = true;
      send("stdout", new Uint8Array(0), true);
      send("stderr", new Uint8Array(0), true);
      send("error", Buffer.from(JSON.stringify(execStatus(result))), true);
      this.socket?.close(1000, "");
    };
    try {
      this.session = this.begin({
        stdout: (chunk) => send("stdout", chunk),
        stderr: (chunk) => send("stderr", chunk),
        end,
      });
    } catch (thrown) {
      end({ kind: "failed", message: errorChain(thrown) });
    }
  }

  private data(id: number, data: Uint8Array, fin: boolean): void {
    if (id === this.ids.get("stdin")) {
      if (data.length > 0) this.session?.stdin(data);
      if (fin) this.session?.closeStdin();
    } else if (id === this.ids.get("resize") && data.length > 0) this.resize(data);
  }

  private resize(data: Uint8Array): void {
    try {
      const size = JSON.parse(Buffer.from(data).toString()) as { Width?: number; Height?: number };
      if (Number.isInteger(size.Width) && Number.isInteger(size.Height)) {
        this.session?.resize(Number(size.Width), Number(size.Height));
      }
    } catch {
      // A size that can't be read changes nothing.
    }
  }
}
