import { expect, test } from "bun:test";
import { http2Code } from "#wire/http2/errors.ts";
import { requestBlock, responseBlock } from "#wire/http2/header-block.ts";
import { createPair } from "#wire/http2/testing/pair.ts";
import { createHttp2Context } from "./context.ts";

const get = requestBlock({ method: "GET", scheme: "http", authority: "a", path: "/" }, []);

test("a response whose head is far too large leaves the connection to the others", () => {
  const { sharedLimits, serverLimits } = createHttp2Context(new Set());
  const { client, server, run } = createPair(serverLimits, sharedLimits);
  run();
  const [other, huge] = [1, 2].map(() => client.connection.request(get, true, client.recorder)!);
  run();
  const fields = Array.from({ length: 300 }, (_, index) => [`x-${index}`, "y".repeat(3000)]).flat();
  server.recorder.streams[1]!.sendHeaders(responseBlock(200, fields), true);
  run();
  expect([other!.closed, huge!.closed]).toEqual([false, true]);
  expect(client.recorder.take()).toContain(`reset ${huge!.id} ${http2Code.enhanceYourCalm}`);
});

test("a client that goes away with all of its requests leaves the connection between proxies to the others", () => {
  const { sharedLimits } = createHttp2Context(new Set());
  const { client, server, run } = createPair(sharedLimits, sharedLimits);
  run();
  const ask = () => client.connection.request(get, true, client.recorder)!;
  const other = ask();
  const streams = Array.from({ length: sharedLimits.maxConcurrentStreams - 1 }, ask);
  run();
  for (const stream of streams) stream.reset(http2Code.cancel);
  run();
  expect([other.closed, server.connection.activeStreams]).toEqual([false, 1]);
});
