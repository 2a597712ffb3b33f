import { isAll, isFieldChar } from "./chars.ts";
import type { ResponseHead } from "./head.ts";
import { defaultHttp1Limits, type Http1Limits } from "./limits.ts";
import { emptyFields, parseFields } from "./parse-fields.ts";
import { refusal } from "./refusal.ts";

/** Parses a response head; `text` as for `parseRequestHead`. Throws a refusal. */
export function parseResponseHead(text: string, limits: Http1Limits = defaultHttp1Limits): ResponseHead {
  const lineEnd = text.indexOf("\r\n");
  if (text.indexOf("\n") !== lineEnd + 1) throw refusal("line-end", "A start line has a bare LF");
  const line = text.substring(0, lineEnd);
  const version = line.substring(0, 9);
  if (version !== "HTTP/1.1 " && version !== "HTTP/1.0 ") {
    if (/^HTTP\/[0-9]\.[0-9] $/.test(version))
      throw refusal("version", `HTTP version "${version.trim()}" is not 1.0 or 1.1`);
    throw refusal("start-line", "A status line does not start with an HTTP version");
  }
  const minor = version === "HTTP/1.1 " ? 1 : 0;
  const code = line.substring(9, 12);
  const status = Number(code);
  // The space after the code is part of the grammar even without a reason, but is often left out; nothing hinges on it.
  if (!/^[1-5][0-9][0-9]$/.test(code) || (line.length > 12 && line.charCodeAt(12) !== 32)) {
    throw refusal("status", "A status line has no status code from 100 to 599");
  }
  const reason = line.substring(13);
  if (reason !== "" && !isAll(reason, isFieldChar)) throw refusal("status", "A reason phrase has a control character");

  const fields = emptyFields();
  parseFields(text, lineEnd + 2, limits, fields);
  if (minor === 0 && fields.chunked) throw refusal("transfer-encoding", "An HTTP/1.0 response has Transfer-Encoding");
  const length = fields.contentLength;
  return {
    status,
    reason,
    minor,
    headers: fields.headers,
    rawNames: fields.rawNames,
    body: fields.chunked ? "chunked" : length > 0 ? "length" : length === 0 ? "none" : "close",
    length: length > 0 ? length : 0,
    keepAlive: minor === 1 ? !fields.close : fields.keepAlive && !fields.close,
    upgrade: fields.upgradeNamed && minor === 1 ? fields.upgrade : null,
    connectionNames: fields.connectionNames,
    shared: false,
    forwarded: null,
  };
}
