import type { DescMethod } from "#rpc/protobuf/types.ts";
import type { Clock, Timer } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Socket, SocketAddr } from "#lib/net/socket.ts";
import { MessageReader } from "#wire/grpc/framing.ts";
import { type GrpcStatus, grpcCode } from "#wire/grpc/status.ts";
import { parseGrpcTimeout } from "#wire/grpc/timeout.ts";
import type { HeaderBlock } from "#wire/http2/header-block.ts";
import type { Http2Stream, StreamHandler } from "#wire/http2/stream.ts";
import { decodeMessage } from "./message.ts";
import type { CallContext, Route } from "./service.ts";
import { statusOfError } from "./status.ts";
import { StreamWriter, type WriterLimits } from "./stream-writer.ts";

/** What the server did so far. */
export interface RpcServerCounters {
  connections: number;
  activeCalls: number;
  calls: number;
  /** Streams cut because more than `maxQueuedMessages` waited. */
  overflows: number;
  /** Streams cut because their reader took nothing. */
  slowReaders: number;
}

/** What a call needs of its server. */
export interface CallHost {
  readonly clock: Clock;
  readonly counters: RpcServerCounters;
  readonly writerLimits: WriterLimits;
  readonly maxMessageBytes: number;
  readonly options: {
    readonly log: Log;
    readonly onCall?: (method: DescMethod, code: number | null, duration: number) => void;
  };
}

/** The server's side of one call: collects the one request message, runs the handler, keeps the deadline. */
export class ServerCall implements StreamHandler, CallContext {
  readonly remote: SocketAddr;
  readonly peerNames: readonly string[];
  private readonly server: CallHost;
  private readonly route: Route;
  private readonly block: HeaderBlock;
  private readonly reader: MessageReader;
  private readonly writer: StreamWriter;
  private readonly started: number;
  private deadline: Timer | null = null;
  private request: object | null = null;
  private failed: GrpcStatus | null = null;
  private begun = false;

  constructor(server: CallHost, route: Route, socket: Socket, stream: Http2Stream, block: HeaderBlock) {
    this.server = server;
    this.route = route;
    this.block = block;
    this.remote = socket.remote;
    this.peerNames = socket.tls?.peerNames ?? [];
    this.started = server.clock.now();
    server.counters.calls++;
    server.counters.activeCalls++;
    this.writer = new StreamWriter(stream, route.method.output, server.clock, server.writerLimits, (cut) => {
      if (cut === "overflow") server.counters.overflows++;
      else server.counters.slowReaders++;
    });
    this.writer.onEnd = (code) => this.ended(code);
    this.reader = new MessageReader(server.maxMessageBytes, (bytes) => {
      if (this.request !== null) throw new MeshError("invalid-argument", "The call has more than one request message");
      this.request = decodeMessage(route.method.input, bytes);
    });
    const timeout = parseGrpcTimeout(block.get("grpc-timeout") ?? "");
    if (timeout !== null) this.deadline = server.clock.after(timeout, () => this.onDeadline());
  }

  header(name: string): string | null {
    return this.block.get(name);
  }

  onCancel(run: () => void): void {
    this.writer.onCancel(run);
  }

  private onDeadline(): void {
    this.writer.abort({ code: grpcCode.deadlineExceeded, message: "The deadline has passed" });
  }

  private ended(code: number | null): void {
    this.deadline?.cancel();
    this.server.counters.activeCalls--;
    this.server.options.onCall?.(this.route.method, code, this.server.clock.now() - this.started);
  }

  onHeaders(): void {}

  onData(stream: Http2Stream, bytes: Buffer, start: number, end: number, fin: boolean): void {
    stream.consume(end - start);
    if (this.failed !== null || this.writer.ended) return;
    try {
      this.reader.feed(bytes, start, end);
    } catch (thrown) {
      this.fail(thrown);
      return;
    }
    if (fin) this.onRequestEnd();
  }

  onTrailers(): void {
    this.onRequestEnd();
  }

  /** The request is complete. */
  onRequestEnd(): void {
    if (this.begun || this.writer.ended) return;
    this.begun = true;
    if (this.request === null || this.reader.inMessage) {
      this.fail(new MeshError("invalid-argument", "The call has no complete request message"));
      return;
    }
    try {
      const result = this.route.handler(this.request as never, this, this.writer);
      if (this.route.method.methodKind !== "unary") return;
      if (result instanceof Promise)
        result.then((reply: object) => this.reply(reply)).catch((thrown: unknown) => this.fail(thrown));
      else this.reply(result as object);
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  private reply(message: object): void {
    this.writer.send(message as Record<string, unknown>);
    this.writer.end();
  }

  private fail(thrown: unknown): void {
    this.failed = statusOfError(thrown);
    if (!(thrown instanceof MeshError)) {
      const { method } = this.route;
      this.server.options.log.error(
        "Handling a call failed",
        { method: `${method.parent.typeName}/${method.name}` },
        thrown,
      );
    }
    this.writer.end(this.failed);
  }

  onSent(): void {
    this.writer.onSent();
  }

  onReset(): void {
    this.writer.cancelled();
  }
}
