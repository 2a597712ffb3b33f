/**
 * A line per inbound HTTP request on standard error, in the forms and with the fields of Linkerd's access log: "apache"
 * (address, identity, time, request line, status) or "json". Written when the response's head comes; a request that gets
 * none is written when it ends, without a status if the client left first.
 *
 * This module is loaded only where the log is on.
 */
import { writeSync } from "node:fs";
import type { Clock } from "#lib/clock.ts";
import type { MeshError } from "#lib/errors.ts";
import { formatSocketAddr } from "#lib/net-addr.ts";
import { header, type RequestHead, type ResponseHead } from "#wire/http1/head.ts";
import type { ExchangeEnd, RequestControl, RequestHandler } from "../http/request-handler.ts";
import type { AccessLog, InboundConnection } from "../inbound/ports.ts";

export type AccessLogFormat = "apache" | "json";

/** What is known of a request when its line is written. */
export interface AccessEntry {
  /** "ip:port" */
  readonly client: string;
  /** The client's proven identity, or "-". */
  readonly clientId: string;
  /** ms since 1970, when the request's head came. */
  readonly time: number;
  readonly request: RequestHead;
  /** Of HTTP. */
  readonly major: 1 | 2;
  /** Null: there was no response. */
  readonly status: number | null;
  /** Content-Length of the response, or null. */
  readonly responseBytes: number | null;
  /** ms from the request's head to the response's head, and the part of it that the proxy itself worked. */
  readonly total: number;
  readonly processing: number;
}

/** Headers that may name a trace, the first that is there counts. */
const traceHeaders = ["x-b3-traceid", "x-request-id", "x-amzn-trace-id"];

/** One line, without its end. Values come from clients: nothing in them can begin another line. */
export function formatAccess(format: AccessLogFormat, entry: AccessEntry): string {
  const { client, clientId, request, major, status } = entry;
  const timestamp = new Date(entry.time).toISOString();
  const version = major === 2 ? "HTTP/2.0" : `HTTP/1.${request.minor}`;
  // HTTP/2 has no request line: Linkerd writes the whole URI there.
  const uri = major === 2 ? `http://${request.authority}${request.path}` : request.target;
  if (format === "apache") {
    // A target may hold quotes, which must not end the field and begin others.
    const quoted = uri.replaceAll('"', "%22");
    const line = `${client} ${clientId} - [${timestamp}] "${request.method} ${quoted} ${version}"`;
    return status === null ? line : `${line} ${status}`;
  }
  const { headers } = request;
  const trace = traceHeaders.map((name) => header(headers, name)).find((value) => value !== null);
  const answered = {
    ...(status === null ? {} : { status, total_ns: nanoseconds(entry.total) }),
    ...(status === null ? {} : { processing_ns: nanoseconds(entry.processing) }),
    ...(entry.responseBytes === null ? {} : { response_bytes: String(entry.responseBytes) }),
  };
  return JSON.stringify({
    "client.addr": client,
    "client.id": clientId,
    timestamp,
    method: request.method,
    uri,
    version,
    trace_id: trace ?? "",
    request_bytes: header(headers, "content-length") ?? "",
    user_agent: header(headers, "user-agent") ?? "",
    host: header(headers, "host") ?? "",
    ...answered,
  });
}

function nanoseconds(ms: number): string {
  return String(Math.max(0, Math.round(ms * 1e6)));
}

/** The requests of one connection, one at a time. */
class LoggedRequests implements RequestHandler {
  private readonly inner: RequestHandler;
  private readonly write: (entry: AccessEntry) => void;
  private readonly clock: Clock;
  private readonly client: string;
  private readonly clientId: string;
  private readonly major: 1 | 2;
  /** Null once its line is written. */
  private request: RequestHead | null = null;
  private time = 0;
  private startedAt = 0;
  private processing = 0;

  constructor(
    inner: RequestHandler,
    { client, tls }: InboundConnection,
    major: 1 | 2,
    clock: Clock,
    write: (entry: AccessEntry) => void,
  ) {
    this.inner = inner;
    this.write = write;
    this.clock = clock;
    this.major = major;
    this.client = formatSocketAddr(client);
    this.clientId = tls.kind === "meshed" ? tls.clientId : "-";
  }

