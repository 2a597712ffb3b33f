import { describe, expect, test } from "bun:test";
import { Happenings, memoryPair } from "#lib/net/testing/memory-socket.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { clientHello } from "#wire/tls-hello/testing/hello.ts";
import { classify, type Detected } from "./classify.ts";
import { Detection } from "./detection.ts";

/** The answer, and after how many bytes it was known. */
function decide(bytes: Buffer, tls = true): readonly [string, number] {
  for (let length = 0; length <= bytes.length; length++) {
    const detected = classify(bytes.subarray(0, length), tls);
    if (detected !== null) return [detected.kind, length];
  }
  return ["undecided", bytes.length];
}

describe("byte by byte, a connection is", () => {
  const cases: ReadonlyArray<readonly [string, string, number]> = [
    ["GET / HTTP/1.1\r\n", "http1", 15],
    ["\r\nGET / HTTP/1.0\r\n", "http1", 17],
    ["BREW /pot HTTP/1.1\r\nHost: a", "http1", 19],
    ["CONNECT a:443 HTTP/1.1\r\n", "http1", 23],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2", 14],
    ["PRI * HTTP/1.1\r\n", "http1", 15],
    ["GET /x\r\n", "opaque", 7],
    ["GET key HTTX", "opaque", 12],
    ["EHLO mail.example\r\n", "opaque", 18],
    ["*3\r\n$3\r\nSET\r\n", "opaque", 3],
    ["SSH-2.0-OpenSSH\r\n", "opaque", 16],
    ["\0\0\0\x08", "opaque", 1],
    [" GET / HTTP/1.1\r\n", "opaque", 1],
    ["GET / HTTP/1.1", "undecided", 14],
    // What the grammar refuses and some server takes: it must not pass unseen.
    ["GET /a#b HTTP/1.1\r\n", "http1", 18],
    ["GET /\xe9 HTTP/1.1\r\n", "http1", 16],
    ["GET /\x7f HTTP/1.1\r\n", "http1", 16],
    ["GET  /  HTTP/1.1\r\n", "http1", 17],
    ["GET / HTTP/1.1  \r\n", "http1", 17],
    ["GET\t / \tHTTP/1.1\t\r\n", "http1", 18],
    ["GET / HTTP/1.10\r\n", "http1", 16],
    ["GET / HTTP/2.0\r\n", "http1", 15],
    ["GET / HTTP/9.1\r\n", "http1", 15],
    ["GET / HTTP/1.1\nHost: a\n\n", "http1", 15],
    ["\n\r\n\nGET / HTTP/1.1\r\n", "http1", 19],
    ["\r\n\r\n\0\r\nQUIT\n", "opaque", 5],
    ["GET a#\0", "opaque", 7],
    ["GET \x01", "opaque", 5],
    ["averyveryverylongfirstword", "opaque", 25],
  ];
  for (const [text, kind, after] of cases) {
    test(`${JSON.stringify(text)}: ${kind} after ${after} bytes`, () => {
      expect(decide(Buffer.from(text, "latin1"))).toEqual([kind, after]);
    });
  }
  test("a long request line: HTTP/1 after a kilobyte", () => {
    expect(decide(Buffer.from(`GET /${"x".repeat(3000)}`))).toEqual(["http1", 1025]);
  });
  test("a long first line that the grammar refuses: opaque, so that nobody waits for its end", () => {
    expect(decide(Buffer.from(`GET #${"x".repeat(3000)}`))).toEqual(["opaque", 1025]);
  });
  test("a ClientHello: TLS at its last byte, opaque where TLS is not looked for", () => {
    const bytes = clientHello({ serverName: "a.b" });
    expect(decide(bytes)).toEqual(["tls", bytes.length]);
    expect(decide(bytes, false)).toEqual(["opaque", 1]);
  });
});

