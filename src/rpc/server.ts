import type { DescMethod } from "#rpc/protobuf/types.ts";
import { type Clock, systemClock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Socket } from "#lib/net/socket.ts";
import { defaultMaxMessageBytes } from "#wire/grpc/framing.ts";
import { grpcCode, statusFields } from "#wire/grpc/status.ts";
import { type HeaderBlock, responseBlock } from "#wire/http2/header-block.ts";
import { type Http2Limits, http2Limits } from "#wire/http2/limits.ts";
import { BufferPool } from "#wire/http2/out-buffer.ts";
import type { Http2Stream, StreamHandler } from "#wire/http2/stream.ts";
import { Http2Socket } from "./http2-socket.ts";
import { type CallHost, type RpcServerCounters, ServerCall } from "./server-call.ts";
import type { Route, ServiceRoutes } from "./service.ts";
import { type WriterLimits, defaultWriterLimits } from "./stream-writer.ts";

export interface RpcServerOptions {
  readonly services: readonly ServiceRoutes[];
  readonly log: Log;
  readonly clock?: Clock;
  /** Largest request. Default 4 MiB. */
  readonly maxMessageBytes?: number;
  readonly writer?: Partial<WriterLimits>;
  /** Default: 4096 streams a connection, 64 KiB windows. */
  readonly limits?: Partial<Http2Limits>;
  /** Default 10 s and 3 s; null never pings. */
  readonly keepalive?: { readonly interval: number; readonly timeout: number } | null;
  /** Told about every call that ended, for metrics. `code`: gRPC status, or null when the client left. */
  readonly onCall?: (method: DescMethod, code: number | null, duration: number) => void;
}

/** A gRPC server on sockets that somebody else accepts, plaintext or TLS. */
export class RpcServer implements CallHost {
  readonly counters: RpcServerCounters = { connections: 0, activeCalls: 0, calls: 0, overflows: 0, slowReaders: 0 };
  readonly options: RpcServerOptions;
  readonly clock: Clock;
  readonly writerLimits: WriterLimits;
  readonly maxMessageBytes: number;
  private readonly routes: ReadonlyMap<string, Route>;
  private readonly pool = new BufferPool();
  private readonly limits: Http2Limits;
  private readonly sockets = new Set<Http2Socket>();
  private draining = false;

  constructor(options: RpcServerOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.limits = http2Limits({ maxConcurrentStreams: 4096, ...options.limits });
    this.writerLimits = { ...defaultWriterLimits, ...options.writer };
    this.maxMessageBytes = options.maxMessageBytes ?? defaultMaxMessageBytes;
    this.routes = new Map(options.services.flatMap((service) => [...service.routes]));
  }

  /** Takes over a socket. Give it to `listen` as `onAccept`, or call it when a TLS handshake is done. */
  readonly accept = (socket: Socket): void => {
    const { keepalive = { interval: 10_000, timeout: 3000 }, log } = this.options;
    const accepted: Http2Socket = new Http2Socket(
      socket,
      {
        role: "server",
        clock: this.clock,
        pool: this.pool,
        limits: this.limits,
        keepalive,
      },
      {
        onRequest: (stream, block, fin) => this.onRequest(socket, stream, block, fin),
        onRoom() {},
        onGoaway() {},
        onClosed: (error) => {
          this.sockets.delete(accepted);
          this.counters.connections--;
          if (error !== null && error.code === "protocol")
            log.info("Connection failed", { remote: socket.remote.ip, reason: error.message });
        },
      },
    );
    this.sockets.add(accepted);
    this.counters.connections++;
    if (this.draining) accepted.connection.drain();
  };

  /** Refuses new calls by GOAWAY and lets those in flight end. The caller waits for `counters.connections` or closes. */
  drain(): void {
    this.draining = true;
    for (const socket of [...this.sockets]) socket.connection.drain();
  }

  /** Ends everything now. Clients see the connection end. */
  close(): void {
    this.draining = true;
    for (const socket of [...this.sockets]) socket.terminate(new MeshError("cancelled", "The server is shutting down"));
  }

  private onRequest(socket: Socket, stream: Http2Stream, block: HeaderBlock, fin: boolean): StreamHandler {
    const type = block.get("content-type") ?? "";
    if (block.method !== "POST" || !type.startsWith("application/grpc")) {
      return refuse(stream, fin, 415, []);
    }
    const route = this.routes.get(block.path);
    if (route === undefined) {
      const message = `There is no method "${block.path}"`;
      return refuse(stream, fin, 200, [
        "content-type",
        "application/grpc",
        ...statusFields({ code: grpcCode.unimplemented, message }),
      ]);
    }
    const call = new ServerCall(this, route, socket, stream, block);
    if (fin) call.onRequestEnd();
    return call;
  }
}

const ignore: StreamHandler = {
  onHeaders() {},
  onData(stream, _bytes, start, end) {
    stream.consume(end - start);
  },
  onTrailers() {},
  onSent() {},
  onReset() {},
};

function refuse(stream: Http2Stream, fin: boolean, status: number, fields: readonly string[]): StreamHandler {
  stream.sendHeaders(responseBlock(status, fields), true);
  if (!fin) stream.reset(0);
  return ignore;
}

export function createRpcServer(options: RpcServerOptions): RpcServer {
  return new RpcServer(options);
}