  onRequest(connection: RequestControl, head: RequestHead): void {
    this.request = head;
    this.time = this.clock.wall();
    this.startedAt = this.clock.now();
    this.inner.onRequest(connection, head);
    // An answer of our own has ended the request already, and what comes next may have begun.
    if (this.request === head) this.processing = this.clock.now() - this.startedAt;
  }

  onUnsent(connection: RequestControl, error: MeshError): void {
    this.inner.onUnsent(connection, error);
  }

  onNoAnswer(connection: RequestControl, error: MeshError): void {
    this.inner.onNoAnswer(connection, error);
  }

  onResponse(head: ResponseHead): void {
    const before = this.clock.now();
    this.inner.onResponse(head);
    this.processing += this.clock.now() - before;
    this.log(head.status, head.body === "length" ? head.length : null);
  }

  onRequestBody(bytes: number): void {
    this.inner.onRequestBody(bytes);
  }

  onResponseBody(bytes: number): void {
    this.inner.onResponseBody(bytes);
  }

  onExchangeEnd(status: number, end: ExchangeEnd, grpcStatus: number): void {
    this.inner.onExchangeEnd(status, end, grpcStatus);
    this.log(status === 0 ? null : status, status === 0 ? null : 0);
  }

  onAbandoned(): void {
    this.inner.onAbandoned();
  }

  onClosed(error: MeshError | null): void {
    this.inner.onClosed(error);
  }

  private log(status: number | null, responseBytes: number | null): void {
    const { request, client, clientId, major, time, processing } = this;
    if (request === null) return;
    this.request = null;
    this.processing = 0;
    const total = this.clock.now() - this.startedAt;
    this.write({
      client,
      clientId,
      time,
      request,
      major,
      status,
      responseBytes,
      total,
      processing: Math.min(processing, total),
    });
  }
}

/** Hands a text on; `done` when it is out. */
export type Output = (text: string, done: () => void) => void;

/** Lines are gathered for this long, ms, or until there are this many characters of them. */
const gatherTime = 50;
const gatherLength = 16_384;
/** Characters that may be on their way; more lines are dropped, and how many is said in a line of its own. */
const maxUnwritten = 1_048_576;

/** Gathers lines, so that a busy proxy makes few writes. A reader that stalls costs lines, never memory or time. */
export class LineWriter {
  private readonly output: Output;
  private readonly clock: Clock;
  private gathered = "";
  private armed = false;
  private unwritten = 0;
  private dropped = 0;

  constructor(output: Output, clock: Clock) {
    this.output = output;
    this.clock = clock;
  }

  write(line: string): void {
    if (this.unwritten + this.gathered.length + line.length > maxUnwritten) {
      this.dropped++;
      return;
    }
    if (this.dropped > 0) {
      this.gathered += `${this.dropped} access log lines were dropped because nobody reads them fast enough\n`;
      this.dropped = 0;
    }
    this.gathered += `${line}\n`;
    if (this.gathered.length >= gatherLength) this.flush();
    else if (!this.armed) {
      this.armed = true;
      this.clock.after(gatherTime, () => {
        this.armed = false;
        this.flush();
      });
    }
  }

  /** What was gathered and not handed on; it is the caller's now. */
  take(): string {
    const text = this.gathered;
    this.gathered = "";
    return text;
  }

  private flush(): void {
    const text = this.take();
    if (text === "") return;
    this.unwritten += text.length;
    this.output(text, () => {
      this.unwritten -= text.length;
    });
  }
}

/** Writes to `lines`. */
export function createAccessLog(format: AccessLogFormat, lines: LineWriter, clock: Clock): AccessLog {
  const write = (entry: AccessEntry): void => lines.write(formatAccess(format, entry));
  return { wrap: (session, connection, major) => new LoggedRequests(session, connection, major, clock, write) };
}

/** The log of a process: on standard error, flushed at its end. */
export function stderrAccessLog(format: AccessLogFormat, clock: Clock): AccessLog {
  const lines = new LineWriter((text, done) => process.stderr.write(text, () => done()), clock);
  process.once("exit", () => {
    // Nothing runs after this, so what is left goes out at once; a reader that stalls even now gets nothing.
    try {
      writeSync(2, lines.take());
    } catch (thrown) {
      if (!(thrown instanceof Error && "code" in thrown)) throw thrown;
    }
  });
  return createAccessLog(format, lines, clock);
}
