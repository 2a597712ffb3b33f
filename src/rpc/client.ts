import type {
  DescMessage,
  DescMethod,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "#rpc/protobuf/types.ts";
import { type Clock, type Timer, systemClock } from "#lib/clock.ts";
import { MeshError, errorChain } from "#lib/errors.ts";
import type { ConnectHandler, PendingConnect, Socket } from "#lib/net/socket.ts";
import { defaultMaxMessageBytes } from "#wire/grpc/framing.ts";
import { type GrpcStatus, grpcCode } from "#wire/grpc/status.ts";
import { formatGrpcTimeout } from "#wire/grpc/timeout.ts";
import { requestBlock } from "#wire/http2/header-block.ts";
import { type Http2Limits, http2Limits } from "#wire/http2/limits.ts";
import { BufferPool } from "#wire/http2/out-buffer.ts";
import { Call, type CallHandler } from "./call.ts";
import { Http2Socket } from "./http2-socket.ts";
import { encodeMessage } from "./message.ts";
import { errorOfStatus, statusOfError } from "./status.ts";

export interface RpcClientOptions {
  /** Opens one connection to the server, plaintext or TLS; `#lib/net/connect.ts` bound to an address. */
  readonly connect: (handler: ConnectHandler) => PendingConnect;
  /** What `:authority` says, for example "linkerd-dst.linkerd.svc.cluster.local:8086". */
  readonly authority: string;
  /** What `:scheme` says. Default "http". */
  readonly scheme?: "http" | "https";
  readonly clock?: Clock;
  readonly pool?: BufferPool;
  /** Pings after so much silence, and how long an answer may take, ms. Default 10 s and 3 s; null never pings. */
  readonly keepalive?: { readonly interval: number; readonly timeout: number } | null;
  /** A connection without calls is closed after so many ms. Default 30 s. */
  readonly idleTimeout?: number;
  /** Default 4 MiB. */
  readonly maxMessageBytes?: number;
  /** Calls that may wait for a connection or for room on it. Default 100; more fail with RESOURCE_EXHAUSTED. */
  readonly maxWaiting?: number;
  readonly limits?: Partial<Http2Limits>;
}

export interface CallOptions {
  /** From now until the status, ms. None by default. */
  readonly timeout?: number;
}

/** A call under way. */
export interface CallHandle {
  /** Gives it up: RST_STREAM(CANCEL) to the server, no further callback. Harmless when it has ended. */
  cancel(): void;
}

/**
 * Calls to one server over one connection that all of them share. The connection is opened by the first call and again
 * by the first call after it was lost; a call whose connection is lost ends with UNAVAILABLE. When to try again is the
 * caller's matter, and so is which address to connect to.
 */
export class RpcClient {
  private readonly options: RpcClientOptions;
  private readonly clock: Clock;
  private readonly pool: BufferPool;
  private readonly limits: Http2Limits;
  private current: Http2Socket | null = null;
  private readonly sockets = new Set<Http2Socket>();
  private pending: PendingConnect | null = null;
  private readonly waiting: Call<DescMessage>[] = [];
  private idle: Timer | null = null;
  private closed = false;

  constructor(options: RpcClientOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.pool = options.pool ?? new BufferPool(16 * 1024, 1);
    this.limits = http2Limits(options.limits);
  }

  /** Whether there is a connection that takes calls. */
  get connected(): boolean {
    return this.current !== null && !this.current.connection.ending;
  }

  /** Calls that wait for a connection or for room on it. */
  get waitingCalls(): number {
    return this.waiting.length;
  }

  /** One request, one reply. Rejects with a MeshError whose `details.grpcCode` is the status. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    return new Promise((resolve, reject) => {
      const action = `Calling "${method.parent.typeName}/${method.name}"`;
      let reply: MessageShape<O> | null = null;
      this.start<I, O>(method, message, options, {
        onMessage: (received) => {
          reply = received;
        },
        onEnd: (status) => {
          if (status.code !== grpcCode.ok) reject(errorOfStatus(status, action));
          else if (reply === null) reject(new MeshError("protocol", `${action} failed: the reply has no message`));
          else resolve(reply);
        },
      });
    });
  }

  /** One request, any number of replies. Each is consumed when `onMessage` returns. No callback runs before this returns. */
  serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    message: MessageInitShape<I>,
    handler: CallHandler<O>,
    options: CallOptions = {},
  ): CallHandle {
    return this.start<I, O>(method, message, options, handler);
  }

  /** Ends every call with CANCELLED and closes the connections. Later calls fail. */
  close(): void {
    this.closed = true;
    this.pending?.cancel();
    this.pending = null;
    this.failWaiting({ code: grpcCode.cancelled, message: "The client was closed" });
    for (const socket of [...this.sockets]) socket.terminate(new MeshError("cancelled", "The client was closed"));
  }

  private start<I extends DescMessage, O extends DescMessage>(
    method: DescMethod & { readonly input: I; readonly output: O },
    message: MessageInitShape<I>,
    options: CallOptions,
    handler: CallHandler<O>,
  ): CallHandle {
    const call = new Call<O>(
      method,
      encodeMessage(method.input, message),
      this.options.maxMessageBytes ?? defaultMaxMessageBytes,
      handler,
    );
    const { timeout } = options;
    if (timeout !== undefined) {
      call.deadline = this.clock.now() + timeout;
      call.timer = this.clock.after(timeout, () => {
        call.fail({ code: grpcCode.deadlineExceeded, message: `No status within ${timeout} ms` });
      });
    }
    const refusal = this.refusal();
    if (refusal !== null) {
      queueMicrotask(() => call.fail(refusal));
      return call;
    }
    const erased = call as unknown as Call<DescMessage>;
    if (!this.send(erased)) {
      this.waiting.push(erased);
      this.connect();
    }
    return call;
  }

  private refusal(): GrpcStatus | null {
    if (this.closed) return { code: grpcCode.cancelled, message: "The client is closed" };
    for (let at = this.waiting.length - 1; at >= 0; at--) if (this.waiting[at]!.ended) this.waiting.splice(at, 1);
    if (this.waiting.length < (this.options.maxWaiting ?? 100)) return null;
    return { code: grpcCode.resourceExhausted, message: "Too many calls wait for a connection" };
  }

  /** Puts a call on the connection; false when there is none, or no room on it. */
  private send(call: Call<DescMessage>): boolean {
    const connection = this.current?.connection;
    if (connection === undefined || !connection.canOpen) return false;
    const { method } = call;
    const fields = ["te", "trailers", "content-type", "application/grpc"];
    if (call.deadline !== null) fields.push("grpc-timeout", formatGrpcTimeout(call.deadline - this.clock.now()));
    const { authority, scheme = "http" } = this.options;
    const path = `/${method.parent.typeName}/${method.name}`;
    const stream = connection.request(requestBlock({ method: "POST", scheme, authority, path }, fields), false, call);
    if (stream === null) return false;
    call.stream = stream;
    stream.sendData(call.request, 0, call.request.length, true);
    this.idle?.cancel();
    this.idle = null;
    return true;
  }

  private connect(): void {
    if (this.pending !== null || this.connected) return;
    this.pending = this.options.connect({
      onOpen: (socket) => this.opened(socket),
      onFail: (error) => {
        this.pending = null;
        // One message that says it all; the cause's own code doesn't matter to a caller who can only wait.
        this.failWaiting({ code: grpcCode.unavailable, message: errorChain(error) });
      },
    });
  }

  private opened(socket: Socket): void {
    this.pending = null;
    const { keepalive = { interval: 10_000, timeout: 3000 } } = this.options;
    const opened: Http2Socket = new Http2Socket(
      socket,
      { role: "client", clock: this.clock, keepalive, pool: this.pool, limits: this.limits },
      {
        onRequest: (stream) => {
          throw new MeshError("protocol", `The server opened stream ${stream.id}`);
        },
        onRoom: () => this.onRoom(opened),
        onGoaway: () => this.release(opened),
        onClosed: (error) => {
          this.sockets.delete(opened);
          this.release(opened);
          if (error !== null && !this.closed && this.pending === null) this.failWaiting(statusOfError(lost(error)));
        },
      },
    );
    this.sockets.add(opened);
    this.current = opened;
    this.sendWaiting();
  }

  /** No new calls on this connection. */
  private release(socket: Http2Socket): void {
    if (this.current === socket) this.current = null;
    if (!this.closed && this.waiting.length > 0 && this.current === null) this.connect();
  }

  private onRoom(socket: Http2Socket): void {
    if (socket !== this.current) return;
    this.sendWaiting();
    if (socket.connection.activeStreams > 0 || this.idle !== null) return;
    this.idle = this.clock.after(this.options.idleTimeout ?? 30_000, () => {
      this.idle = null;
      if (socket.connection.activeStreams === 0) socket.connection.drain();
    });
  }

  private sendWaiting(): void {
    while (this.waiting.length > 0) {
      const call = this.waiting[0]!;
      if (!call.ended && !this.send(call)) return;
      this.waiting.shift();
    }
  }

  private failWaiting(status: GrpcStatus): void {
    for (const call of this.waiting.splice(0)) call.fail(status);
  }
}

function lost(error: MeshError): MeshError {
  return new MeshError("unavailable", "The connection was lost", { cause: error });
}
