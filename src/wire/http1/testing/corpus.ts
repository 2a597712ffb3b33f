/** Messages of RFC 9110 and RFC 9112 for tests: what must be read, and what must be refused and why. */
import type { Http1Reason } from "../refusal.ts";

export interface ValidMessage {
  readonly name: string;
  readonly bytes: string;
  /** For responses: the method of the request. */
  readonly method?: string;
  readonly body: string;
  readonly trailers?: readonly string[];
}

export const validRequests: readonly ValidMessage[] = [
  { name: "the smallest HTTP/1.0 request", bytes: "GET / HTTP/1.0\r\n\r\n", body: "" },
  {
    name: "a usual GET",
    bytes: "GET /api/list?x=1 HTTP/1.1\r\nHost: web.emojivoto:80\r\nAccept: */*\r\n\r\n",
    body: "",
  },
  { name: "one empty line first", bytes: "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", body: "" },
  { name: "an empty Host and an empty value", bytes: "GET / HTTP/1.1\r\nHost:\r\nX-Empty: \t \r\n\r\n", body: "" },
  { name: "white space around a value", bytes: "GET / HTTP/1.1\r\nHost: \t a \t\r\nX: a\tb  c\r\n\r\n", body: "" },
  { name: "obs-text in a value", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX: caf\xe9\r\n\r\n", body: "" },
  {
    name: "an unusual method and name",
    bytes: "M-SEARCH!# / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~9z: 1\r\n\r\n",
    body: "",
  },
  { name: "absolute-form", bytes: "GET http://Example.com:8080/a?b HTTP/1.1\r\nHost: other\r\n\r\n", body: "" },
  { name: "absolute-form without a path", bytes: "GET http://example.com?x HTTP/1.1\r\nHost: other\r\n\r\n", body: "" },
  { name: "OPTIONS *", bytes: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", body: "" },
  { name: "CONNECT", bytes: "CONNECT [fd00::1]:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", body: "" },
  {
    name: "an upgrade",
    bytes: "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n",
    body: "",
  },
  {
    name: "a body with a length",
    bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    body: "hello",
  },
  {
    name: "a body of CRLFs",
    bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n\r\n\r\n\r\n\r\n",
    body: "\r\n\r\n\r\n\r\n",
  },
  { name: "an empty body with a length", bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", body: "" },
  {
    name: "a chunked body",
    bytes:
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n00B\r\n, world ok!\r\n0\r\n\r\n",
    body: "hello, world ok!",
  },
  {
    name: "chunk extensions and trailers",
    bytes:
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b;c="d;\te"\r\nabc\r\n0;last\r\nX-Sum: 1\r\nX-Two:2\r\n\r\n',
    body: "abc",
    trailers: ["x-sum", "1", "x-two", "2"],
  },
];

export const validResponses: readonly ValidMessage[] = [
  { name: "a usual response", bytes: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: x\r\n\r\nok", body: "ok" },
  { name: "no reason and no space", bytes: "HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", body: "" },
  { name: "an empty reason", bytes: "HTTP/1.0 200 \r\nContent-Length: 1\r\n\r\nx", body: "x" },
  { name: "HEAD with a length", bytes: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", method: "HEAD", body: "" },
  { name: "304 with a length", bytes: "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", body: "" },
  { name: "204", bytes: "HTTP/1.1 204 No Content\r\n\r\n", body: "" },
  { name: "100", bytes: "HTTP/1.1 100 Continue\r\n\r\n", body: "" },
  {
    name: "a body up to the end",
    bytes: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall the rest",
    body: "all the rest",
  },
  {
    name: "a chunked response with a trailer",
    bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\na\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
    body: "0123456789",
    trailers: ["x", "y"],
  },
];

const post = "POST / HTTP/1.1\r\nHost: a\r\n";
const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;

/** Each is refused with exactly this reason, however it is split. */
export const refusedRequests: ReadonlyArray<readonly [name: string, reason: Http1Reason, bytes: string]> = [
  ["no Host in 1.1", "host", "GET / HTTP/1.1\r\n\r\n"],
  ["two Hosts", "host", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"],
  ["two Hosts in 1.0", "host", "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"],
  ["a Host with a path", "host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"],
  ["a Host with user information", "host", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"],
  ["a Host list", "host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"],
  ["a length and chunked", "length-and-chunked", `${post}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ["chunked and a length of 0", "length-and-chunked", `${post}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n`],
  ["two equal lengths", "content-length", `${post}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`],
  ["a list of lengths", "content-length", `${post}Content-Length: 3, 3\r\n\r\nabc`],
  ["a signed length", "content-length", `${post}Content-Length: +3\r\n\r\nabc`],
  ["a negative length", "content-length", `${post}Content-Length: -3\r\n\r\nabc`],
  ["a hexadecimal length", "content-length", `${post}Content-Length: 0x3\r\n\r\nabc`],
  ["an empty length", "content-length", `${post}Content-Length:\r\n\r\n`],
  ["a length over 2^53", "content-length", `${post}Content-Length: 99999999999999999999\r\n\r\n`],
  ["a coding before chunked", "transfer-encoding", `${post}Transfer-Encoding: gzip, chunked\r\n\r\n`],
  ["a coding after chunked", "transfer-encoding", `${post}Transfer-Encoding: chunked, identity\r\n\r\n`],
  ["an unknown coding", "transfer-encoding", `${post}Transfer-Encoding: xchunked\r\n\r\n`],
  ["chunked twice", "transfer-encoding", `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ["a vertical tab before chunked", "header-value", `${post}Transfer-Encoding: \x0bchunked\r\n\r\n`],
  ["quoted chunked", "transfer-encoding", `${post}Transfer-Encoding: "chunked"\r\n\r\n`],
  ["chunked in 1.0", "transfer-encoding", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["a folded line", "obs-fold", `${post}X: a\r\n b\r\n\r\n`],
  ["a folded first line", "obs-fold", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"],
  ["white space before the colon", "header-name", `${post}Content-Length : 3\r\n\r\n`],
  ["a name without a colon", "header-name", `${post}Content-Length\r\n\r\n`],
  ["an empty name", "header-name", `${post}: 3\r\n\r\n`],
  ["a name with a parenthesis", "header-name", `${post}a(b): 3\r\n\r\n`],
  ["a name with obs-text", "header-name", `${post}caf\xe9: 3\r\n\r\n`],
  ["NUL in a name", "header-name", `${post}a\0b: 3\r\n\r\n`],
  ["NUL in a value", "header-value", `${post}X: a\0b\r\n\r\n`],
  ["DEL in a value", "header-value", `${post}X: a\x7fb\r\n\r\n`],
  ["a bare CR in a value", "line-end", `${post}X: a\rContent-Length: 3\r\n\r\n`],
  ["a bare LF in a value", "line-end", `${post}X: a\nContent-Length: 3\r\n\r\n`],
  ["a bare LF after the request line", "line-end", "GET / HTTP/1.1\nHost: a\r\n\r\n"],
  ["bare LFs only", "line-end", "GET / HTTP/1.1\nHost: a\n\n"],
  ["two empty lines first", "start-line", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a fragment", "target", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a control character in the target", "target", "GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a tab in the target", "target", "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a space in the target", "target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a byte over 126 in the target", "target", "GET /caf\xe9 HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["two spaces after the method", "target", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a relative target", "target", "GET a HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["* for GET", "target", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["another scheme", "target", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a URI without a host", "target", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["user information in a URI", "target", "GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["CONNECT without a port", "target", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["CONNECT to a path", "target", "CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["CONNECT with a body", "length-and-chunked", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"],
  ["a method with a bracket", "method", "G[T / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a leading space", "start-line", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["HTTP/0.9", "start-line", "GET /\r\nHost: a\r\n\r\n"],
  ["HTTP/2.0", "version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"],
  ["HTTP/1.2", "version", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"],
  ["a lower-case version", "start-line", "GET / http/1.1\r\nHost: a\r\n\r\n"],
  ["a long version", "start-line", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"],
  ["a space after the version", "start-line", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"],
  ["an empty chunk size", "chunk-size", `${chunked}\r\n\r\n`],
  ["a chunk size with 0x", "chunk-size", `${chunked}0x3\r\nabc\r\n0\r\n\r\n`],
  ["a signed chunk size", "chunk-size", `${chunked}+3\r\nabc\r\n0\r\n\r\n`],
  ["white space after a chunk size", "chunk-size", `${chunked}3 \r\nabc\r\n0\r\n\r\n`],
  ["white space before a chunk size", "chunk-size", `${chunked} 3\r\nabc\r\n0\r\n\r\n`],
  ["a chunk size over 2^52", "chunk-size", `${chunked}00000000000003\r\nabc\r\n0\r\n\r\n`],
  ["a bare LF after a chunk size", "chunk-size", `${chunked}3\nabc\r\n0\r\n\r\n`],
  ["a bare LF in a chunk extension", "chunk-extension", `${chunked}3;a\nabc\r\n0\r\n\r\n`],
  ["a bare CR after a chunk size", "line-end", `${chunked}3\rXabc\r\n0\r\n\r\n`],
  ["a long chunk", "chunk-end", `${chunked}3\r\nabcd\r\n0\r\n\r\n`],
  ["a chunk that ends with LF", "chunk-end", `${chunked}3\r\nabc\n0\r\n\r\n`],
  ["a chunk that ends with CR and more", "chunk-end", `${chunked}3\r\nabc\rX0\r\n\r\n`],
  ["a long chunk extension", "chunk-extension", `${chunked}3;${"x".repeat(300)}\r\nabc\r\n0\r\n\r\n`],
  ["a length in the trailers", "trailer", `${chunked}0\r\nContent-Length: 3\r\n\r\n`],
  ["a Host in the trailers", "trailer", `${chunked}0\r\nHost: b\r\n\r\n`],
  ["a bare LF in the trailers", "line-end", `${chunked}0\r\nX: y\nZ: q\r\n\r\n`],
  ["a folded trailer", "obs-fold", `${chunked}0\r\nX: y\r\n z\r\n\r\n`],
];

export const refusedResponses: ReadonlyArray<readonly [name: string, reason: Http1Reason, bytes: string]> = [
  ["no version", "start-line", "200 OK\r\n\r\n"],
  ["HTTP/2.0", "version", "HTTP/2.0 200 OK\r\n\r\n"],
  ["a status of two digits", "status", "HTTP/1.1 20 OK\r\n\r\n"],
  ["a status of four digits", "status", "HTTP/1.1 2000 OK\r\n\r\n"],
  ["status 600", "status", "HTTP/1.1 600 OK\r\n\r\n"],
  ["status 099", "status", "HTTP/1.1 099 OK\r\n\r\n"],
  ["two spaces before the status", "status", "HTTP/1.1  200 OK\r\n\r\n"],
  ["a control character in the reason", "status", "HTTP/1.1 200 O\x01K\r\n\r\n"],
  [
    "a length and chunked",
    "length-and-chunked",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
  ],
  ["two lengths", "content-length", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"],
  ["chunked in 1.0", "transfer-encoding", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["a folded line", "obs-fold", "HTTP/1.1 200 OK\r\nX: a\r\n\tb\r\n\r\n"],
];
