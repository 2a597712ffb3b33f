import { describe, expect, test } from "bun:test";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { parseResponseHead } from "#wire/http1/parse-response.ts";
import { defaultHttp1Limits } from "#wire/http1/limits.ts";
import { HeaderBlock, requestBlock, responseBlock } from "#wire/http2/header-block.ts";
import { HpackEncoder } from "#wire/http2/hpack/encoder.ts";
import { HpackDecoder } from "#wire/http2/hpack/decoder.ts";
import { forwardedRequest } from "../rewrite.ts";
import { BlockRequest, BlockResponse, forbiddenIn, grpcStatusOf, requestToSend, responseToSend } from "./heads.ts";

const line = { method: "POST", scheme: "http", authority: "Web:80", path: "/a?b" };
const pairs = ({ fields }: HeaderBlock): string[] =>
  fields.flatMap((field, index) => (index % 2 === 0 ? [`${field}: ${fields[index + 1]}`] : []));

describe("A request that came by HTTP/2", () => {
  test("goes on as the same block when nothing of it changes", () => {
    const block = requestBlock(line, ["te", "trailers", "x", "1"]);
    expect(requestToSend(new BlockRequest(block, true), [], null)).toBe(block);
  });

  test("loses what claims to be the mesh's, and gets what is", () => {
    const block = requestBlock(line, ["l5d-client-id", "forged", "x", "1"]);
    const sent = requestToSend(new BlockRequest(block, true), ["l5d-client-id", "web.test"], null);
    expect(pairs(sent)).toEqual([
      ":method: POST",
      ":scheme: http",
      ":authority: Web:80",
      ":path: /a?b",
      "x: 1",
      "l5d-client-id: web.test",
    ]);
    expect([sent.regularStart, sent.authority, sent.get("x")]).toEqual([8, "Web:80", "1"]);
  });

  test("gets another authority, and no second one", () => {
    const block = requestBlock({ ...line, authority: "" }, ["host", "web", "x", "1"]);
    const sent = requestToSend(new BlockRequest(block, true), [], "other:1");
    expect(pairs(sent)).toEqual([":method: POST", ":scheme: http", ":authority: other:1", ":path: /a?b", "x: 1"]);
  });

  test("says how much room it takes with what is added", () => {
    const sent = requestToSend(
      new BlockRequest(requestBlock(line, []), true),
      ["l5d-client-id", "a".repeat(240)],
      null,
    );
    expect(new HpackEncoder().encode(sent, Buffer.alloc(1000), 0)).toBeLessThanOrEqual(HpackEncoder.bound(sent));
  });

  test("keeps secret what came as a secret", () => {
    const block = requestBlock(line, ["l5d-a", "1", "x-token", "t", "x-token", "u"]);
    const secret = new HeaderBlock({ ...block, neverIndexed: [12] });
    const sent = requestToSend(new BlockRequest(secret, true), ["l5d-client-id", "a"], null);
    const bytes = Buffer.alloc(1000);
    const end = new HpackEncoder().encode(sent, bytes, 0);
    const read = new HpackDecoder({ maxListBytes: 1000, maxListCount: 100 }).decode(bytes, 0, end);
    expect(read.neverIndexed?.map((at) => read.fields[at + 1])).toEqual(["u"]);
  });

  test("has one Cookie field in HTTP/1, however many it came in", () => {
    const block = requestBlock(line, ["cookie", "a=1", "x", "1", "cookie", "b=2", "cookie", "c=3"]);
    expect(new BlockRequest(block, true).headers).toEqual(["host", "Web:80", "cookie", "a=1; b=2; c=3", "x", "1"]);
  });

  test("can be written as one of HTTP/1, with its body's kind", () => {
    const head = new BlockRequest(requestBlock(line, ["te", "trailers", "x", "1"]), false);
    expect(forwardedRequest(head, null)).toBe(
      "POST /a?b HTTP/1.1\r\nhost: Web:80\r\nx: 1\r\ntransfer-encoding: chunked\r\n",
    );
    const sized = new BlockRequest(requestBlock(line, ["content-length", "3"]), false);
    expect(forwardedRequest(sized, null)).toBe("POST /a?b HTTP/1.1\r\nhost: Web:80\r\ncontent-length: 3\r\n");
    expect([head.body, sized.body, new BlockRequest(requestBlock(line, []), true).body]).toEqual([
      "chunked",
      "length",
      "none",
    ]);
    expect(head.authority).toBe("web:80");
  });
});

test("A request of HTTP/1 goes on by HTTP/2 without what belongs to its connection", () => {
  const head = parseRequestHead(
    "GET /a HTTP/1.1\r\nHost: web\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nX-Own: 2\r\nL5d-Foo: 3\r\nTransfer-Encoding: chunked\r\n",
  );
  expect(pairs(requestToSend(head, ["l5d-client-id", "a"], null))).toEqual([
    ":method: GET",
    ":scheme: http",
    ":authority: web",
    ":path: /a",
    "x-own: 2",
    "l5d-client-id: a",
    "l5d-orig-proto: HTTP/1.1",
  ]);
});

describe("A response", () => {
  const strip = new Set(["l5d-proxy-error"]);

  test("that came by HTTP/2 goes on as the same block, or without what is stripped", () => {
    const plain = responseBlock(200, ["x", "1"]);
    expect(responseToSend(new BlockResponse(plain, false), strip)).toBe(plain);
    const marked = responseBlock(200, ["l5d-proxy-error", "a", "x", "1"]);
    expect(pairs(responseToSend(new BlockResponse(marked, false), strip))).toEqual([":status: 200", "x: 1"]);
  });

  test("of HTTP/1 goes on without what belongs to its connection", () => {
    const head = parseResponseHead(
      "HTTP/1.1 404 No\r\nConnection: close, content-type, y\r\nContent-Type: a/b\r\nL5d-Proxy-Error: a\r\nX: 1\r\nY: 2\r\n",
      defaultHttp1Limits,
    );
    expect(pairs(responseToSend(head, strip))).toEqual([":status: 404", "content-type: a/b", "x: 1"]);
  });
});

test("Trailers may not change what a message means", () => {
  expect(
    [
      ["x", "1"],
      ["x", "1", "content-length", "3"],
      ["host", "a"],
    ].map(forbiddenIn),
  ).toEqual([false, true, true]);
});

test("The gRPC status is read where it is; an odd one is unknown", () => {
  expect(grpcStatusOf(["a", "1", "grpc-status", "7"])).toBe(7);
  expect(grpcStatusOf(["a", "1"])).toBe(-1);
  for (const odd of ["", "x", "17", "-1", "1.5"])
    expect([odd, grpcStatusOf(["grpc-status", odd])]).toEqual([odd, odd === "" ? 0 : 2]);
});
