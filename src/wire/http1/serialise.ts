/** Heads and chunk framing as text. Callers write latin1. */
import type { FlatHeaders, RequestHead, ResponseHead } from "./head.ts";

/** Header lines with their ends; names as given. */
export function fieldLines(headers: FlatHeaders): string {
  let text = "";
  for (let index = 0; index < headers.length; index += 2) text += `${headers[index]}: ${headers[index + 1]}\r\n`;
  return text;
}

/** A whole request head with the empty line, as it was received up to white space. */
export function requestText(head: RequestHead): string {
  return `${head.method} ${head.target} HTTP/1.${head.minor}\r\n${rawFieldLines(head)}\r\n`;
}

/** A whole response head with the empty line. */
export function responseText(head: ResponseHead): string {
  return `HTTP/1.${head.minor} ${head.status} ${head.reason}\r\n${rawFieldLines(head)}\r\n`;
}

function rawFieldLines(head: { readonly headers: FlatHeaders; readonly rawNames: readonly string[] }): string {
  let text = "";
  for (let index = 0; index < head.rawNames.length; index++)
    text += `${head.rawNames[index]}: ${head.headers[index * 2 + 1]}\r\n`;
  return text;
}

/** The line before a chunk of `size` bytes (more than 0); the chunk itself is followed by CRLF. */
export function chunkStart(size: number): string {
  return `${size.toString(16)}\r\n`;
}

/** The last chunk with its trailer section. */
export function lastChunk(trailers: FlatHeaders): string {
  return trailers.length === 0 ? "0\r\n\r\n" : `0\r\n${fieldLines(trailers)}\r\n`;
}

/** Reason phrases of the statuses that the proxy answers by itself. */
const reasons: Readonly<Record<number, string>> = {
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  408: "Request Timeout",
  414: "URI Too Long",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  508: "Loop Detected",
};

export function reasonPhrase(status: number): string {
  return reasons[status] ?? "";
}
