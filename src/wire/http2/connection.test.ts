import { describe, expect, test } from "bun:test";
import { seededRandom } from "#lib/random.ts";
import { Http2Counts } from "./counts.ts";
import { http2Code } from "./errors.ts";
import { frameFlag, frameType, preface, writeFrameHeader } from "./frames.ts";
import { requestBlock, responseBlock, trailerBlock } from "./header-block.ts";
import { HpackEncoder } from "./hpack/encoder.ts";
import { Budget, type Http2Limits } from "./limits.ts";
import { type End, createEnd, createPair } from "./testing/pair.ts";

const get = requestBlock({ method: "GET", scheme: "http", authority: "a", path: "/" }, []);
const post = requestBlock({ method: "POST", scheme: "http", authority: "a", path: "/" }, []);
const ok = responseBlock(200, ["x", "y"]);

function frame(type: number, flags: number, id: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  writeFrameHeader(bytes, 0, payload.length, type, flags, id);
  bytes.set(payload, 9);
  return bytes;
}

const settings = frame(frameType.settings, 0, 0);

/** A raw header block without tables, so that tests may repeat it. */
function block(...fields: string[]): Buffer {
  const encoder = new HpackEncoder();
  encoder.setMaxTableBytes(0);
  const out = Buffer.alloc(4096);
  let size = 32;
  for (const field of fields) size += field.length + 32;
  const section = { ...get, fields, size, memoKey: 0, neverIndexed: null, get: () => null };
  return Buffer.from(out.subarray(1, encoder.encode(section, out, 0)));
}

const requestFields = [":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/"];

/** A server that got the preface and SETTINGS. */
function server(limits: Partial<Http2Limits> = {}): End {
  const end = createEnd("server", limits);
  end.connection.receive(Buffer.concat([preface, settings]), 0);
  end.recorder.take();
  end.written();
  return end;
}

function opens(id: number, fin: boolean, ...fields: string[]): Buffer {
  const flags = frameFlag.endHeaders | (fin ? frameFlag.endStream : 0);
  return frame(frameType.headers, flags, id, block(...requestFields, ...fields));
}

/** The frames in `bytes` as "type flags id payload". */
function frames(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUIntBE(at, 3);
    const name = Object.entries(frameType).find(([, type]) => type === bytes[at + 3])![0];
    found.push(
      `${name} ${bytes[at + 4]} ${bytes.readUInt32BE(at + 5)} ${bytes.toString("hex", at + 9, at + 9 + Math.min(length, 8))}`,
    );
    at += 9 + length;
  }
  return found;
}

const goaway = (end: End): number | null => {
  const bytes = frames(end.written()).find((line) => line.startsWith("goaway"));
  return bytes === undefined ? null : Number.parseInt(bytes.split(" ")[3]!.slice(8, 16), 16);
};

