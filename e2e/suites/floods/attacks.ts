/** What attackers send. Frames are written by hand, so that none of our own rules is in the way. */

export interface Attack {
  /** Begins a connection: what to send next, `at` ms after its start; null: nothing for now. */
  start(): (at: number) => Buffer | null;
  /** Between looks for more to send, ms. */
  readonly pause: number;
  /** Default true. */
  readonly reads?: boolean;
  /** The limit that it passes is one of time, ms; 0: it is passed at once; null: it passes none, and is not cut. */
  readonly limit: number | null;
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const type = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  windowUpdate: 8,
  continuation: 9,
} as const;
const [endStream, endHeaders] = [1, 4];

function frame(kind: number, flags: number, id: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = kind;
  bytes[4] = flags;
  bytes.writeUInt32BE(id, 5);
  bytes.set(payload, 9);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
/** A header block without Huffman coding or the dynamic table. */
function request(method: string, path: string): Buffer {
  return Buffer.concat([
    Buffer.from([0x02]),
    text(method),
    Buffer.from([0x86, 0x04]),
    text(path),
    Buffer.from([0x01]),
    text("app.suite"),
  ]);
}
const get = request("GET", "/");
const post = request("POST", "/");
const nothing = Buffer.alloc(0);
const opening = Buffer.concat([preface, frame(type.settings, 0, 0, nothing)]);

/** HTTP/2: `more` makes the next frames; `id` is a new stream's. */
function http2(more: (id: number) => Buffer, first: Buffer = nothing): () => () => Buffer {
  return () => {
    let id = 1;
    let opened = false;
    return () => {
      if (!opened) {
        opened = true;
        return Buffer.concat([opening, first]);
      }
      const pieces: Buffer[] = [];
      for (let index = 0; index < 50; index++, id += 2) pieces.push(more(id));
      return Buffer.concat(pieces);
    };
  };
}

/** Text first, then one byte at a time. */
function drops(first: Buffer, drop: Buffer, every: number): () => (at: number) => Buffer | null {
  return () => {
    let next = 0;
    return (at) => {
      if (at < next) return null;
      const bytes = next === 0 ? first : drop;
      next = at + every;
      return bytes;
    };
  };
}

const http1 = (line: string, ...lines: string[]): Buffer =>
  Buffer.from([line, "host: app.suite", ...lines].map((each) => `${each}\r\n`).join(""));

/** Settings whose windows are closed, then requests for large answers. */
function unread(streams: number, bytes: number): Buffer {
  const closed = frame(type.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(0)]));
  const ask = request("GET", `/bytes?n=${bytes}`);
  const asks = Array.from({ length: streams }, (_, index) =>
    frame(type.headers, endStream | endHeaders, 2 * index + 1, ask),
  );
  return Buffer.concat([preface, closed, ...asks]);
}

const bomb = Buffer.concat([get, Buffer.alloc(16_000, 0xbe)]);
/** Puts a field of 4,000 bytes into the table, which the bomb names 16,000 times. */
const fuse = Buffer.concat([get, Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 0x61)]);

export const attacks: Readonly<Record<string, Attack>> = {
  "rapid reset": {
    start: http2((id) =>
      Buffer.concat([frame(type.headers, endStream | endHeaders, id, get), frame(type.reset, 0, id, uint32(8))]),
    ),
    pause: 0,
    limit: 0,
  },
  "resets that we are made to send": {
    start: http2((id) =>
      Buffer.concat([frame(type.headers, endHeaders, id, post), frame(type.windowUpdate, 0, id, uint32(0))]),
    ),
    pause: 0,
    limit: 0,
  },
  "requests that are refused": {
    start: http2((id) => frame(type.headers, endStream | endHeaders, id, request("G(T", "/"))),
    pause: 0,
    limit: 0,
  },
  continuation: {
    start: http2(() => frame(type.continuation, 0, 1, nothing), frame(type.headers, 0, 1, get)),
    pause: 0,
    limit: 0,
  },
  ping: { start: http2(() => frame(type.ping, 0, 0, Buffer.alloc(8))), pause: 0, limit: 0 },
  settings: { start: http2(() => frame(type.settings, 0, 0, nothing)), pause: 0, limit: 0 },
  "empty frames": {
    start: http2(() => frame(type.data, 0, 1, nothing), frame(type.headers, endHeaders, 1, post)),
    pause: 0,
    limit: 0,
  },
  "window updates": {
    start: http2(() => frame(type.windowUpdate, 0, 1, uint32(1)), frame(type.headers, endHeaders, 1, post)),
    pause: 0,
    limit: 0,
  },
  "header bomb": {
    start: http2(
      (id) => frame(type.headers, endStream | endHeaders, id + 2, bomb),
      frame(type.headers, endStream | endHeaders, 1, fuse),
    ),
    pause: 0,
    limit: 0,
  },
  "header bomb of HTTP/1": {
    start: () => {
      let sent = 0;
      return () => (sent++ === 0 ? http1("GET / HTTP/1.1") : Buffer.from(`x-${sent}: ${"a".repeat(4000)}\r\n`));
    },
    pause: 0,
    limit: 0,
  },
  "slow header": {
    start: drops(Buffer.concat([opening, frame(type.headers, 0, 1, get).subarray(0, 12)]), get.subarray(3, 4), 2000),
    pause: 500,
    limit: 30_000,
  },
  "slow header of HTTP/1": {
    start: drops(http1("GET / HTTP/1.1"), Buffer.from("x"), 2000),
    pause: 500,
    limit: 30_000,
  },
  "slow body": {
    start: drops(
      Buffer.concat([opening, frame(type.headers, endHeaders, 1, post)]),
      frame(type.data, 0, 1, Buffer.alloc(1)),
      500,
    ),
    pause: 250,
    limit: null,
  },
  "slow body of HTTP/1": {
    start: drops(http1("POST / HTTP/1.1", "content-length: 1000000", ""), Buffer.from("x"), 500),
    pause: 250,
    limit: null,
  },
  "slow read": { start: drops(unread(50, 1_000_000), nothing, 1e9), pause: 500, reads: false, limit: null },
  "slow read of HTTP/1": {
    start: drops(http1("GET /bytes?n=10000000 HTTP/1.1", ""), nothing, 1e9),
    pause: 500,
    reads: false,
    limit: null,
  },
};