describe("detection on a socket", () => {
  function start(initial?: Buffer, quiet?: number, listens = true) {
    const clock = new FakeClock();
    const happenings = new Happenings();
    const { client, server } = memoryPair({ happenings });
    const seen: Array<readonly [Detected["kind"], string, boolean] | "closed"> = [];
    const results: string[] = [];
    const lost: string[] = [];
    const quietAt: number[] = [];
    const detection = Detection.start(
      server,
      {
        onDetected: (_socket, detected, bytes, ended) => seen.push([detected.kind, bytes.toString("latin1"), ended]),
        onClosed: () => seen.push("closed"),
        onQuiet: () => {
          quietAt.push(clock.now());
          return listens;
        },
      },
      {
        tls: true,
        timeout: 10_000,
        clock,
        cells: {
          observe: (result, elapsed) => results.push(`${result} ${elapsed}`),
          lost: (reason) => lost.push(reason),
        },
        ...(quiet === undefined ? {} : { quiet }),
      },
      initial,
    );
    const startedAt = clock.now();
    return {
      clock,
      client,
      seen,
      results,
      lost,
      detection,
      quiet: () => quietAt.map((at) => at - startedAt),
      run: () => happenings.run(),
    };
  }
  const send = (client: { write(data: Uint8Array, offset: number, length: number): number }, text: string): void => {
    client.write(Buffer.from(text), 0, text.length);
  };

  test("keeps every byte that it looked at", () => {
    const { client, run, seen, clock, results } = start();
    run();
    clock.advance(30);
    for (const byte of "POST /x HTTP/1.1\r\n") {
      send(client, byte);
      run();
    }
    expect(seen).toEqual([["http1", "POST /x HTTP/1.1\r", false]]);
    expect(results).toEqual(["http/1 30"]);
    expect(clock.timers).toBe(0);
  });
  test("calls a silent client opaque after the timeout", () => {
    const { seen, clock, results } = start();
    clock.advance(9_999);
    expect(seen).toEqual([]);
    clock.advance(1);
    expect(seen).toEqual([["opaque", "", false]]);
    expect(results).toEqual(["read_timeout 10000"]);
  });
  test("calls a client that stops in the middle opaque", () => {
    const { client, run, seen, results } = start(Buffer.from("GET"));
    client.shutdown();
    run();
    expect(seen).toEqual([["opaque", "GET", true]]);
    expect(results).toEqual(["not_http 0"]);
  });
  test("tells when the client is gone", () => {
    const { client, run, seen, clock, results } = start();
    client.terminate();
    run();
    expect(seen).toEqual(["closed"]);
    expect(results).toEqual(["error 0"]);
    expect(clock.timers).toBe(0);
  });
  test("listens to the server of a silent client, for ever, and still knows HTTP when it comes", () => {
    const t = start(undefined, 20);
    t.clock.advance(19);
    expect(t.quiet()).toEqual([]);
    t.clock.advance(3_600_000);
    expect([t.quiet(), t.seen]).toEqual([[20], []]);
    send(t.client, "GET / HTTP/1.1\r\n");
    t.run();
    expect(t.seen).toEqual([["http1", "GET / HTTP/1.1\r\n", false]]);
    expect([t.lost, t.clock.timers]).toEqual([[], 0]);
  });
  test("gives a client that began its own time, when the server is listened to", () => {
    const t = start(undefined, 0);
    expect(t.quiet()).toEqual([0]);
    t.clock.advance(60_000);
    send(t.client, "GE");
    t.run();
    t.clock.advance(9_999);
    expect(t.seen).toEqual([]);
    t.clock.advance(1);
    expect(t.seen).toEqual([["opaque", "GE", false]]);
    expect(t.lost).toEqual(["read_timeout"]);
  });
  test("keeps its time limit when nobody may listen to the server, and does not ask about a client that spoke", () => {
    const silent = start(undefined, 20, false);
    silent.clock.advance(9_999);
    expect(silent.seen).toEqual([]);
    silent.clock.advance(1);
    expect(silent.seen).toEqual([["opaque", "", false]]);
    const begun = start(Buffer.from("G"), 20);
    begun.clock.advance(20);
    expect(begun.quiet()).toEqual([]);
  });
  test("stops when the server speaks first, and tells why requests are not seen", () => {
    const t = start(undefined, 20);
    t.clock.advance(20);
    send(t.client, "X");
    t.run();
    expect(t.detection.yield().toString()).toBe("X");
    send(t.client, "GET / HTTP/1.1\r\n");
    t.run();
    expect([t.seen, t.results, t.lost, t.clock.timers]).toEqual([[], ["server_first 20"], ["server_first"], 0]);
  });
  test("counts nothing as lost for a client that left without a word", () => {
    const t = start();
    t.client.shutdown();
    t.run();
    expect([t.seen, t.lost]).toEqual([[["opaque", "", true]], []]);
  });
});
