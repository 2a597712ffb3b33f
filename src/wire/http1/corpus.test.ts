import { describe, expect, test } from "bun:test";
import { header, type RequestHead } from "./head.ts";
import { defaultHttp1Limits } from "./limits.ts";
import { refusedRequests, refusedResponses, validRequests, validResponses } from "./testing/corpus.ts";
import { decodeAll, everySplit } from "./testing/decode-all.ts";

for (const [kind, corpus] of [
  ["request", validRequests],
  ["response", validResponses],
] as const) {
  describe(`a valid ${kind} is read the same however it is split`, () => {
    for (const message of corpus) {
      test(message.name, () => {
        const whole = decodeAll(kind, [Buffer.from(message.bytes, "latin1")], message.method);
        expect(whole.reason).toBe(null);
        expect(whole.open).toBe(false);
        expect(whole.messages).toHaveLength(1);
        expect(whole.messages[0]?.body).toBe(message.body);
        expect(whole.messages[0]?.trailers).toEqual(message.trailers ?? []);
        for (const pieces of everySplit(message.bytes)) {
          expect(decodeAll(kind, pieces, message.method)).toEqual(whole);
        }
      });
    }
  });
}

describe("pipelined requests are read in order however they are split", () => {
  const all = validRequests.map((message) => message.bytes).join("");
  const whole = decodeAll("request", [Buffer.from(all, "latin1")]);
  test("whole", () => {
    expect(whole.reason).toBe(null);
    expect(whole.messages.map((message) => message.body)).toEqual(validRequests.map((message) => message.body));
  });
  test("split at every byte", () => {
    for (const pieces of everySplit(all)) expect(decodeAll("request", pieces)).toEqual(whole);
  });
});

for (const [kind, corpus] of [
  ["request", refusedRequests],
  ["response", refusedResponses],
] as const) {
  describe(`an ambiguous ${kind} is refused however it is split`, () => {
    for (const [name, reason, bytes] of corpus) {
      test(name, () => {
        const whole = decodeAll(kind, [Buffer.from(bytes, "latin1")]);
        expect(whole.reason).toBe(reason);
        for (const pieces of everySplit(bytes)) {
          const outcome = decodeAll(kind, pieces);
          // A bare LF is seen as soon as it comes, before the line that it breaks is judged.
          expect([reason, "line-end"]).toContain(outcome.reason ?? "");
        }
      });
    }
  });
}

describe("what a head says", () => {
  const one = (bytes: string): RequestHead => {
    const head = decodeAll("request", [Buffer.from(bytes, "latin1")]).messages[0]?.head;
    if (head === undefined || "status" in head) throw new Error("No request came out");
    return head;
  };
  test("absolute-form wins over Host and leaves a path", () => {
    const head = one("GET http://Example.com:8080/a?b HTTP/1.1\r\nHost: other\r\n\r\n");
    expect([head.authority, head.path]).toEqual(["example.com:8080", "/a?b"]);
    expect(one("GET http://example.com?x HTTP/1.1\r\nHost: o\r\n\r\n").path).toBe("/?x");
  });
  test("CONNECT names its authority and has no path", () => {
    const head = one("CONNECT a.b:443 HTTP/1.1\r\nHost: x\r\n\r\n");
    expect([head.authority, head.path]).toEqual(["a.b:443", ""]);
  });
  test("names are found in lower case and kept as they were spelled", () => {
    const head = one("GET / HTTP/1.1\r\nHost: a\r\nX-Foo: Bar\r\n\r\n");
    expect(header(head.headers, "x-foo")).toBe("Bar");
    expect(head.rawNames).toEqual(["Host", "X-Foo"]);
  });
  test("1.1 stays open unless it says close, 1.0 closes unless it says keep-alive", () => {
    expect(one("GET / HTTP/1.1\r\nHost: a\r\n\r\n").keepAlive).toBe(true);
    expect(one("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n").keepAlive).toBe(false);
    expect(one("GET / HTTP/1.0\r\n\r\n").keepAlive).toBe(false);
    expect(one("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keepAlive).toBe(true);
  });
  test("an upgrade counts only when Connection names it", () => {
    expect(one("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n").upgrade).toBe(null);
    expect(one("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n\r\n").upgrade).toBe(
      "websocket",
    );
  });
  test("Connection nominates names for removal", () => {
    expect(one("GET / HTTP/1.1\r\nHost: a\r\nConnection: X-A, close, x-b\r\n\r\n").connectionNames).toEqual([
      "x-a",
      "x-b",
    ]);
  });
  test("Expect counts in 1.1 only", () => {
    expect(one("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\nx").expectContinue).toBe(
      true,
    );
    expect(one("PUT / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx").expectContinue).toBe(false);
  });
});

describe("every limit refuses, at any split", () => {
  const limits = {
    ...defaultHttp1Limits,
    headBytes: 200,
    headers: 3,
    targetBytes: 50,
    trailerBytes: 40,
    allExtensionBytes: 6,
  };
  const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const cases: ReadonlyArray<readonly [string, string, string | null]> = [
    ["a head of exactly the limit", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(168)}\r\n\r\n`, null],
    ["a head of one byte more", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(169)}\r\n\r\n`, "head-too-large"],
    ["a head that never ends", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(400)}`, "head-too-large"],
    ["as many headers as allowed", "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n", null],
    ["one header more", "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", "too-many-headers"],
    ["a target of exactly the limit", `GET /${"x".repeat(49)} HTTP/1.1\r\nHost: a\r\n\r\n`, null],
    ["a target of one byte more", `GET /${"x".repeat(50)} HTTP/1.1\r\nHost: a\r\n\r\n`, "target-too-long"],
    ["many small extensions", `${chunked}1;abc\r\nx\r\n1;abc\r\nx\r\n0\r\n\r\n`, "chunk-extension"],
    ["a trailer section that never ends", `${chunked}0\r\nX: ${"y".repeat(90)}`, "trailer"],
  ];
  for (const [name, bytes, reason] of cases) {
    test(name, () => {
      expect(decodeAll("request", [Buffer.from(bytes)], "GET", limits).reason).toBe(reason);
      for (const pieces of everySplit(bytes)) expect(decodeAll("request", pieces, "GET", limits).reason).toBe(reason);
    });
  }
});

test("a body that breaks off is refused as truncated", () => {
  for (const bytes of [
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
  ]) {
    expect(decodeAll("request", [Buffer.from(bytes)]).reason).toBe("truncated");
  }
});