describe("A pair of HTTP/2 connections", () => {
  test("carries a request, an interim and a final response with trailers", () => {
    const { client, server: other, run } = createPair();
    other.recorder.request = (stream) => {
      stream.sendHeaders(responseBlock(103, ["link", "a"]), false);
      stream.sendHeaders(ok, false);
      stream.sendData(Buffer.from("hello"), 0, 5, false);
      stream.sendTrailers(trailerBlock(["t", "1"]));
    };
    client.connection.request(get, true, client.recorder);
    run();
    expect(client.recorder.take()).toEqual([
      "settings",
      "headers 1 :status,103,link,a",
      "headers 1 :status,200,x,y",
      "trailers 1 t,1",
      "closed 1",
    ]);
    expect(client.recorder.body(1).toString()).toBe("hello");
    expect([client.connection.activeStreams, other.connection.activeStreams]).toEqual([0, 0]);
  });

  for (const size of [1, 2, 3, 7, 100, 5000]) {
    test(`gives the same result when bytes come in pieces of ${size}`, () => {
      const { client, server: other, run } = createPair();
      const body = Buffer.alloc(size < 100 ? 3000 : 300_000, "0123456789");
      other.recorder.request = (stream) => stream.sendHeaders(ok, false);
      other.recorder.data = (stream, fin) => {
        if (fin) stream.sendData(other.recorder.body(1), 0, body.length, true);
      };
      const stream = client.connection.request(post, false, client.recorder)!;
      stream.sendData(body, 0, body.length, true);
      run(size);
      expect(other.recorder.body(1).equals(body)).toBe(true);
      expect(client.recorder.body(1).equals(body)).toBe(true);
      expect(client.connection.activeStreams).toBe(0);
    });
  }

  test("stops at the receiver's window and goes on when bytes are consumed", () => {
    const { client, server: other, run } = createPair({}, { streamWindow: 1000 });
    run();
    other.recorder.consume = false;
    const sent: number[] = [];
    client.recorder.sent = (stream) => sent.push(stream.queued);
    const stream = client.connection.request(post, false, client.recorder)!;
    expect(stream.sendData(Buffer.alloc(2500), 0, 2500, false)).toBe(1500);
    run();
    expect(other.recorder.body(1).length).toBe(1000);
    other.recorder.streams[0]!.consume(499);
    run();
    expect(other.recorder.body(1).length).toBe(1000);
    other.recorder.streams[0]!.consume(1);
    run();
    expect(other.recorder.body(1).length).toBe(1500);
    other.recorder.streams[0]!.consume(1000);
    run();
    expect(other.recorder.body(1).length).toBe(2500);
    expect(sent).toEqual([1000, 0]);
  });

  test("lets streams share a connection's window fairly", () => {
    const { client, server: other, run } = createPair({}, { streamWindow: 1_000_000, connectionWindow: 65_535 });
    run();
    other.recorder.consume = false;
    const streams = [0, 1, 2, 3].map(() => client.connection.request(post, false, client.recorder)!);
    for (const stream of streams) stream.sendData(Buffer.alloc(100_000), 0, 100_000, true);
    run();
    expect(other.recorder.body(1).length).toBe(65_535);
    // The first took all; from now on they take turns.
    other.recorder.consume = true;
    for (const stream of other.recorder.streams) stream.consume(65_535);
    run();
    expect(streams.map((stream) => other.recorder.body(stream.id).length)).toEqual([
      100_000, 100_000, 100_000, 100_000,
    ]);
    const ends = other.recorder.take().filter((line) => line.startsWith("end"));
    expect(ends.length).toBe(4);
  });

  test("may let a stream that nobody reads stop itself alone", () => {
    const limits = { streamWindow: 65_535, connectionWindow: 100_000 };
    for (const freeBytes of [0, 1_000_000]) {
      const end = server({ ...limits, freeBytes });
      end.recorder.consume = false;
      const data = (id: number, flags: number): Buffer => frame(frameType.data, flags, id, Buffer.alloc(16_000));
      for (const id of [1, 3])
        end.connection.receive(Buffer.concat([opens(id, false), data(id, 0), data(id, 0), data(id, 0)]), 0);
      // 96,000 bytes are unread: another stream's fit only if these don't count for the connection.
      end.connection.receive(Buffer.concat([opens(5, false), data(5, frameFlag.endStream)]), 0);
      const failed = frames(end.written()).some((line) => line.startsWith("goaway"));
      expect([freeBytes, failed]).toEqual([freeBytes, freeBytes === 0]);
    }
  });

  test("counts requests that break HTTP", () => {
    const counts = new Http2Counts();
    const end = createEnd("server", {}, counts);
    const broken = [opens(1, true, "connection", "close"), opens(3, true, "content-length", "5"), opens(5, true)];
    end.connection.receive(Buffer.concat([preface, settings, ...broken]), 0);
    expect(counts.malformed).toBe(2);
  });

  test("ignores the answers to hundreds of requests that were cancelled at once", () => {
    const { client, server: other, run } = createPair({}, { maxConcurrentStreams: 4096 });
    run();
    const streams = Array.from({ length: 200 }, () => client.connection.request(get, true, client.recorder)!);
    run();
    for (const stream of other.recorder.streams) stream.sendHeaders(ok, true);
    const answers = other.written();
    for (const stream of streams) stream.reset(http2Code.cancel);
    client.recorder.take();
    client.connection.receive(answers, 0);
    expect(client.recorder.take()).toEqual([]);
    run();
    client.connection.request(get, true, client.recorder);
    run();
    expect(other.recorder.take().at(-1)).toContain("request 401");
  });

  test("ignores the rest of more bodies than it has resets for, when it answered before their ends", () => {
    const { client, server: other, run } = createPair({}, { maxConcurrentStreams: 4096 });
    run();
    const streams = Array.from({ length: 1200 }, () => client.connection.request(post, false, client.recorder)!);
    run();
    for (const stream of other.recorder.streams) {
      stream.sendHeaders(ok, true);
      stream.reset(http2Code.noError);
    }
    for (const stream of streams) stream.sendData(Buffer.alloc(100), 0, 100, false);
    other.recorder.take();
    other.connection.receive(client.written(), 0);
    expect(other.recorder.take()).toEqual([]);
  });

  test("does not keep a large chunk for a small piece that has to wait", () => {
    const { client, server: other, run } = createPair();
    run();
    client.connection.request(get, true, client.recorder);
    run();
    const stream = other.recorder.streams[0]!;
    stream.sendHeaders(ok, false);
    const chunk = Buffer.alloc(600_000, 1);
    stream.sendData(chunk, 0, 65_535, false);
    stream.sendData(chunk, 70_000, 70_003, true);
    expect(stream.outgoing!.queue!.map(({ bytes }) => bytes!.buffer.byteLength)).toEqual([3]);
    run();
    expect(client.recorder.body(1).equals(chunk.subarray(0, 65_538))).toBe(true);
  });

  test("gives a connection's window back when a stream with unread bytes is reset", () => {
    const { client, server: other, run } = createPair({}, { connectionWindow: 65_535, streamWindow: 65_535 });
    other.recorder.consume = false;
    for (let round = 0; round < 10; round++) {
      const stream = client.connection.request(post, false, client.recorder)!;
      expect(stream.sendData(Buffer.alloc(60_000), 0, 60_000, false)).toBe(0);
      run();
      stream.reset(http2Code.cancel);
      run();
    }
    expect(other.recorder.bodies.size).toBe(10);
  });

  test("splits long header lists into CONTINUATION frames", () => {
    const { client, server: other, run } = createPair();
    const long = requestBlock({ method: "GET", scheme: "http", authority: "a", path: "/" }, [
      "x",
      "v".repeat(20_000),
      "y",
      "w".repeat(10_000),
    ]);
    client.connection.request(long, true, client.recorder);
    const seen: string[] = [];
    other.recorder.request = (_stream, received) => seen.push(received.get("x")!, received.get("y")!);
    run();
    expect(seen.map((value) => value.length)).toEqual([20_000, 10_000]);
  });

  test("answers header lists over the limit with 431 and goes on", () => {
    const { client, run } = createPair({}, { maxHeaderListBytes: 1000 });
    const long = requestBlock({ method: "GET", scheme: "http", authority: "a", path: "/" }, ["x", "v".repeat(2000)]);
    client.connection.request(long, false, client.recorder);
    run();
    client.connection.request(get, false, client.recorder);
    run();
    expect(client.recorder.take()).toEqual([
      "settings",
      "headers 1 :status,431,content-length,0 fin",
      "closed 1",
      "reset 1 0",
    ]);
    expect(client.connection.activeStreams).toBe(1);
  });

  test("queues requests beyond the peer's limit with the caller", () => {
    const { client, run } = createPair({}, { maxConcurrentStreams: 2 });
    run();
    expect([1, 2, 3].map(() => client.connection.request(get, false, client.recorder) !== null)).toEqual([
      true,
      true,
      false,
    ]);
    expect(client.connection.canOpen).toBe(false);
  });

  test("drains a server without losing a request on the way", () => {
    const { client, server: other, run } = createPair();
    const first = client.connection.request(get, false, client.recorder)!;
    run();
    other.connection.drain();
    // Sent before the client hears of it.
    client.connection.request(get, true, client.recorder);
    run();
    expect(other.recorder.take().filter((line) => line.startsWith("request")).length).toBe(2);
    expect(client.connection.canOpen).toBe(false);
    first.sendData(Buffer.alloc(0), 0, 0, true);
    run();
    for (const stream of other.recorder.streams) stream.sendHeaders(ok, true);
    run();
    expect(other.recorder.take()).toContain("finished");
    expect(client.recorder.take().at(-1)).toBe("finished");
  });

  test("resets what the peer did not process as refused when it goes away", () => {
    const client = createEnd("client");
    client.connection.request(get, true, client.recorder);
    client.connection.request(get, true, client.recorder);
    client.connection.receive(
      Buffer.concat([settings, frame(frameType.goaway, 0, 0, Buffer.from("0000000100000000", "hex"))]),
      0,
    );
    expect(client.recorder.take()).toEqual(["settings", "goaway 0 NO_ERROR", "closed 3", "reset 3 7 refused"]);
  });

  test("tells every stream when the connection is lost", () => {
    const { client, run } = createPair();
    client.connection.request(get, true, client.recorder);
    run();
    client.connection.receiveEnd();
    expect(client.recorder.take().slice(-3)).toEqual(["closed 1", "reset 1 2 lost", expect.stringContaining("failed")]);
    expect(client.connection.request(get, true, client.recorder)).toBeNull();
  });

  test("keeps waiting output small while the socket takes nothing", () => {
    const stalled = createEnd("server");
    stalled.stalled = true;
    stalled.connection.receive(Buffer.concat([preface, settings, opens(1, true)]), 0);
    const grow = frame(frameType.windowUpdate, 0, 0, Buffer.from("7fff0000", "hex"));
    const growStream = frame(frameType.windowUpdate, 0, 1, Buffer.from("7fff0000", "hex"));
    stalled.connection.receive(Buffer.concat([grow, growStream]), 0);
    const stream = stalled.recorder.streams[0]!;
    stream.sendHeaders(ok, false);
    expect(stream.sendData(Buffer.alloc(4_000_000), 0, 4_000_000, true)).toBeGreaterThan(3_600_000);
    expect(stalled.connection.out.length).toBeLessThan(400_000);
    stalled.stalled = false;
    stalled.connection.drained();
    expect(stream.queued).toBe(0);
    expect(stalled.written().length).toBeGreaterThan(4_000_000);
  });
});

