import type { DescMessage, MessageInitShape } from "#rpc/protobuf/types.ts";
import type { Clock, Timer } from "#lib/clock.ts";
import { type GrpcStatus, grpcCode, statusFields } from "#wire/grpc/status.ts";
import { http2Code } from "#wire/http2/errors.ts";
import { repeated, responseBlock, trailerBlock } from "#wire/http2/header-block.ts";
import type { Http2Stream } from "#wire/http2/stream.ts";
import { encodeMessage } from "./message.ts";

const opening = repeated(responseBlock(200, ["content-type", "application/grpc"]), 1);
const success = repeated(trailerBlock(["grpc-status", "0"]), 2);

export interface WriterLimits {
  /** Messages that wait for a reader. One more closes the stream with RESOURCE_EXHAUSTED. Default 100. */
  readonly maxQueuedMessages: number;
  /** Bytes that wait, with the same end. Default 16 MiB. */
  readonly maxQueuedBytes: number;
  /** A reader that takes nothing for so many ms while something waits is cut. Default 60 s. */
  readonly slowReader: number;
}

export const defaultWriterLimits: WriterLimits = {
  maxQueuedMessages: 100,
  maxQueuedBytes: 16 * 1024 * 1024,
  slowReader: 60_000,
};

/** Why a stream was cut from our side. */
export type Cut = "overflow" | "slow";

type State = "open" | "ending" | "ended" | "cancelled";

/** The server's end of a call: messages, then a status. Nothing that is slow on the other side is ever waited for. */
export class StreamWriter<O extends DescMessage = DescMessage> {
  /** Called when nothing waits any more after something did. */
  onDrain: (() => void) | null = null;
  /** For the server: called once when the call is over, with its status, or null when it was cancelled or cut. */
  onEnd: ((code: number | null) => void) | null = null;
  private readonly stream: Http2Stream;
  private readonly schema: O;
  private readonly clock: Clock;
  private readonly limits: WriterLimits;
  private readonly onCut: (cut: Cut) => void;
  private readonly waiting: Buffer[] = [];
  private waitingBytes = 0;
  private slow: Timer | null = null;
  private opened = false;
  private state: State = "open";
  private status: GrpcStatus = { code: grpcCode.ok, message: "" };
  private readonly cancels: (() => void)[] = [];

  constructor(stream: Http2Stream, schema: O, clock: Clock, limits: WriterLimits, onCut: (cut: Cut) => void) {
    this.stream = stream;
    this.schema = schema;
    this.clock = clock;
    this.limits = limits;
    this.onCut = onCut;
  }

  /** Nothing can be sent any more: the call was ended, cancelled or cut. */
  get ended(): boolean {
    return this.state !== "open";
  }

  /** Messages that wait. */
  get queued(): number {
    return this.waiting.length + (this.stream.queued > 0 ? 1 : 0);
  }

  /** Tells the client that the call was accepted, before the first message. `send` does it otherwise. */
  open(): void {
    if (this.state === "open") this.sendOpening();
  }

  /** Sends a message or queues it. False when nothing more should be sent: the call is over, or was just cut. */
  send(message: MessageInitShape<O>): boolean {
    return this.state === "open" && this.sendFrame(encodeMessage(this.schema, message));
  }

  /** The same for a message that `encodeMessage` prepared, which must not change. */
  sendFrame(frame: Buffer): boolean {
    if (this.state !== "open") return false;
    this.sendOpening();
    if (this.queued === 0) {
      if (this.stream.sendData(frame, 0, frame.length, false) > 0) this.watchReader();
      return true;
    }
    const { maxQueuedMessages, maxQueuedBytes } = this.limits;
    if (this.queued >= maxQueuedMessages || this.waitingBytes + frame.length > maxQueuedBytes) {
      this.cut("overflow");
      return false;
    }
    this.waiting.push(frame);
    this.waitingBytes += frame.length;
    return true;
  }

  /** Ends the call, after what waits. Default: OK. */
  end(status: GrpcStatus = this.status): void {
    if (this.state !== "open") return;
    this.state = "ending";
    this.status = status;
    if (this.waiting.length === 0) this.sendStatus();
  }

  /** Runs when the call is over for a reason other than `end`; at once if it is. */
  onCancel(run: () => void): void {
    if (this.state === "cancelled") run();
    else if (this.state === "open") this.cancels.push(run);
  }

  private sendOpening(): void {
    if (this.opened) return;
    this.opened = true;
    this.stream.sendHeaders(opening, false);
  }

  private sendStatus(): void {
    const { stream, status } = this;
    if (status.code === grpcCode.ok && status.message === "") {
      this.sendOpening();
      stream.sendTrailers(success);
    } else if (this.opened) stream.sendTrailers(trailerBlock(statusFields(status)));
    else stream.sendHeaders(responseBlock(200, ["content-type", "application/grpc", ...statusFields(status)]), true);
    if (stream.queued === 0) this.finish("ended");
  }

  private finish(state: "ended" | "cancelled"): void {
    const cancels = this.state === "open" && state === "cancelled" ? this.cancels.splice(0) : [];
    this.state = state;
    this.slow?.cancel();
    this.slow = null;
    this.waiting.length = this.waitingBytes = 0;
    // The answer is complete; what the client still sends is not wanted.
    if (this.stream.localEnded && !this.stream.remoteEnded) this.stream.reset(http2Code.noError);
    this.onEnd?.(this.stream.localEnded ? this.status.code : null);
    for (const run of cancels) run();
  }

  private cut(cut: Cut): void {
    this.onCut(cut);
    this.stream.reset(http2Code.enhanceYourCalm);
    this.finish("cancelled");
  }

  private watchReader(): void {
    this.slow?.cancel();
    this.slow = this.clock.after(this.limits.slowReader, () => this.cut("slow"));
  }

  // ---- For the server

  /** The stream put waiting bytes on the wire. */
  onSent(): void {
    if (this.state === "ended" || this.state === "cancelled") return;
    while (this.stream.queued === 0 && this.waiting.length > 0) {
      const frame = this.waiting.shift()!;
      this.waitingBytes -= frame.length;
      this.stream.sendData(frame, 0, frame.length, false);
    }
    if (this.stream.queued > 0) {
      this.watchReader();
      return;
    }
    this.slow?.cancel();
    this.slow = null;
    if (this.state === "open") this.onDrain?.();
    else if (this.stream.localEnding) this.finish("ended");
    else this.sendStatus();
  }

  /** Ends the call now: what waits is dropped, and the handler is told as by a cancel. */
  abort(status: GrpcStatus): void {
    if (this.state === "ended" || this.state === "cancelled") return;
    if (this.state === "ending" || this.queued > 0) this.stream.reset(http2Code.cancel);
    else {
      this.status = status;
      if (this.opened) this.stream.sendTrailers(trailerBlock(statusFields(status)));
      else
        this.stream.sendHeaders(
          responseBlock(200, ["content-type", "application/grpc", ...statusFields(status)]),
          true,
        );
    }
    this.finish("cancelled");
  }

  /** The stream is gone. */
  cancelled(): void {
    if (this.state === "open" || this.state === "ending") this.finish("cancelled");
  }
}
