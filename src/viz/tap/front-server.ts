/**
 * HTTP/1.1 inside TLS for the Kubernetes API server alone: the runtime's HTTP server does not tell whose certificate a client
 * has. A connection without a certificate of the front proxy's authority does not get through the handshake; one with another
 * name is closed. One request at a time on a connection; what comes before its answer has ended waits, up to a limit.
 */
import type { Clock } from "#lib/clock.ts";
import { MeshError, errorChain } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { ConnectionLimit, listen } from "#lib/net/listen.ts";
import type { Listener, Socket, SocketHandler } from "#lib/net/socket.ts";
import { createTlsContext, peerCertificate, upgradeServer, type TlsContext } from "#lib/net/tls.ts";
import { WriteQueue } from "#lib/net/write-queue.ts";
import { parseCertificate } from "#lib/x509/certificate.ts";
import type { ReadonlyWatchable } from "#lib/watchable.ts";
import type { KeyPair } from "#kube/webhook.ts";
import { BodyDecoder } from "#wire/http1/body-decoder.ts";
import { HeadDecoder } from "#wire/http1/head-decoder.ts";
import type { RequestHead } from "#wire/http1/head.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import type { FrontProxy } from "./front-proxy.ts";

export const frontLimits = {
  connections: 256,
  /** Bytes of a request's body, and of what comes while an answer is under way. */
  body: 64 * 1024,
} as const;