describe("An HTTP/2 server", () => {
  /** What each mistake is answered with: a code for GOAWAY, or for RST_STREAM of stream 1. */
  const connectionErrors: Record<string, [number, () => Buffer[]]> = {
    "DATA on stream 0": [1, () => [frame(0, 0, 0)]],
    "DATA on an idle stream": [1, () => [frame(0, 0, 5)]],
    "DATA with too much padding": [1, () => [opens(1, false), frame(0, 8, 1, Buffer.from([4, 1, 2, 3]))]],
    "HEADERS on stream 0": [1, () => [opens(0, true)]],
    "HEADERS on an even stream": [1, () => [opens(2, true)]],
    "HEADERS on a smaller stream": [1, () => [opens(5, true), opens(3, true)]],
    "HEADERS with too much padding": [1, () => [frame(1, 12, 1, Buffer.from([9, 0x82]))]],
    "a broken header block": [9, () => [frame(1, 5, 1, Buffer.from([0xff]))]],
    "an interrupted header block": [
      1,
      () => [frame(1, 1, 1, block(...requestFields)), frame(6, 0, 0, Buffer.alloc(8))],
    ],
    "a lone CONTINUATION": [1, () => [opens(1, false), frame(9, 4, 1)]],
    "RST_STREAM on an idle stream": [1, () => [frame(3, 0, 1, Buffer.alloc(4))]],
    "RST_STREAM of a wrong size": [6, () => [opens(1, false), frame(3, 0, 1, Buffer.alloc(3))]],
    "SETTINGS on a stream": [1, () => [frame(4, 0, 1)]],
    "SETTINGS of a wrong size": [6, () => [frame(4, 0, 0, Buffer.alloc(5))]],
    "an acknowledgement with a payload": [6, () => [frame(4, 1, 0, Buffer.alloc(6))]],
    "a window setting that is too large": [3, () => [frame(4, 0, 0, Buffer.from("0004ffffffff", "hex"))]],
    "a frame size setting that is too small": [1, () => [frame(4, 0, 0, Buffer.from("000500000001", "hex"))]],
    "ENABLE_PUSH 2": [1, () => [frame(4, 0, 0, Buffer.from("000200000002", "hex"))]],
    PUSH_PROMISE: [1, () => [frame(5, 4, 1, Buffer.alloc(4))]],
    "PING on a stream": [1, () => [frame(6, 0, 1, Buffer.alloc(8))]],
    "PING of a wrong size": [6, () => [frame(6, 0, 0, Buffer.alloc(7))]],
    "GOAWAY on a stream": [1, () => [frame(7, 0, 1, Buffer.alloc(8))]],
    "WINDOW_UPDATE by 0": [1, () => [frame(8, 0, 0, Buffer.alloc(4))]],
    "WINDOW_UPDATE on an idle stream": [1, () => [frame(8, 0, 1, Buffer.from([0, 0, 0, 1]))]],
    "a connection window that is too large": [3, () => [frame(8, 0, 0, Buffer.from("7fffffff", "hex"))]],
    "a frame that is too large": [6, () => [frame(0, 0, 1, Buffer.alloc(16_385))]],
    "PRIORITY of a wrong size": [6, () => [frame(2, 0, 1, Buffer.alloc(4))]],
    "HEADERS after the stream ended both ways": [
      5,
      () => [opens(1, false), frame(3, 0, 1, Buffer.alloc(4)), opens(1, false)],
    ],
    "too many CONTINUATION frames": [
      11,
      () => [frame(1, 1, 1, block(...requestFields)), ...Array.from({ length: 17 }, () => frame(9, 0, 1))],
    ],
    "a header block without end": [
      11,
      () => [
        frame(1, 1, 1, Buffer.alloc(16_384)),
        ...Array.from({ length: 4 }, () => frame(9, 0, 1, Buffer.alloc(16_384))),
      ],
    ],
    "a flood of empty DATA": [11, () => [opens(1, false), ...Array.from({ length: 1001 }, () => frame(0, 0, 1))]],
    "a flood of SETTINGS": [11, () => Array.from({ length: 101 }, () => settings)],
    "a flood of PRIORITY": [11, () => Array.from({ length: 1001 }, () => frame(2, 0, 1, Buffer.from([0, 0, 0, 9, 1])))],
    "a flood of resets": [
      11,
      () =>
        Array.from({ length: 101 }, (_, index) => [
          opens(2 * index + 1, false),
          frame(3, 0, 2 * index + 1, Buffer.alloc(4)),
        ]).flat(),
    ],
    "a flood of requests that break rules": [
      11,
      () => Array.from({ length: 101 }, (_, index) => opens(2 * index + 1, true, "Upper", "x")),
    ],
    "a flood of header lists over the limit": [
      11,
      () => Array.from({ length: 101 }, (_, index) => opens(2 * index + 1, true, ...new Array<string>(260).fill("x"))),
    ],
    "a few bytes that stand for a huge header list": [
      11,
      () => [
        frame(1, 5, 1, Buffer.concat([Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 0x61)])),
        frame(1, 5, 3, Buffer.alloc(100, 0xbe)),
      ],
    ],
    "a flood of WINDOW_UPDATE": [
      11,
      () => [opens(1, false), ...Array.from({ length: 1003 }, () => frame(8, 0, 1, Buffer.from([0, 0, 0, 1])))],
    ],
    "a flood of PING": [11, () => Array.from({ length: 10_001 }, () => frame(6, 0, 0, Buffer.alloc(8)))],
  };
  for (const [what, [code, bytes]] of Object.entries(connectionErrors)) {
    test(`ends the connection with code ${code} for ${what}`, () => {
      const end = server();
      end.connection.receive(Buffer.concat(bytes()), 0);
      expect(goaway(end)).toBe(code);
      expect(end.recorder.take().at(-1)).toContain("failed");
    });
  }

  test("lets a peer give its window back by two updates for every 512 bytes that it reads, for as long as it reads", () => {
    const end = server();
    end.recorder.request = (stream) => stream.sendHeaders(responseBlock(200, []), false);
    end.connection.receive(Buffer.concat([opens(1, false)]), 0);
    const piece = Buffer.alloc(8192);
    const update = (id: number): Buffer => frame(8, 0, id, Buffer.from([0, 0, 2, 0]));
    const updates = Buffer.concat(Array.from({ length: 16 }, () => [update(0), update(1)]).flat());
    for (let times = 0; times < 200; times++) {
      end.recorder.streams[0]!.sendData(piece, 0, piece.length, false);
      end.connection.receive(updates, 0);
    }
    expect(end.recorder.take().filter((event) => event.startsWith("failed"))).toEqual([]);
  });

  const badRequests: Record<string, string[]> = {
    "an upper-case name": ["Upper", "x"],
    "an empty name": ["", "x"],
    "a name with a space": ["a b", "x"],
    "a value with a line feed": ["a", "x\ny"],
    "a value with NUL": ["a", "x\0"],
    "a value with a space at its end": ["a", "x "],
    connection: ["connection", "close"],
    "transfer-encoding": ["transfer-encoding", "chunked"],
    upgrade: ["upgrade", "x"],
    "te other than trailers": ["te", "gzip"],
    "a pseudo-header after others": ["a", "b", ":authority", "x"],
    "an unknown pseudo-header": [":protocol", "websocket"],
    "a repeated pseudo-header": [":path", "/"],
    ":status": [":status", "200"],
    "two content-length": ["content-length", "0", "content-length", "0"],
    "a content-length that is no number": ["content-length", "+1"],
    "a content-length without a body": ["content-length", "1"],
    "host that differs from :authority": ["host", "b"],
    "two host": ["host", "a", "host", "a"],
  };
  for (const [what, fields] of Object.entries(badRequests)) {
    test(`resets a request with ${what}, and goes on`, () => {
      const end = server();
      end.connection.receive(Buffer.concat([opens(1, true, ...fields), opens(3, true)]), 0);
      expect(frames(end.written())).toContain("rstStream 0 1 00000001");
      expect(end.recorder.take().filter((line) => line.startsWith("request")).length).toBe(1);
    });
  }

  test("resets requests without a path, without a scheme, or with a strange target", () => {
    const end = server();
    const bad = [
      [":method", "GET", ":scheme", "http"],
      [":method", "GET", ":path", "/"],
      [":method", "GET", ":scheme", "http", ":path", ""],
      [":method", "GET", ":scheme", "http", ":path", "a"],
      [":method", "CONNECT", ":scheme", "http", ":path", "/", ":authority", "a"],
      [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "user@a"],
      ["a", "b"],
      [":status", "200"],
    ];
    bad.forEach((fields, index) => end.connection.receive(frame(1, 5, 2 * index + 1, block(...fields)), 0));
    expect(frames(end.written()).filter((line) => line.startsWith("rstStream")).length).toBe(bad.length);
    expect(end.recorder.take().filter((line) => line.startsWith("request"))).toEqual([]);
  });

  const streamErrors: Record<string, [number, () => Buffer[]]> = {
    "DATA after END_STREAM": [5, () => [opens(1, true), frame(0, 0, 1, Buffer.alloc(1))]],
    "HEADERS after END_STREAM": [5, () => [opens(1, true), opens(1, true)]],
    "trailers without END_STREAM": [1, () => [opens(1, false), frame(1, 4, 1, block("a", "b"))]],
    "trailers with pseudo-headers": [1, () => [opens(1, false), opens(1, true)]],
    "a stream window that is too large": [3, () => [opens(1, false), frame(8, 0, 1, Buffer.from("7fffffff", "hex"))]],
    "WINDOW_UPDATE by 0": [1, () => [opens(1, false), frame(8, 0, 1, Buffer.alloc(4))]],
    "a stream that depends on itself": [
      1,
      () => [frame(1, 0x25, 1, Buffer.concat([Buffer.from([0, 0, 0, 1, 1]), block(...requestFields)]))],
    ],
    "a body longer than content-length": [
      1,
      () => [opens(1, false, "content-length", "3"), frame(0, 0, 1, Buffer.alloc(4))],
    ],
    "a body shorter than content-length": [
      1,
      () => [opens(1, false, "content-length", "3"), frame(0, 1, 1, Buffer.alloc(2))],
    ],
    "trailers before content-length is met": [
      1,
      () => [opens(1, false, "content-length", "3"), frame(1, 5, 1, block("a", "b"))],
    ],
    "more bytes than the stream's window": [
      3,
      () => [opens(1, false), ...Array.from({ length: 5 }, () => frame(0, 0, 1, Buffer.alloc(16_384)))],
    ],
  };
  for (const [what, [code, bytes]] of Object.entries(streamErrors)) {
    test(`resets the stream with code ${code} for ${what}`, () => {
      const end = server();
      end.recorder.consume = false;
      end.connection.receive(Buffer.concat(bytes()), 0);
      expect(frames(end.written())).toContain(`rstStream 0 1 0000000${code}`);
      end.connection.receive(opens(3, true), 0);
      expect(end.recorder.take().at(-1)).toContain("request 3");
    });
  }

  test("refuses streams over its limit without losing the table", () => {
    const end = server({ maxConcurrentStreams: 1 });
    end.connection.receive(Buffer.concat([opens(1, true), opens(3, true)]), 0);
    expect(frames(end.written())).toContain("rstStream 0 3 00000007");
    end.recorder.streams[0]!.sendHeaders(ok, true);
    end.connection.receive(opens(5, true), 0);
    expect(end.recorder.take().at(-1)).toContain("request 5");
  });

  test("lets a client give up many requests that it opened earlier, and not many of a rejected kind", () => {
    const end = server({ maxConcurrentStreams: 4096 });
    for (let id = 1; id < 2000; id += 2) end.connection.receive(opens(id, false), 0);
    for (let id = 1; id < 2000; id += 2) end.connection.receive(frame(3, 0, id, Buffer.alloc(4)), 0);
    expect(goaway(end)).toBeNull();
    const other = server({ maxConcurrentStreams: 4096 });
    other.recorder.request = (stream) => stream.reject(http2Code.protocolError);
    other.connection.receive(Buffer.concat(Array.from({ length: 101 }, (_, index) => opens(2 * index + 1, true))), 0);
    expect(goaway(other)).toBe(http2Code.enhanceYourCalm);
  });

  test("ends the connection when more than its window comes", () => {
    const end = server({ streamWindow: 1_000_000, connectionWindow: 65_535 });
    end.recorder.consume = false;
    end.connection.receive(
      Buffer.concat([opens(1, false), ...Array.from({ length: 4 }, () => frame(0, 0, 1, Buffer.alloc(16_384)))]),
      0,
    );
    expect(goaway(end)).toBe(http2Code.flowControlError);
  });

  test("ignores late frames of streams that it reset", () => {
    const end = server();
    end.connection.receive(opens(1, false), 0);
    end.recorder.streams[0]!.reset(http2Code.cancel);
    end.written();
    const late = [
      frame(0, 0, 1, Buffer.alloc(9)),
      frame(1, 5, 1, block("a", "b")),
      frame(8, 0, 1, Buffer.from([0, 0, 0, 1])),
      frame(3, 0, 1, Buffer.alloc(4)),
    ];
    end.connection.receive(Buffer.concat(late), 0);
    expect(frames(end.written())).toEqual([]);
    expect(end.recorder.take().filter((line) => line.startsWith("failed"))).toEqual([]);
  });

  test("takes a stream for new that is below one in use and was never opened", () => {
    const end = server();
    end.connection.receive(Buffer.concat([opens(5, true), opens(3, true)]), 0);
    expect(goaway(end)).toBe(http2Code.protocolError);
  });

  test("wants the preface, and SETTINGS first", () => {
    const wrong = createEnd("server");
    wrong.connection.receive(Buffer.from("GET / HTTP/1.1\r\n\r\n"), 0);
    expect(goaway(wrong)).toBe(1);
    const unsettled = createEnd("server");
    unsettled.connection.receive(Buffer.concat([preface, opens(1, true)]), 0);
    expect(goaway(unsettled)).toBe(1);
  });

  test("counts padding as part of the window, gives it back, and hides it", () => {
    const end = server({ connectionWindow: 65_535 });
    end.connection.receive(opens(1, false), 0);
    const padded = frame(0, 8, 1, Buffer.concat([Buffer.from([200]), Buffer.from("body"), Buffer.alloc(200)]));
    for (let round = 0; round < 1000; round++) {
      for (let at = 0; at < padded.length; at += 90)
        end.connection.receive(Buffer.from(padded.subarray(at, at + 90)), 0);
    }
    expect(end.recorder.body(1).toString()).toBe("body".repeat(1000));
  });

  test("survives mutated conversations: it answers, refuses or fails, and never throws", () => {
    const random = seededRandom(9113);
    const pick = (below: number): number => Math.floor(random.next() * below);
    const base = Buffer.concat([
      settings,
      opens(1, false, "content-length", "4"),
      frame(0, 1, 1, Buffer.from("body")),
      opens(3, false),
      frame(8, 0, 3, Buffer.from([0, 0, 0, 9])),
      frame(6, 0, 0, Buffer.alloc(8)),
      frame(0, 8, 3, Buffer.from([1, 2, 3])),
      frame(1, 5, 3, block("t", "1")),
      frame(3, 0, 3, Buffer.alloc(4)),
      frame(7, 0, 0, Buffer.alloc(8)),
    ]);
    for (let round = 0; round < 2000; round++) {
      const end = createEnd("server");
      end.recorder.request = (stream) => stream.sendHeaders(ok, pick(2) === 0);
      const bytes = Buffer.from(base);
      for (let count = 1 + pick(4); count > 0; count--) bytes[pick(bytes.length)] = pick(256);
      end.connection.receive(preface, 0);
      const cut = pick(bytes.length);
      end.connection.receive(Buffer.from(bytes.subarray(0, cut)), 1);
      end.connection.receive(Buffer.from(bytes.subarray(cut)), 2);
      end.connection.receiveEnd();
      expect(end.connection.activeStreams).toBe(0);
      expect(
        end.recorder.events.filter(
          (line) =>
            line.startsWith("failed") && !line.startsWith("failed HTTP/2") && !line.startsWith("failed The HTTP/2"),
        ),
      ).toEqual([]);
    }
  });
});

