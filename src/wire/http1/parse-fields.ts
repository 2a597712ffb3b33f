import { isFieldChar, isTokenChar } from "./chars.ts";
import type { FlatHeaders } from "./head.ts";
import type { Http1Limits } from "./limits.ts";
import { refusal } from "./refusal.ts";

/** A header section and what it says about framing. One object is reused by a parser: read it before the next parse. */
export interface Fields {
  headers: FlatHeaders;
  rawNames: readonly string[];
  hostCount: number;
  host: string;
  /** -1: none. */
  contentLength: number;
  chunked: boolean;
  close: boolean;
  keepAlive: boolean;
  /** Connection names Upgrade. */
  upgradeNamed: boolean;
  upgrade: string | null;
  expectContinue: boolean;
  connectionNames: readonly string[];
}

export function emptyFields(): Fields {
  return {
    headers: [],
    rawNames: [],
    hostCount: 0,
    host: "",
    contentLength: -1,
    chunked: false,
    close: false,
    keepAlive: false,
    upgradeNamed: false,
    upgrade: null,
    expectContinue: false,
    connectionNames: [],
  };
}

const noNames: readonly string[] = [];

/**
 * Parses header lines of `text` from `start` to its end into `into`; every line, the last one too, ends with CRLF.
 * Throws a refusal. RFC 9112 §5: no folding, no space before the colon, no bare CR or LF, no NUL.
 */
export function parseFields(text: string, start: number, limits: Http1Limits, into: Fields): void {
  const headers: string[] = [];
  const rawNames: string[] = [];
  into.headers = headers;
  into.rawNames = rawNames;
  into.hostCount = 0;
  into.host = "";
  into.contentLength = -1;
  into.chunked = false;
  into.close = false;
  into.keepAlive = false;
  into.upgradeNamed = false;
  into.upgrade = null;
  into.expectContinue = false;
  into.connectionNames = noNames;
  const length = text.length;
  let at = start;
  while (at < length) {
    const nameStart = at;
    let code = text.charCodeAt(at);
    if (code === 32 || code === 9)
      throw refusal("obs-fold", "A header line starts with white space (obsolete folding)");
    while (at < length && isTokenChar[(code = text.charCodeAt(at))] === 1) at++;
    if (code !== 58 || at === nameStart || at >= length)
      throw refusal("header-name", "A header name is empty or has a forbidden character");
    const raw = text.substring(nameStart, at);
    at++;
    // Optional white space around the value is not part of it (RFC 9110 §5.5).
    while (at < length && ((code = text.charCodeAt(at)) === 32 || code === 9)) at++;
    const valueStart = at;
    while (at < length && isFieldChar[text.charCodeAt(at)] === 1) at++;
    let valueEnd = at;
    while (valueEnd > valueStart && ((code = text.charCodeAt(valueEnd - 1)) === 32 || code === 9)) valueEnd--;
    if (at + 1 >= length || text.charCodeAt(at) !== 13 || text.charCodeAt(at + 1) !== 10) {
      const found = text.charCodeAt(at);
      if (found === 13 || found === 10) throw refusal("line-end", "A header line has a bare CR or LF");
      throw refusal("header-value", "A header value has a control character");
    }
    at += 2;
    if (rawNames.length >= limits.headers)
      throw refusal("too-many-headers", `A head has more than ${limits.headers} header fields`);
    const name = raw.toLowerCase();
    const value = text.substring(valueStart, valueEnd);
    rawNames.push(raw);
    headers.push(name, value);
    // Only names of these lengths mean something to framing; the switch keeps the usual header cheap.
    switch (name.length) {
      case 4:
        if (name === "host") {
          into.hostCount++;
          into.host = value;
        }
        break;
      case 6:
        if (name === "expect" && value.toLowerCase() === "100-continue") into.expectContinue = true;
        break;
      case 7:
        if (name === "upgrade")
          into.upgrade = into.upgrade === null ? value.toLowerCase() : `${into.upgrade}, ${value.toLowerCase()}`;
        break;
      case 10:
        if (name === "connection") readConnection(value, into);
        break;
      case 14:
        if (name === "content-length") readContentLength(value, into);
        break;
      case 17:
        if (name === "transfer-encoding") readTransferEncoding(value, into);
        break;
      default:
        break;
    }
  }
  if (into.chunked && into.contentLength >= 0) {
    throw refusal("length-and-chunked", "A head has both Content-Length and Transfer-Encoding");
  }
}

function readContentLength(value: string, into: Fields): void {
  // 15 digits stay exact as a number. A list or a repeated field is refused even when the values agree.
  if (into.contentLength >= 0) throw refusal("content-length", "A head has two Content-Length fields");
  if (!/^[0-9]{1,15}$/.test(value))
    throw refusal("content-length", `Content-Length "${value.slice(0, 40)}" is not a number of at most 15 digits`);
  into.contentLength = Number(value);
}

function readTransferEncoding(value: string, into: Fields): void {
  if (into.chunked || value.toLowerCase() !== "chunked") {
    throw refusal("transfer-encoding", `Transfer-Encoding is not a single "chunked"`);
  }
  into.chunked = true;
}

function readConnection(value: string, into: Fields): void {
  if (value === "close") {
    into.close = true;
    return;
  }
  for (const part of value.split(",")) {
    const token = part.trim().toLowerCase();
    if (token === "") continue;
    if (token === "close") into.close = true;
    else if (token === "keep-alive") into.keepAlive = true;
    else if (token === "upgrade") into.upgradeNamed = true;
    else into.connectionNames = [...into.connectionNames, token];
  }
}