export interface FrontRequest {
  readonly head: RequestHead;
  readonly body: string;
  /** What the front proxy says holds by these settings. */
  readonly front: FrontProxy;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

/** Exactly one of `send` and `stream` is called, once. */
export interface FrontResponse {
  send(status: number, body: object): void;
  stream(status: number, contentType: string): FrontStream;
}

export interface FrontStream {
  /** Bytes that wait. */
  readonly queued: number;
  write(text: string): void;
  end(): void;
  /** Cuts the connection. */
  fail(): void;
}

export interface FrontServerOptions {
  readonly ip: string;
  readonly port: number;
  readonly certificate: ReadonlyWatchable<KeyPair>;
  /** Null: not known yet; nobody is let in. */
  readonly front: ReadonlyWatchable<FrontProxy | null>;
  readonly clock: Clock;
  readonly log: Log;
  readonly handle: (request: FrontRequest, response: FrontResponse) => void;
}

export function serveFront(options: FrontServerOptions): Listener {
  const { certificate, front, log, clock } = options;
  let context: TlsContext | null = null;
  const renew = (): void => {
    const settings = front.get();
    if (settings === null) return;
    const { certPem, keyPem } = certificate.get();
    try {
      context = createTlsContext({ certPem, keyPem, caPem: settings.caPem, requestPeer: true });
    } catch (thrown) {
      log.error("The certificate or the front proxy's authority can't be used, keeping the last ones", {}, thrown);
    }
  };
  certificate.watch(renew);
  front.watch(renew);
  renew();
  const limit = new ConnectionLimit(frontLimits.connections);
  return listen({ ip: options.ip, port: options.port, limit, clock }, (accepted) => {
    const refuse = (reason: string): void =>
      log.info("A connection was refused", { client: accepted.remote.ip, reason });
    const settings = front.get();
    if (context === null || settings === null) {
      refuse("who the API server is, is not known yet");
      accepted.terminate();
      return;
    }
    upgradeServer(
      accepted,
      { context, alpn: ["http/1.1"], initial: Buffer.alloc(0), clock },
      {
        onSecure(socket) {
          const name = commonName(socket);
          if (settings.allowedNames.length > 0 && !settings.allowedNames.includes(name ?? "")) {
            refuse(`the front proxy's certificate is for "${name ?? ""}"`);
            socket.terminate();
            return;
          }
          socket.handler = new Connection(socket, settings, options);
        },
        onFail: (error) => refuse(error.message),
      },
    );
  });
}

function commonName(socket: Socket): string | null {
  const der = peerCertificate(socket);
  return der === null ? null : parseCertificate(der).subjectCn;
}

type Status = 200 | 400 | 401 | 403 | 404 | 405 | 413 | 429 | 500 | 503;
const reasons: Readonly<Record<Status, string>> = {
  200: "OK",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  413: "Content Too Large",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

class Connection implements SocketHandler {
  private readonly socket: Socket;
  private readonly front: FrontProxy;
  private readonly options: FrontServerOptions;
  private readonly queue: WriteQueue;
  private readonly heads = new HeadDecoder<RequestHead>(parseRequestHead);
  private readonly bodies = new BodyDecoder();
  private head: RequestHead | null = null;
  private body: Buffer[] = [];
  private bodyBytes = 0;
  /** An answer is under way. */
  private gone: AbortController | null = null;
  private rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, front: FrontProxy, options: FrontServerOptions) {
    this.socket = socket;
    this.front = front;
    this.options = options;
    this.queue = new WriteQueue(socket);
  }

  onData(_socket: Socket, chunk: Buffer): void {
    if (this.gone !== null) {
      this.rest = Buffer.concat([this.rest, chunk]);
      if (this.rest.length > frontLimits.body) this.socket.terminate();
      return;
    }
    try {
      this.read(chunk);
    } catch (thrown) {
      const reason = errorChain(thrown);
      this.options.log.info("A request can't be read", { client: this.socket.remote.ip, reason });
      this.answer(400, { message: thrown instanceof MeshError ? thrown.message : "The request can't be read" }, false);
    }
  }

  private read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length || (this.head !== null && this.bodies.done)) {
      if (this.head === null) {
        const head = this.heads.decode(chunk, at);
        if (head === null) return;
        at = this.heads.next;
        this.head = head;
        this.bodies.start(head.body, head.length);
        if (head.expectContinue && !this.bodies.done) this.queue.write(Buffer.from("HTTP/1.1 100 Continue\r\n\r\n"));
      }
      while (!this.bodies.done && at < chunk.length) {
        at = this.bodies.read(chunk, at);
        const { spanStart, spanEnd } = this.bodies;
        this.bodyBytes += spanEnd - spanStart;
        if (this.bodyBytes > frontLimits.body) {
          this.answer(413, { message: `The request has more than ${frontLimits.body} bytes` }, false);
          return;
        }
        this.body.push(chunk.subarray(spanStart, spanEnd));
      }
      if (!this.bodies.done) return;
      this.rest = chunk.subarray(at);
      this.serve(this.head);
      return;
    }
  }

  private serve(head: RequestHead): void {
    const body = Buffer.concat(this.body).toString("utf8");
    this.head = null;
    this.body = [];
    this.bodyBytes = 0;
    const gone = new AbortController();
    this.gone = gone;
    const response: FrontResponse = {
      send: (status, object) => this.answer(status as Status, object, head.keepAlive),
      stream: (status, contentType) => this.stream(status as Status, contentType),
    };
    this.options.handle({ head, body, front: this.front, signal: gone.signal }, response);
  }

  private answer(status: Status, object: object, keepAlive: boolean): void {
    if (this.socket.closed) return;
    const text = Buffer.from(`${JSON.stringify(object)}\n`);
    const connection = keepAlive ? "" : "connection: close\r\n";
    this.queue.write(
      Buffer.concat([
        Buffer.from(
          `HTTP/1.1 ${status} ${reasons[status]}\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n${connection}\r\n`,
        ),
        text,
      ]),
    );
    if (keepAlive) this.next();
    else this.queue.close();
  }

  private stream(status: Status, contentType: string): FrontStream {
    const { queue, socket } = this;
    queue.write(
      Buffer.from(
        `HTTP/1.1 ${status} ${reasons[status]}\r\ncontent-type: ${contentType}\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\n\r\n`,
      ),
    );
    return {
      get queued() {
        return queue.size;
      },
      write: (text) => {
        const bytes = Buffer.byteLength(text);
        queue.write(Buffer.from(`${bytes.toString(16)}\r\n${text}\r\n`));
      },
      end: () => {
        queue.write(Buffer.from("0\r\n\r\n"));
        this.next();
      },
      fail: () => socket.terminate(),
    };
  }

  /** The answer is complete. */
  private next(): void {
    this.gone = null;
    const { rest } = this;
    if (rest.length === 0) return;
    this.rest = Buffer.alloc(0);
    queueMicrotask(() => {
      if (!this.socket.closed) this.onData(this.socket, rest);
    });
  }

  onDrain(): void {
    this.queue.drain();
  }

  onEnd(socket: Socket): void {
    // Nobody waits for an answer after half a connection.
    this.gone?.abort();
    socket.close();
  }

  onClose(): void {
    this.queue.discard();
    this.gone?.abort();
  }
}
