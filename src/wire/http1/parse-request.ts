import { isAll, isTargetChar, isTokenChar } from "./chars.ts";
import type { RequestHead } from "./head.ts";
import { defaultHttp1Limits, type Http1Limits } from "./limits.ts";
import { emptyFields, parseFields } from "./parse-fields.ts";
import { refusal } from "./refusal.ts";

/** host [":" port] of RFC 3986 §3.2.2 without user information; an empty host is legal in Host only. */
const authorityPattern = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]*)(?::[0-9]{0,5})?$/;

/** Parses a request head: latin1 text from the request line up to and with the CRLF of the last header line, without the empty line. Throws a refusal. */
export function parseRequestHead(text: string, limits: Http1Limits = defaultHttp1Limits): RequestHead {
  const lineEnd = text.indexOf("\r\n");
  if (text.indexOf("\n") !== lineEnd + 1) throw refusal("line-end", "A start line has a bare LF");
  const methodEnd = text.indexOf(" ");
  // "GET x HTTP/1.1": the version takes the last 8 characters of the line, with one space before it.
  const targetEnd = lineEnd - 9;
  if (methodEnd <= 0 || targetEnd <= methodEnd + 1 || text.charCodeAt(targetEnd) !== 32) {
    throw refusal("start-line", "A request line is not method, target and version with single spaces");
  }
  const method = text.substring(0, methodEnd);
  if (!isAll(method, isTokenChar)) throw refusal("method", "A request method has a forbidden character");
  const version = text.substring(targetEnd + 1, lineEnd);
  if (version !== "HTTP/1.1" && version !== "HTTP/1.0") {
    if (/^HTTP\/[0-9]\.[0-9]$/.test(version)) throw refusal("version", `HTTP version "${version}" is not 1.0 or 1.1`);
    throw refusal("start-line", "A request line does not end with an HTTP version");
  }
  const minor = version === "HTTP/1.1" ? 1 : 0;
  const target = text.substring(methodEnd + 1, targetEnd);
  if (target.length > limits.targetBytes)
    throw refusal("target-too-long", `A request target is longer than ${limits.targetBytes} bytes`);
  if (!isAll(target, isTargetChar)) throw refusal("target", "A request target has a forbidden character");

  const fields = emptyFields();
  parseFields(text, lineEnd + 2, limits, fields);
  if (fields.hostCount > 1) throw refusal("host", "A request has two Host fields");
  if (minor === 1 && fields.hostCount === 0) throw refusal("host", "An HTTP/1.1 request has no Host");
  if (fields.hostCount === 1 && !authorityPattern.test(fields.host))
    throw refusal("host", "Host is not a host name or address with an optional port");
  if (minor === 0 && fields.chunked) throw refusal("transfer-encoding", "An HTTP/1.0 request has Transfer-Encoding");

  let authority = fields.host;
  let path = target;
  if (method === "CONNECT") {
    if (!authorityPattern.test(target) || !/[^\]:]:[0-9]+$|\]:[0-9]+$/.test(target))
      throw refusal("target", "The target of CONNECT is not host:port");
    if (fields.chunked || fields.contentLength > 0) throw refusal("length-and-chunked", "A CONNECT request has a body");
    authority = target;
    path = "";
  } else if (target.charCodeAt(0) !== 47) {
    if (target === "*") {
      if (method !== "OPTIONS") throw refusal("target", `The target "*" is for OPTIONS only`);
    } else {
      const match = /^https?:\/\/([^/?]*)(.*)$/i.exec(target);
      const named = match?.[1] ?? "";
      if (match === null || named === "" || named.startsWith(":") || !authorityPattern.test(named)) {
        throw refusal("target", "A request target is neither a path nor an http or https URI");
      }
      // The authority of an absolute-form target takes precedence over Host (RFC 9112 §3.2.2).
      authority = named;
      const rest = match[2] ?? "";
      path = rest.startsWith("/") ? rest : `/${rest}`;
    }
  }
  const length = fields.contentLength > 0 ? fields.contentLength : 0;
  return {
    method,
    target,
    path,
    authority: authority.toLowerCase(),
    minor,
    headers: fields.headers,
    rawNames: fields.rawNames,
    body: fields.chunked ? "chunked" : length > 0 ? "length" : "none",
    length,
    keepAlive: minor === 1 ? !fields.close : fields.keepAlive && !fields.close,
    upgrade: fields.upgradeNamed && minor === 1 ? fields.upgrade : null,
    expectContinue: fields.expectContinue && minor === 1,
    connectionNames: fields.connectionNames,
    shared: false,
    forwarded: null,
  };
}
