/** Cost of the HTTP/1 codec by itself: `sh scripts/bun bench/micro/http1.bench.ts`. Prints ns per head. */
import { HeadCache } from "#wire/http1/head-cache.ts";
import { HeadDecoder } from "#wire/http1/head-decoder.ts";
import { BodyDecoder } from "#wire/http1/body-decoder.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { parseResponseHead } from "#wire/http1/parse-response.ts";

const rounds = 300_000;

function measure(name: string, run: (index: number) => number): void {
  let check = 0;
  for (let index = 0; index < rounds / 10; index++) check += run(index);
  const start = performance.now();
  for (let index = 0; index < rounds; index++) check += run(index);
  const each = ((performance.now() - start) * 1e6) / rounds;
  console.log(`${name.padEnd(44)} ${each.toFixed(0).padStart(6)} ns  (${check})`);
}

const fixed = Buffer.from(
  "GET /api/list HTTP/1.1\r\nHost: web.emojivoto:80\r\nUser-Agent: Go-http-client/1.1\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n",
);
const varying = Array.from({ length: 1024 }, (_, index) =>
  Buffer.from(
    `GET /api/list?id=${index * 7919} HTTP/1.1\r\nHost: web.emojivoto:80\r\nUser-Agent: Go-http-client/1.1\r\nAccept: */*\r\nX-Request-Id: ${(index * 104_729).toString(36)}\r\nTraceparent: 00-${(index * 15_485_863).toString(16).padStart(32, "0")}-0000000000000001-01\r\n\r\n`,
  ),
);
const response = Buffer.from(
  "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Tue, 24 Nov 2026 05:45:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 32\r\nConnection: keep-alive\r\n\r\n",
);
const chunked = Buffer.from(`${`400\r\n${"x".repeat(1024)}\r\n`.repeat(16)}0\r\n\r\n`);

const plain = new HeadDecoder((text) => parseRequestHead(text));
const requests = new HeadCache((text) => parseRequestHead(text));
const cached = new HeadDecoder((text) => requests.get(text));
const responses = new HeadCache((text) => parseResponseHead(text));
const cachedResponses = new HeadDecoder((text) => responses.get(text));
const body = new BodyDecoder();

measure("request, parsed", () => plain.decode(fixed, 0)?.headers.length ?? 0);
measure("request, remembered", () => cached.decode(fixed, 0)?.headers.length ?? 0);
measure(
  "request with trace headers, cache misses",
  (index) => cached.decode(varying[index & 1023] ?? fixed, 0)?.headers.length ?? 0,
);
measure("response, remembered", () => cachedResponses.decode(response, 0)?.status ?? 0);
measure("chunked body, 16 chunks of 1 KiB", () => {
  body.start("chunked", 0);
  let at = 0;
  let bytes = 0;
  while (!body.done) {
    at = body.read(chunked, at);
    bytes += body.spanEnd - body.spanStart;
  }
  return bytes;
});
