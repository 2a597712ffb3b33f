import type { Clock, Timer } from "#lib/clock.ts";
import type { MeshError } from "#lib/errors.ts";
import { hasUnread } from "#lib/net/libc.ts";
import type { Socket, SocketHandler } from "#lib/net/socket.ts";
import { begunOnly, classify, opaque, type Detected } from "./classify.ts";

/** Most bytes that are looked at: a ClientHello may take 16 KiB and its record headers. */
const maxBytes = 20_480;
const nothing = Buffer.alloc(0);

/** Receives the outcome, exactly one of the two. Set the socket's handler in `onDetected`, and feed it `initial`. */
export interface DetectionOwner {
  /** `ended`: the client has finished sending, `onEnd` does not come again. */
  onDetected(socket: Socket, detected: Detected, initial: Buffer, ended: boolean): void;
  /** The connection closed before anything was known. */
  onClosed(error: MeshError | null): void;
  /**
   * The client has said nothing for {@link DetectOptions.quiet}: it may be waiting for the server to speak first.
   * @returns whether the server is listened to from now on. Then silence has no time limit: the server's first word
   * (`yield`) or the client's decides.
   */
  onQuiet?(): boolean;
}

export interface DetectOptions {
  /** Whether TLS is looked for. */
  readonly tls: boolean;
  /** ms; Linkerd: 10 000. From the first byte on when the server is listened to. */
  readonly timeout: number;
  readonly clock: Clock;
  /** Null: not counted. */
  readonly cells: DetectCells | null;
  /** How long a client may be silent before its owner hears of it, ms; 0: not even a moment. Default: it never does. */
  readonly quiet?: number;
}

/** What was found, in the words of the metric. The last one is our own: the server spoke first. */
export type DetectResult = "http/1" | "http/2" | "not_http" | "read_timeout" | "error" | "server_first";

/** Why nobody sees requests in a connection: it begins like no HTTP, or not within the time; its server spoke first; it is the application's own TLS. */
export type LossReason = "not_http" | "read_timeout" | "server_first" | "tls";

/** Counts outcomes. Connections whose TLS we end are counted for what is inside. */
export interface DetectCells {
  /** `elapsed`: ms. */
  observe(result: DetectResult, elapsed: number): void;
  /** A connection goes on as bytes. Not called for one that ended without a word. */
  lost(reason: LossReason): void;
}

/** Looks again after so long, ms, when a client turns out to have spoken and we were too busy to read it. */
const lookAgain = 5;

const results = { http1: "http/1", http2: "http/2", opaque: "not_http", tls: "not_http" } as const;

/** Looks at the first bytes of one connection. Becomes the socket's handler for that time. */
export class Detection implements SocketHandler {
  private readonly socket: Socket;
  private readonly owner: DetectionOwner;
  private readonly options: DetectOptions;
  private readonly startedAt: number;
  private timer: Timer | null = null;
  /** The timer runs, or ran, for silence. */
  private listening = false;
  private bytes: Buffer = nothing;
  private finished = false;

  /** `initial`: bytes that were read already. */
  static start(socket: Socket, owner: DetectionOwner, options: DetectOptions, initial: Buffer = nothing): Detection {
    const detection = new Detection(socket, owner, options);
    socket.handler = detection;
    detection.begin(initial);
    return detection;
  }

  private constructor(socket: Socket, owner: DetectionOwner, options: DetectOptions) {
    this.socket = socket;
    this.owner = owner;
    this.options = options;
    this.startedAt = options.clock.now();
  }

  private begin(initial: Buffer): void {
    const { quiet } = this.options;
    if (initial.length > 0 || quiet === undefined || this.owner.onQuiet === undefined) {
      this.limit(this.options.timeout);
      if (initial.length > 0) this.onData(this.socket, initial);
      return;
    }
    this.listening = true;
    if (quiet === 0) this.onQuiet();
    else this.timer = this.options.clock.after(quiet, () => this.onQuiet());
  }

  private onQuiet(): void {
    const { clock, timeout } = this.options;
    this.timer = null;
    // Timers come before sockets: what a client said while this process was busy has not been read yet.
    if (this.socket.fd >= 0 && hasUnread(this.socket.fd)) {
      this.timer = clock.after(lookAgain, () => this.onQuiet());
      return;
    }
    if (this.owner.onQuiet?.() === true || this.finished) return;
    this.listening = false;
    this.limit(Math.max(0, timeout - (clock.now() - this.startedAt)));
  }

  private limit(time: number): void {
    this.timer = this.options.clock.after(time, () => this.timeIsUp());
  }

  private timeIsUp(): void {
    // Half a ClientHello is none of HTTP.
    const begun = this.bytes.length > 0 && this.bytes[0] !== 22;
    this.finish(begun ? begunOnly : opaque, false, "read_timeout");
  }

  /** The server spoke first, so that this is no HTTP: stops looking and gives back what the client said meanwhile. */
  yield(): Buffer {
    this.stop();
    this.options.cells?.observe("server_first", this.options.clock.now() - this.startedAt);
    this.options.cells?.lost("server_first");
    return this.bytes;
  }

  onData(_socket: Socket, chunk: Buffer): void {
    if (this.finished) return;
    this.bytes = this.bytes.length === 0 ? chunk : Buffer.concat([this.bytes, chunk]);
    const detected = classify(this.bytes, this.options.tls);
    if (detected !== null) this.finish(detected, false);
    else if (this.bytes.length > maxBytes) this.finish(opaque, false);
    else if (this.listening) {
      // From its first byte on a client has a time limit.
      this.listening = false;
      this.timer?.cancel();
      this.limit(this.options.timeout);
    }
  }

  onDrain(): void {}

  onEnd(): void {
    if (!this.finished) this.finish(opaque, true);
  }

  onClose(_socket: Socket, error: MeshError | null): void {
    if (this.finished) return;
    this.stop();
    this.options.cells?.observe("error", this.options.clock.now() - this.startedAt);
    this.owner.onClosed(error);
  }

  private stop(): void {
    this.finished = true;
    this.timer?.cancel();
    this.timer = null;
  }

  private finish(detected: Detected, ended: boolean, result: DetectResult = results[detected.kind]): void {
    const { cells, clock } = this.options;
    this.stop();
    // TLS is not looked into: whoever ends it looks again and counts then.
    if (detected.kind !== "tls") cells?.observe(result, clock.now() - this.startedAt);
    if (detected.kind === "opaque" && !(ended && this.bytes.length === 0))
      cells?.lost(result === "read_timeout" ? result : "not_http");
    this.owner.onDetected(this.socket, detected, this.bytes, ended);
  }
}
