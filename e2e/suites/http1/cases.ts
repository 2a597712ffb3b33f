/**
 * What RFC 9110 and RFC 9112 say about messages that pass through an intermediary: what the server must see of a request, and what
 * the client must get. Each is sent as a whole and cut in two at every byte. "@" stands for a number of six digits that names
 * one exchange.
 */

export interface Seen {
  /** Method, target, minor version. */
  readonly start: string;
  /** "name: value", names in lower case; all must be there. */
  readonly has?: readonly string[];
  /** Names that must not be there. */
  readonly lacks?: readonly string[];
  readonly body?: string;
  readonly trailers?: readonly string[];
}

export interface Got {
  readonly status: number;
  readonly has?: readonly string[];
  readonly lacks?: readonly string[];
  readonly body?: string;
  readonly trailers?: readonly string[];
}

export interface Case {
  readonly name: string;
  /** "9110" or "9112" and the section. */
  readonly section: string;
  readonly request: string;
  /** What the server answers, to each request; default {@link plainAnswer}. */
  readonly response?: string;
  /** The server closes the connection behind its answer. */
  readonly closes?: boolean;
  /** Requests that the server sees; empty: none. */
  readonly seen: readonly Seen[];
  /** Answers that the client gets, interim ones included. A body that broke off is not among them. */
  readonly got: readonly Got[];
  /** Or else a single 502: nothing of the answer had been passed on yet. */
  readonly orBroken?: boolean;
}

export const plainAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

const ok: readonly Got[] = [{ status: 200, body: "ok" }];
const bad: readonly Got[] = [{ status: 400 }];

/** A request that passes. */
function passes(section: string, name: string, request: string, seen: Seen, got = ok): Case {
  return { section, name, request, seen: [seen], got };
}

/** A request that is answered without the server. */
function refused(section: string, name: string, request: string, status = 400): Case {
  return { section, name, request, seen: [], got: status === 400 ? bad : [{ status }] };
}

const get = (lines: string): string => `GET /c?id=@ HTTP/1.1\r\nHost: app\r\n${lines}\r\n`;
const post = (lines: string, body: string): string => `POST /c?id=@ HTTP/1.1\r\nHost: app\r\n${lines}\r\n${body}`;
const seenGet: Seen = { start: "GET /c?id=@ 1" };
const seenPost = (body: string, more: Partial<Seen> = {}): Seen => ({ start: "POST /c?id=@ 1", body, ...more });

