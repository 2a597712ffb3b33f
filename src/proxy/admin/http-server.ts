/**
 * The admin port's HTTP/1 server: one request at a time per connection, small bodies, answers as a whole. It is made
 * for kubelets, scrapers and people with curl, not for traffic.
 */
import type { Clock, Timer } from "#lib/clock.ts";
import { errorChain, type MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Socket, SocketHandler } from "#lib/net/socket.ts";
import { WriteQueue } from "#lib/net/write-queue.ts";
import { BodyDecoder } from "#wire/http1/body-decoder.ts";
import { HeadDecoder } from "#wire/http1/head-decoder.ts";
import { pathOnly, type RequestHead } from "#wire/http1/head.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { fieldLines } from "#wire/http1/serialise.ts";

export interface AdminRequest {
  readonly head: RequestHead;
  /** The target without its query. */
  readonly path: string;
  /** At most {@link maxBody} bytes. */
  readonly body: Buffer;
  /** Peer's IP address. */
  readonly client: string;
}

export interface AdminResponse {
  readonly status: number;
  readonly contentType: string;
  /** As a whole, or in parts that follow each other. */
  readonly body: string | Uint8Array | readonly Uint8Array[];
  /** Further headers: name, value, name, value, … */
  readonly headers?: readonly string[];
}

export type AdminHandler = (request: AdminRequest) => AdminResponse | Promise<AdminResponse>;

/** Longest request body, bytes. */
export const maxBody = 65_536;
/** How long a connection may be quiet, or a request incomplete, ms. */
const idleTimeout = 60_000;

const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  204: "No Content",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  413: "Content Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** Serves one accepted connection; `initial`: bytes that were read already. */
export function serveAdmin(
  socket: Socket,
  initial: Buffer,
  options: { readonly handler: AdminHandler; readonly clock: Clock; readonly log: Log },
): void {
  const connection = new AdminConnection(socket, options);
  socket.handler = connection;
  if (initial.length > 0) connection.onData(socket, initial);
  socket.resume();
}

class AdminConnection implements SocketHandler {
  private readonly socket: Socket;
  private readonly handler: AdminHandler;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly heads = new HeadDecoder((text) => parseRequestHead(text));
  private readonly decoder = new BodyDecoder();
  private readonly output: WriteQueue;
  /** What has come and is not looked at yet; bounded by pausing while a request is answered. */
  private input: Buffer = Buffer.alloc(0);
  private head: RequestHead | null = null;
  private body: Buffer[] = [];
  private bodyBytes = 0;
  private busy = false;
  private ended = false;
  private timer: Timer | null = null;

  constructor(socket: Socket, options: { handler: AdminHandler; clock: Clock; log: Log }) {
    this.socket = socket;
    this.handler = options.handler;
    this.clock = options.clock;
    this.log = options.log;
    this.output = new WriteQueue(socket);
    this.arm();
  }

  onData(socket: Socket, chunk: Buffer): void {
    this.input = this.input.length === 0 ? chunk : Buffer.concat([this.input, chunk]);
    if (this.busy) socket.pause();
    else this.read();
  }

  onDrain(): void {
    this.output.drain();
  }

  onEnd(): void {
    this.ended = true;
    if (!this.busy) this.output.close();
  }

  onClose(_socket: Socket, _error: MeshError | null): void {
    this.timer?.cancel();
    this.ended = true;
    this.output.discard();
  }

  /** Cuts a peer that neither asks nor reads. */
  private arm(): void {
    this.timer?.cancel();
    this.timer = this.clock.after(idleTimeout, () => this.socket.terminate());
  }

  private read(): void {
    try {
      const head = this.parse();
      if (head === null) return;
      this.busy = true;
      if (this.bodyBytes > maxBody) this.send(text(413, `The body is longer than ${maxBody} bytes`), head, true);
      else this.answer(head);
    } catch (thrown) {
      // A refusal of the parser: where the next request would start is unknown.
      this.log.debug("Admin request refused", { client: this.socket.remote.ip, reason: errorChain(thrown) });
      this.busy = true;
      this.send(text(400, errorChain(thrown)), null, true);
    }
  }

  /** The head of a request whose body has come as well, or null: more is needed. */
  private parse(): RequestHead | null {
    let at = 0;
    if (this.head === null) {
      this.head = this.heads.decode(this.input, 0);
      if (this.head === null) {
        this.input = Buffer.alloc(0);
        return null;
      }
      at = this.heads.next;
      this.body = [];
      this.bodyBytes = 0;
      this.decoder.start(this.head.body, this.head.length);
      if (this.head.expectContinue) this.output.write(Buffer.from("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    while (!this.decoder.done && at < this.input.length && this.bodyBytes <= maxBody) {
      at = this.decoder.read(this.input, at);
      const { spanStart, spanEnd } = this.decoder;
      this.bodyBytes += spanEnd - spanStart;
      if (spanEnd > spanStart) this.body.push(this.input.subarray(spanStart, spanEnd));
    }
    this.input = this.input.subarray(at);
    return this.decoder.done || this.bodyBytes > maxBody ? this.head : null;
  }

  private answer(head: RequestHead): void {
    const path = pathOnly(head.path);
    const request: AdminRequest = { head, path, body: Buffer.concat(this.body), client: this.socket.remote.ip };
    // Handlers may render for a while; the promise keeps one connection's answers in order.
    Promise.resolve()
      .then(() => this.handler(request))
      .then(
        (response) => this.send(response, head, !head.keepAlive),
        (thrown: unknown) => {
          this.log.error("Admin request failed", { path }, thrown);
          this.send(text(500, "The request failed, see the log"), head, true);
        },
      );
  }

  private send(response: AdminResponse, head: RequestHead | null, close: boolean): void {
    if (this.socket.closed) return;
    const body = partsOf(response.body);
    const length = body.reduce((sum, part) => sum + part.length, 0);
    const reason = reasons[response.status] ?? "Unknown";
    const ending = close || this.ended;
    const fields = ["content-type", response.contentType, "content-length", String(length)];
    if (ending) fields.push("connection", "close");
    const start = `HTTP/1.1 ${response.status} ${reason}\r\n${fieldLines([...fields, ...(response.headers ?? [])])}\r\n`;
    this.output.write(Buffer.from(start, "latin1"));
    if (head?.method !== "HEAD" && length > 0) for (const part of body) this.output.write(part);
    this.arm();
    if (ending) {
      this.output.close();
      return;
    }
    this.busy = false;
    this.head = null;
    this.socket.resume();
    if (this.input.length > 0) this.read();
  }
}

function partsOf(body: AdminResponse["body"]): readonly Uint8Array[] {
  if (typeof body === "string") return [Buffer.from(body)];
  return body instanceof Uint8Array ? [body] : body;
}

/** A plain text answer; the line end is added. */
export function text(status: number, body: string): AdminResponse {
  return { status, contentType: "text/plain; charset=utf-8", body: `${body}\n` };
}
