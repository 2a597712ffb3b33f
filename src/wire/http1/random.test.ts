import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { seededRandom } from "#lib/random.ts";
import { HeadCache } from "./head-cache.ts";
import { parseRequestHead } from "./parse-request.ts";
import { chunkStart, lastChunk, requestText, responseText } from "./serialise.ts";
import { refusedRequests, refusedResponses, validRequests, validResponses } from "./testing/corpus.ts";
import { decodeAll } from "./testing/decode-all.ts";

const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/);
const value = fc.stringMatching(/^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]{0,18}[\x21-\x7e\x80-\xff])?)?$/);
const framing = new Set([
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
  "upgrade",
  "expect",
  "te",
  "trailer",
]);
const fields = fc
  .array(fc.tuple(token, value), { maxLength: 8 })
  .map((all) => all.filter(([name]) => !framing.has(name.toLowerCase())));
const body = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 5 });

/** Cuts at places that the numbers choose. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

test("what is written is read back, whole or split: requests with headers, chunked bodies and trailers", () => {
  fc.assert(
    fc.property(
      token,
      fields,
      body,
      fields,
      fc.array(fc.nat(), { maxLength: 6 }),
      (method, headers, chunks, trailers, places) => {
        fc.pre(method !== "CONNECT");
        let text = `${method} /path?q HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\n`;
        for (const [name, content] of headers) text += `${name}: ${content}\r\n`;
        text += "\r\n";
        const flat = trailers.flatMap(([name, content]) => [name.toLowerCase(), content]);
        for (const chunk of chunks) text += `${chunkStart(chunk.length)}${Buffer.from(chunk).toString("latin1")}\r\n`;
        text += lastChunk(flat);
        const outcome = decodeAll("request", cut(Buffer.from(text, "latin1"), places));
        expect(outcome.reason).toBe(null);
        const message = outcome.messages[0];
        expect(message?.head.headers.slice(4)).toEqual(
          headers.flatMap(([name, content]) => [name.toLowerCase(), content]),
        );
        expect(message?.body).toBe(chunks.map((chunk) => Buffer.from(chunk).toString("latin1")).join(""));
        expect(message?.trailers).toEqual(flat);
        if (message === undefined || "status" in message.head) throw new Error("No request came out");
        expect(text.startsWith(requestText(message.head))).toBe(true);
      },
    ),
    { numRuns: 300, seed: 9112 },
  );
});

test("what is written is read back: responses with a length", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 200, max: 599 }),
      value,
      fields,
      fc.uint8Array({ maxLength: 60 }),
      (status, reason, headers, content) => {
        fc.pre(status !== 204 && status !== 304);
        let text = `HTTP/1.1 ${status} ${reason}\r\nContent-Length: ${content.length}\r\n`;
        for (const [name, field] of headers) text += `${name}: ${field}\r\n`;
        text += `\r\n${Buffer.from(content).toString("latin1")}`;
        const message = decodeAll("response", [Buffer.from(text, "latin1")]).messages[0];
        if (message === undefined || !("status" in message.head)) throw new Error("No response came out");
        expect([message.head.status, message.head.reason]).toEqual([status, reason]);
        expect(text.startsWith(responseText(message.head))).toBe(true);
      },
    ),
    { numRuns: 300, seed: 9110 },
  );
});

test("mutated messages never do anything but decode or be refused, and splitting never changes which", () => {
  const random = seededRandom(20_260_101);
  const pick = (limit: number): number => Math.floor(random.next() * limit);
  const seeds = [...validRequests.map((m) => m.bytes), ...refusedRequests.map(([, , bytes]) => bytes)];
  const responses = [...validResponses.map((m) => m.bytes), ...refusedResponses.map(([, , bytes]) => bytes)];
  const spice = [
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    ":",
    "0",
    "ffffffffffff",
    ";",
    "chunked",
    "Content-Length: 1\r\n",
    "\xff",
    "#",
  ];
  for (let round = 0; round < 4000; round++) {
    const kind = round % 4 === 3 ? "response" : "request";
    const from = kind === "request" ? seeds : responses;
    let text = from[pick(from.length)] ?? "";
    for (let edits = 1 + pick(3); edits > 0; edits--) {
      const at = pick(text.length + 1);
      const drop = pick(3);
      text = text.slice(0, at) + (spice[pick(spice.length)] ?? "") + text.slice(at + drop);
    }
    const bytes = Buffer.from(text, "latin1");
    const whole = decodeAll(kind, [bytes]);
    const split = decodeAll(kind, cut(bytes, [pick(1000), pick(1000), pick(1000)]));
    expect(split.messages).toEqual(whole.messages);
    expect(split.reason === null).toBe(whole.reason === null);
    expect(split.open).toBe(whole.open);
  }
});

test("a head cache gives the same head as the parser, shared from the second sighting on", () => {
  const cache = new HeadCache(parseRequestHead);
  const text = "GET /a HTTP/1.1\r\nHost: a\r\n";
  expect(cache.get(text).shared).toBe(false);
  const second = cache.get(text);
  expect(second.shared).toBe(true);
  expect(cache.get(text)).toBe(second);
  expect({ ...second, shared: false }).toEqual(parseRequestHead(text));
  expect(() => cache.get("GET /a HTTP/1.1\r\nHost: a\r\nHost: a\r\n")).toThrow("two Host");
});