describe("An HTTP/2 client", () => {
  const answers: Record<string, [string, () => Buffer[]]> = {
    "DATA before the response": ["reset 1 1", () => [frame(0, 0, 1, Buffer.alloc(1))]],
    "a response without :status": ["reset 1 1", () => [frame(1, 4, 1, block("a", "b"))]],
    "a response with :method": ["reset 1 1", () => [frame(1, 4, 1, block(":status", "200", ":method", "GET"))]],
    "status 101": ["reset 1 1", () => [frame(1, 4, 1, block(":status", "101"))]],
    "an interim response that ends": ["reset 1 1", () => [frame(1, 5, 1, block(":status", "103"))]],
    "a body in answer to HEAD": [
      "reset 1 1",
      () => [frame(1, 4, 1, block(":status", "200", "content-length", "5")), frame(0, 1, 1, Buffer.alloc(5))],
    ],
  };
  for (const [what, [event, bytes]] of Object.entries(answers)) {
    test(`resets the stream for ${what}`, () => {
      const client = createEnd("client");
      client.connection.request(
        requestBlock({ method: "HEAD", scheme: "http", authority: "a", path: "/" }, []),
        true,
        client.recorder,
      );
      client.connection.receive(Buffer.concat([settings, ...bytes()]), 0);
      expect(client.recorder.take()).toContain(event);
    });
  }

  test("takes the headers of a body from the answer to HEAD", () => {
    const client = createEnd("client");
    client.connection.request(
      requestBlock({ method: "HEAD", scheme: "http", authority: "a", path: "/" }, []),
      true,
      client.recorder,
    );
    client.connection.receive(
      Buffer.concat([settings, frame(1, 5, 1, block(":status", "200", "content-length", "5"))]),
      0,
    );
    expect(client.recorder.take()).toEqual(["settings", "headers 1 :status,200,content-length,5 fin", "closed 1"]);
  });

  test("ends the connection when a server opens or promises a stream", () => {
    for (const bytes of [
      opens(2, true),
      frame(5, 4, 1, Buffer.alloc(4)),
      frame(4, 0, 0, Buffer.from("000200000001", "hex")),
    ]) {
      const client = createEnd("client");
      client.written();
      client.connection.receive(Buffer.concat([settings, bytes]), 0);
      expect(goaway(client)).toBe(1);
    }
  });

  test("refuses to send what would not be a header", () => {
    expect(() => responseBlock(200, ["a", "b\r\nc: d"])).toThrow(/can't be sent/);
    expect(() => responseBlock(200, ["Upper", "b"])).toThrow(/can't be sent/);
    expect(() => responseBlock(200, [":path", "/"])).toThrow(/can't be sent/);
    expect(() => responseBlock(200, ["connection", "close"])).toThrow(/can't be sent/);
    expect(() => responseBlock(200, ["a", "\u010a"])).toThrow(/can't be sent/);
  });
});

test("A budget allows its burst, then its rate", () => {
  const budget = new Budget({ burst: 2, perSecond: 10 }, 0);
  expect([budget.take(0), budget.take(0), budget.take(0)]).toEqual([true, true, false]);
  expect([budget.take(100), budget.take(100)]).toEqual([true, false]);
  expect([budget.take(10_000), budget.take(10_000), budget.take(10_000)]).toEqual([true, true, false]);
});
