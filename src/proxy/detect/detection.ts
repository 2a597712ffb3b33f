import type { Clock, Timer } from "#lib/clock.ts";
import type { MeshError } from "#lib/errors.ts";
import type { Socket, SocketHandler } from "#lib/net/socket.ts";
import { classify, opaque, type Detected } from "./classify.ts";

/** Most bytes that are looked at: a ClientHello may take 16 KiB and its record headers. */
const maxBytes = 20_480;

/** Receives the outcome, exactly one of the two. Set the socket's handler in `onDetected`, and feed it `initial`. */
export interface DetectionOwner {
  /** `ended`: the client has finished sending, `onEnd` does not come again. */
  onDetected(socket: Socket, detected: Detected, initial: Buffer, ended: boolean): void;
  /** The connection closed before anything was known. */
  onClosed(error: MeshError | null): void;
}

/** What was found, in the words of the metric. */
export type DetectResult = "http/1" | "http/2" | "not_http" | "read_timeout" | "error";

/** Counts outcomes. Connections whose TLS we end are counted for what is inside. */
export interface DetectCells {
  /** `elapsed`: ms. */
  observe(result: DetectResult, elapsed: number): void;
}

const results = { http1: "http/1", http2: "http/2", opaque: "not_http", tls: "not_http" } as const;

/** Looks at the first bytes of one connection. Becomes the socket's handler for that time. */
export class Detection implements SocketHandler {
  private readonly owner: DetectionOwner;
  private readonly tls: boolean;
  private readonly timer: Timer;
  private readonly clock: Clock;
  private readonly startedAt: number;
  private readonly cells: DetectCells | null;
  private bytes: Buffer;
  private finished = false;

  /**
   * @param tls whether TLS is looked for
   * @param timeout ms; Linkerd: 10 000
   * @param cells null: not counted
   * @param initial bytes that were read already
   */
  static start(
    socket: Socket,
    owner: DetectionOwner,
    tls: boolean,
    timeout: number,
    clock: Clock,
    cells: DetectCells | null,
    initial?: Buffer,
  ): void {
    const detection = new Detection(socket, owner, tls, timeout, clock, cells);
    socket.handler = detection;
    if (initial !== undefined && initial.length > 0) detection.onData(socket, initial);
  }

  private constructor(
    socket: Socket,
    owner: DetectionOwner,
    tls: boolean,
    timeout: number,
    clock: Clock,
    cells: DetectCells | null,
  ) {
    this.owner = owner;
    this.tls = tls;
    this.clock = clock;
    this.cells = cells;
    this.startedAt = clock.now();
    this.bytes = Buffer.alloc(0);
    this.timer = clock.after(timeout, () => this.finish(socket, opaque, false, "read_timeout"));
  }

  onData(socket: Socket, chunk: Buffer): void {
    if (this.finished) return;
    this.bytes = this.bytes.length === 0 ? chunk : Buffer.concat([this.bytes, chunk]);
    const detected = classify(this.bytes, this.tls);
    if (detected !== null) this.finish(socket, detected, false);
    else if (this.bytes.length > maxBytes) this.finish(socket, opaque, false);
  }

  onDrain(): void {}

  onEnd(socket: Socket): void {
    if (!this.finished) this.finish(socket, opaque, true);
  }

  onClose(_socket: Socket, error: MeshError | null): void {
    if (this.finished) return;
    this.finished = true;
    this.timer.cancel();
    this.cells?.observe("error", this.clock.now() - this.startedAt);
    this.owner.onClosed(error);
  }

  private finish(
    socket: Socket,
    detected: Detected,
    ended: boolean,
    result: DetectResult = results[detected.kind],
  ): void {
    this.finished = true;
    this.timer.cancel();
    // TLS is not looked into: whoever ends it looks again and counts then.
    if (detected.kind !== "tls") this.cells?.observe(result, this.clock.now() - this.startedAt);
    this.owner.onDetected(socket, detected, this.bytes, ended);
  }
}
