import type { DescMethod, DescMessage, MessageShape } from "#rpc/protobuf/types.ts";
import type { Timer } from "#lib/clock.ts";
import { MeshError, errorChain } from "#lib/errors.ts";
import { MessageReader } from "#wire/grpc/framing.ts";
import { type GrpcStatus, grpcCode, readStatus, statusOfHttp, statusOfReset } from "#wire/grpc/status.ts";
import { http2Code, http2CodeName } from "#wire/http2/errors.ts";
import type { HeaderBlock } from "#wire/http2/header-block.ts";
import type { Http2Stream, Reset, StreamHandler } from "#wire/http2/stream.ts";
import { decodeMessage } from "./message.ts";
import { statusOfError } from "./status.ts";

/** What a call tells its caller. `onEnd` is last and comes exactly once, unless the caller cancelled. */
export interface CallHandler<O extends DescMessage> {
  /** The server accepted the call: its response headers came. */
  onOpen?(): void;
  onMessage(message: MessageShape<O>): void;
  onEnd(status: GrpcStatus): void;
}

/** The client's side of one call, from the request to the status. */
export class Call<O extends DescMessage> implements StreamHandler {
  readonly method: DescMethod & { readonly output: O };
  /** The request, framed. */
  readonly request: Buffer;
  stream: Http2Stream | null = null;
  /** When the caller's patience ends, in ms of the client's clock, and the timer that says so. */
  deadline: number | null = null;
  timer: Timer | null = null;
  private readonly handler: CallHandler<O>;
  private readonly reader: MessageReader;
  private httpStatus = 0;
  private over = false;

  constructor(
    method: DescMethod & { readonly output: O },
    request: Buffer,
    maxMessageBytes: number,
    handler: CallHandler<O>,
  ) {
    this.method = method;
    this.request = request;
    this.handler = handler;
    this.reader = new MessageReader(maxMessageBytes, (bytes) => {
      if (!this.over) handler.onMessage(decodeMessage(method.output, bytes));
    });
  }

  get ended(): boolean {
    return this.over;
  }

  /** Gives the call up; no callback follows. */
  cancel(): void {
    if (this.over) return;
    this.finish();
    this.stream?.reset(http2Code.cancel);
  }

  /** Ends the call from our side. */
  fail(status: GrpcStatus): void {
    if (this.over) return;
    this.finish();
    this.stream?.reset(http2Code.cancel);
    this.handler.onEnd(status);
  }

  private finish(): void {
    this.over = true;
    this.timer?.cancel();
  }

  private end(status: GrpcStatus): void {
    if (this.over) return;
    this.finish();
    // The server may answer before it has read the request; the rest of it is not wanted.
    if (this.stream !== null && !this.stream.localEnded) this.stream.reset(http2Code.noError);
    this.handler.onEnd(status);
  }

  onHeaders(_stream: Http2Stream, block: HeaderBlock, fin: boolean): void {
    if (this.over || block.status < 200) return;
    this.httpStatus = block.status;
    if (fin) {
      this.end(this.statusOf(block));
      return;
    }
    const type = block.get("content-type") ?? "";
    if (block.status !== 200 || !type.startsWith("application/grpc")) {
      const status = block.status === 200 ? grpcCode.unknown : statusOfHttp(block.status);
      this.fail({ code: status, message: `The answer is HTTP ${block.status} of type "${type}", not gRPC` });
      return;
    }
    this.handler.onOpen?.();
  }

  private statusOf(block: HeaderBlock): GrpcStatus {
    const status = readStatus((name) => block.get(name));
    if (status !== null) return status;
    const code = this.httpStatus === 200 ? grpcCode.unknown : statusOfHttp(this.httpStatus);
    return { code, message: `The answer is HTTP ${this.httpStatus} without a gRPC status` };
  }

  onData(stream: Http2Stream, bytes: Buffer, start: number, end: number, fin: boolean): void {
    try {
      this.reader.feed(bytes, start, end);
    } catch (thrown) {
      if (!(thrown instanceof MeshError)) throw thrown;
      this.fail(statusOfError(thrown));
      return;
    }
    stream.consume(end - start);
    if (fin) this.end({ code: grpcCode.internal, message: "The answer ended without a gRPC status" });
  }

  onTrailers(_stream: Http2Stream, block: HeaderBlock): void {
    const status = this.statusOf(block);
    if (status.code === grpcCode.ok && this.reader.inMessage) {
      this.end({ code: grpcCode.internal, message: "The answer ended in the middle of a message" });
    } else this.end(status);
  }

  onSent(): void {}

  onReset(_stream: Http2Stream, { code, refused, lost }: Reset): void {
    if (lost !== null) {
      this.end({ code: grpcCode.unavailable, message: `The connection was lost: ${errorChain(lost)}` });
      return;
    }
    const status = refused ? grpcCode.unavailable : statusOfReset(code);
    this.end({ code: status, message: `The stream was reset with ${http2CodeName(code)}` });
  }
}
