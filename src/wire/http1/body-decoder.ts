import type { BodyKind, FlatHeaders } from "./head.ts";
import { defaultHttp1Limits, type Http1Limits } from "./limits.ts";
import { emptyFields, parseFields } from "./parse-fields.ts";
import { refusal } from "./refusal.ts";

type ChunkState = "size" | "extension" | "size-lf" | "data" | "data-cr" | "data-lf" | "trailer";

/** Trailer fields that would change framing, routing or the connection are refused (RFC 9110 §6.5.1); HTTP/2 has none of the latter. */
export const forbiddenTrailers: ReadonlySet<string> = new Set([
  "content-length",
  "transfer-encoding",
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "upgrade",
  "trailer",
  "expect",
]);

const noTrailers: FlatHeaders = [];

/**
 * Splits the bytes of one message body after another into spans of content. One per connection and direction.
 * Use: `start(kind, length)`, then while not `done`: `at = read(chunk, at)` and take `chunk[spanStart, spanEnd)`, which may be empty.
 */
export class BodyDecoder {
  /** The body is complete; a "close" body never is by itself. */
  done = true;
  spanStart = 0;
  spanEnd = 0;
  /** The trailer section of a chunked body, when `done`. */
  trailers: FlatHeaders = noTrailers;
  private readonly limits: Http1Limits;
  private kind: BodyKind = "none";
  private state: ChunkState = "size";
  private remaining = 0;
  private digits = 0;
  private extensionBytes = 0;
  private allExtensionBytes = 0;
  private inQuotes = false;
  private trailerText = "";

  constructor(limits: Http1Limits = defaultHttp1Limits) {
    this.limits = limits;
  }

  start(kind: BodyKind, length: number): void {
    this.kind = kind;
    this.done = kind === "none" || (kind === "length" && length === 0);
    this.remaining = kind === "length" ? length : 0;
    this.spanStart = this.spanEnd = 0;
    this.trailers = noTrailers;
    if (kind === "chunked") {
      this.state = "size";
      this.digits = 0;
      this.extensionBytes = this.allExtensionBytes = 0;
      this.trailerText = "";
    }
  }

  /** Consumes up to one span of content; returns where to go on. Throws a refusal. */
  read(chunk: Buffer, at: number): number {
    if (this.kind === "length") {
      const end = Math.min(chunk.length, at + this.remaining);
      this.remaining -= end - at;
      if (this.remaining === 0) this.done = true;
      return this.span(at, end);
    }
    if (this.kind === "close") return this.span(at, chunk.length);
    return this.readChunked(chunk, at);
  }

  /** The connection ended: completes a "close" body, throws for any other that is not done. */
  end(): void {
    if (this.done) return;
    if (this.kind !== "close") throw refusal("truncated", "A connection ended in the middle of a message body");
    this.done = true;
  }

  private span(start: number, end: number): number {
    this.spanStart = start;
    this.spanEnd = end;
    return end;
  }

  private readChunked(chunk: Buffer, from: number): number {
    this.spanStart = this.spanEnd = 0;
    const length = chunk.length;
    let at = from;
    while (at < length) {
      if (this.state === "data") {
        const end = Math.min(length, at + this.remaining);
        this.remaining -= end - at;
        if (this.remaining === 0) this.state = "data-cr";
        return this.span(at, end);
      }
      if (this.state === "trailer") return this.readTrailer(chunk, at);
      this.step(chunk[at++] ?? 0);
    }
    return at;
  }

  /** One byte of chunk framing. */
  private step(code: number): void {
    switch (this.state) {
      case "size": {
        const digit = hexValue(code);
        if (digit >= 0) {
          // 13 hexadecimal digits stay exact as a number.
          if (++this.digits > 13) throw refusal("chunk-size", "A chunk size has more than 13 digits");
          this.remaining = this.remaining * 16 + digit;
        } else if (this.digits === 0) {
          throw refusal("chunk-size", "A chunk size is not a hexadecimal number");
        } else if (code === 13) {
          this.state = "size-lf";
        } else if (code === 59) {
          this.state = "extension";
          this.inQuotes = false;
          this.countExtension();
        } else {
          throw refusal("chunk-size", "A chunk size is followed by something else than its end or an extension");
        }
        return;
      }
      case "extension":
        // Extensions are read and not passed on (RFC 9112 §7.1.1).
        if (code === 13 && !this.inQuotes) {
          this.state = "size-lf";
          return;
        }
        if (code < 32 ? code !== 9 : code === 127)
          throw refusal("chunk-extension", "A chunk extension has a control character");
        if (code === 34) this.inQuotes = !this.inQuotes;
        this.countExtension();
        return;
      case "size-lf":
        if (code !== 10) throw refusal("line-end", "A chunk size line has a bare CR");
        this.digits = 0;
        this.extensionBytes = 0;
        this.state = this.remaining === 0 ? "trailer" : "data";
        return;
      case "data-cr":
        if (code !== 13) throw refusal("chunk-end", "A chunk is not followed by CRLF");
        this.state = "data-lf";
        return;
      case "data-lf":
        if (code !== 10) throw refusal("chunk-end", "A chunk is not followed by CRLF");
        this.state = "size";
        return;
      default:
        return;
    }
  }

  private countExtension(): void {
    this.extensionBytes++;
    this.allExtensionBytes++;
    if (
      this.extensionBytes > this.limits.chunkExtensionBytes ||
      this.allExtensionBytes > this.limits.allExtensionBytes
    ) {
      throw refusal("chunk-extension", "Chunk extensions are too long");
    }
  }

  private readTrailer(chunk: Buffer, at: number): number {
    const before = this.trailerText.length;
    const take = Math.min(chunk.length, at + this.limits.trailerBytes + 4 - before);
    const text = this.trailerText + chunk.toString("latin1", at, take);
    let end: number;
    if (text.startsWith("\r\n")) {
      end = 2;
    } else {
      const found = text.indexOf("\r\n\r\n", Math.max(0, before - 3));
      if (found < 0) {
        if (text.length > this.limits.trailerBytes)
          throw refusal("trailer", `A trailer section is longer than ${this.limits.trailerBytes} bytes`);
        if (/(?:^|[^\r])\n/.test(text)) throw refusal("line-end", "A trailer section has a bare LF");
        this.trailerText = text;
        return take;
      }
      end = found + 4;
      const fields = emptyFields();
      parseFields(text.substring(0, found + 2), 0, this.limits, fields);
      for (let index = 0; index < fields.headers.length; index += 2) {
        const name = fields.headers[index] ?? "";
        if (forbiddenTrailers.has(name))
          throw refusal("trailer", `The field "${name}" is not allowed in a trailer section`);
      }
      this.trailers = fields.headers;
    }
    this.trailerText = "";
    this.done = true;
    return at + (end - before);
  }
}

function hexValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