const requests: readonly Case[] = [
  passes("9112 §3", "a method, a path and Host", get(""), { ...seenGet, has: ["host: app"] }),
  passes("9112 §2.2", "an empty line before a request is ignored", `\r\n${get("")}`, seenGet),
  passes(
    "9110 §9.1",
    "a method that nobody knows",
    "M-X!  /".replace("  ", " ") + "c?id=@ HTTP/1.1\r\nHost: app\r\n\r\n",
    {
      start: "M-X! /c?id=@ 1",
    },
  ),
  passes("9110 §9.3.7", "OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: app\r\nid: @\r\n\r\n", { start: "OPTIONS * 1" }),
  passes("9110 §5.1", "field names in any case", get("X-MiXeD: a\r\n"), { ...seenGet, has: ["x-mixed: a"] }),
  passes("9110 §5.5", "white space around values goes", get("X-A: \t a b \t\r\n"), { ...seenGet, has: ["x-a: a b"] }),
  passes("9110 §5.5", "bytes above 0x7f in values stay", get("X-A: caf\xe9\r\n"), {
    ...seenGet,
    has: ["x-a: caf\xe9"],
  }),
  passes("9110 §5.3", "repeated fields stay, in order", get("X-A: 1\r\nX-B: 2\r\nX-A: 3\r\n"), {
    ...seenGet,
    has: ["x-a: 1", "x-a: 3", "x-b: 2"],
  }),
  passes(
    "9110 §7.6.1",
    "what Connection names goes, and Connection",
    get("Connection: X-Gone\r\nX-Gone: 1\r\nX-Stays: 1\r\n"),
    {
      ...seenGet,
      has: ["x-stays: 1"],
      lacks: ["x-gone", "connection"],
    },
  ),
  passes(
    "9110 §7.6.1",
    "Keep-Alive and Proxy-Connection go",
    get("Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n"),
    {
      ...seenGet,
      lacks: ["keep-alive", "proxy-connection"],
    },
  ),
  passes("9110 §7.8", "Upgrade goes where Connection does not name it", get("Upgrade: websocket\r\n"), {
    ...seenGet,
    lacks: ["upgrade"],
  }),
  passes("9112 §6.2", "a body with a length", post("Content-Length: 5\r\n", "hello"), seenPost("hello")),
  passes("9112 §6.2", "a body of empty lines", post("Content-Length: 6\r\n", "\r\n\r\n\r\n"), seenPost("\r\n\r\n\r\n")),
  passes("9112 §6.2", "a length of nothing", post("Content-Length: 0\r\n", ""), seenPost("")),
  passes(
    "9112 §7.1",
    "a chunked body",
    post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n00A\r\n0123456789\r\n0\r\n\r\n"),
    seenPost("hello0123456789"),
  ),
  passes(
    "9112 §7",
    "the name of the coding in any case",
    post("Transfer-Encoding: Chunked\r\n", "1\r\nx\r\n0\r\n\r\n"),
    seenPost("x"),
  ),
  passes(
    "9112 §7.1.1",
    "chunk extensions are not the body's",
    post("Transfer-Encoding: chunked\r\n", '1;a="b;c"\r\nx\r\n0;e\r\n\r\n'),
    seenPost("x"),
  ),
  passes(
    "9112 §7.1.2",
    "trailers pass",
    post("Transfer-Encoding: chunked\r\n", "1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n"),
    seenPost("x", { trailers: ["x-sum: 1"] }),
  ),
  passes(
    "9112 §3.2.2",
    "the authority of an absolute target is Host",
    "GET http://real/c?id=@ HTTP/1.1\r\nHost: other\r\n\r\n",
    {
      start: "GET http://real/c?id=@ 1",
      has: ["host: real"],
    },
  ),
  passes(
    "9110 §10.1.1",
    "100-continue with the body right behind",
    post("Content-Length: 2\r\nExpect: 100-continue\r\n", "hi"),
    seenPost("hi"),
    [{ status: 100 }, ...ok],
  ),
  {
    section: "9112 §9.3.2",
    name: "pipelined requests are answered in order",
    request: get("") + post("Content-Length: 1\r\n", "x") + get(""),
    seen: [seenGet, seenPost("x"), seenGet],
    got: [...ok, ...ok, ...ok],
  },
  {
    section: "9112 §9.6",
    name: "nothing behind a request with close is looked at",
    request: get("Connection: close\r\n") + get(""),
    seen: [seenGet],
    got: [{ status: 200, body: "ok", has: ["connection: close"] }],
  },
  passes("9112 §9.3", "HTTP/1.0 without Host", "GET /c?id=@ HTTP/1.0\r\n\r\n", { start: "GET /c?id=@ 0" }),
  refused("9112 §3.2", "HTTP/1.1 without Host", "GET /c?id=@ HTTP/1.1\r\n\r\n"),
  refused("9112 §3.2", "two Hosts", get("Host: app\r\n")),
  refused("9112 §3.2", "a Host that is none", "GET /c?id=@ HTTP/1.1\r\nHost: a b\r\n\r\n"),
  refused("9112 §5.1", "white space before the colon", get("X-A : 1\r\n")),
  refused("9112 §5.2", "a folded line", get("X-A: 1\r\n 2\r\n")),
  refused("9112 §5", "a field without a name", get(": 1\r\n")),
  refused("9110 §5.5", "NUL in a value", get("X-A: a\0b\r\n")),
  refused("9112 §2.2", "a bare CR", get("X-A: a\rb\r\n")),
  refused("9112 §2.2", "a bare LF", get("X-A: a\nX-B: b\r\n")),
  refused("9112 §6.3", "a length and chunks", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
  refused("9112 §6.3", "two lengths", post("Content-Length: 1\r\nContent-Length: 2\r\n", "ab")),
  refused("9112 §6.3", "a length that is no number", post("Content-Length: +1\r\n", "a")),
  refused("9112 §6.1", "a coding behind chunked", post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n")),
  refused("9112 §6.1", "chunks in HTTP/1.0", "POST /c?id=@ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
  refused(
    "9112 §7.1",
    "a chunk size that is no number",
    post("Transfer-Encoding: chunked\r\n", "0x1\r\nx\r\n0\r\n\r\n"),
  ),
  refused("9112 §7.1", "a chunk longer than it says", post("Transfer-Encoding: chunked\r\n", "1\r\nxy\r\n0\r\n\r\n")),
  refused(
    "9110 §6.5.1",
    "a trailer that would change the length",
    post("Transfer-Encoding: chunked\r\n", "1\r\nx\r\n0\r\nContent-Length: 9\r\n\r\n"),
  ),
  refused("9112 §8", "a body that breaks off", post("Content-Length: 5\r\n", "hell")),
  refused("9112 §3.2", "a target with a fragment", "GET /c?id=@#f HTTP/1.1\r\nHost: app\r\n\r\n"),
  refused("9110 §2.5", "a version that there is not", "GET /c?id=@ HTTP/1.7\r\nHost: app\r\n\r\n", 505),
];

/** A response that passes, to GET. */
function answers(section: string, name: string, response: string, got: Got, more: Partial<Case> = {}): Case {
  return { section, name, request: get(""), response, seen: [seenGet], got: [got], ...more };
}

const response = (lines: string, body: string, status = "200 OK"): string =>
  `HTTP/1.1 ${status}\r\n${lines}\r\n${body}`;
const broken: readonly Got[] = [{ status: 502 }];

const responses: readonly Case[] = [
  answers("9112 §6.2", "a body with a length", response("Content-Length: 5\r\nX-A: 1\r\n", "hello"), {
    status: 200,
    body: "hello",
    has: ["x-a: 1"],
  }),
  answers(
    "9112 §7.1",
    "a chunked body with trailers",
    response("Transfer-Encoding: chunked\r\n", "5;x\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\n"),
    {
      status: 200,
      body: "hello!",
      trailers: ["x-t: 1"],
    },
  ),
  answers(
    "9112 §6.3",
    "a body up to the end of the connection",
    response("", "hello"),
    { status: 200, body: "hello" },
    { closes: true },
  ),
  answers("9112 §4", "a status line without a reason", "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n", {
    status: 299,
    body: "",
  }),
  {
    section: "9110 §9.3.2",
    name: "an answer to HEAD has a length and no body",
    request: "HEAD /c?id=@ HTTP/1.1\r\nHost: app\r\n\r\n",
    response: response("Content-Length: 100\r\n", ""),
    seen: [{ start: "HEAD /c?id=@ 1" }],
    got: [{ status: 200, body: "", has: ["content-length: 100"] }],
  },
  {
    section: "9110 §7.8",
    name: "a switch of protocols, with the first bytes of the other right behind",
    request: get("Connection: upgrade\r\nUpgrade: websocket\r\n"),
    response: "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi",
    closes: true,
    seen: [{ ...seenGet, has: ["connection: upgrade", "upgrade: websocket"] }],
    got: [{ status: 101, has: ["upgrade: websocket"] }],
  },
  answers("9110 §15.3.5", "204 has no body", "HTTP/1.1 204 No Content\r\n\r\n", {
    status: 204,
    body: "",
    lacks: ["content-length", "transfer-encoding"],
  }),
  answers(
    "9110 §15.4.5",
    "304 has none whatever it says",
    response("Content-Length: 7\r\nETag: x\r\n", "", "304 Not Modified"),
    {
      status: 304,
      body: "",
      has: ["etag: x"],
    },
  ),
  {
    section: "9110 §15.2",
    name: "interim answers pass before the final one",
    request: get(""),
    response: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${plainAnswer}`,
    seen: [seenGet],
    got: [{ status: 103, has: ["link: </a>"] }, ...ok],
  },
  answers(
    "9110 §7.6.1",
    "what Connection names goes",
    response("Connection: X-Gone\r\nX-Gone: 1\r\nContent-Length: 0\r\n", ""),
    {
      status: 200,
      body: "",
      lacks: ["x-gone"],
    },
  ),
  answers(
    "9112 §9.6",
    "a server's close is its own",
    response("Connection: close\r\nContent-Length: 2\r\n", "ok"),
    { status: 200, body: "ok" },
    { closes: true },
  ),
  answers(
    "9112 §9.3",
    "an answer of HTTP/1.0",
    "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    { status: 200, body: "ok" },
    { closes: true },
  ),
  {
    section: "9112 §9.3",
    name: "two answers by one connection",
    request: get("") + get(""),
    response: response("Transfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n"),
    seen: [seenGet, seenGet],
    got: [...ok, ...ok],
  },
  ...[
    ["9112 §4", "a version that there is not", "HTTP/3.0 200 OK\r\nContent-Length: 0\r\n\r\n"],
    ["9112 §4", "a status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"],
    ["9112 §5.1", "white space before the colon", response("Content-Length : 2\r\n", "ok")],
    ["9112 §5.2", "a folded line", response("X: a\r\n b\r\nContent-Length: 2\r\n", "ok")],
    ["9112 §2.2", "a bare LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"],
    ["9112 §6.3", "a length and chunks", response("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")],
    ["9112 §6.3", "two lengths", response("Content-Length: 2\r\nContent-Length: 3\r\n", "ok!")],
    ["9110 §5.5", "NUL in a value", response("X: a\0\r\nContent-Length: 2\r\n", "ok")],
  ].map(([section = "", name = "", bytes = ""]): Case => ({
    section,
    name: `is not passed on: ${name}`,
    request: get(""),
    response: bytes,
    closes: true,
    seen: [seenGet],
    got: broken,
  })),
  ...[
    ["9112 §8", "a length", response("Content-Length: 5\r\n", "hel")],
    ["9112 §7.1", "a chunk size", response("Transfer-Encoding: chunked\r\n", "2\r\nok\r\nx\r\n\r\n")],
    ["9112 §8", "the last chunk missing", response("Transfer-Encoding: chunked\r\n", "2\r\nok\r\n")],
  ].map(([section = "", name = "", bytes = ""]): Case => ({
    section,
    name: `a body that breaks off is not made whole: ${name}`,
    request: get(""),
    response: bytes,
    closes: true,
    seen: [seenGet],
    got: [],
    orBroken: true,
  })),
];

export const cases: readonly Case[] = [...requests, ...responses];
/** Cases from this index on are about responses: these are cut, not the requests. */
export const firstResponse = requests.length;
