import { expect, test } from "bun:test";
import { awaitReady, awaitSettings } from "./await.ts";

test("awaitSettings() takes values behind = and as the next word", () => {
  expect(awaitSettings(["--timeout=2m", "--port", "5191"])).toEqual({ port: 5191, timeout: 120_000, backoff: 100 });
  expect(awaitSettings([])).toEqual({ port: 4191, timeout: 120_000, backoff: 100 });
});

test("awaitSettings() refuses what it does not know", () => {
  expect(() => awaitSettings(["--wait=1s"])).toThrow('Unknown flag "--wait"');
  expect(() => awaitSettings(["--port=0"])).toThrow("from 1 to 65535");
  expect(() => awaitSettings(["--timeout=soon"])).toThrow("a duration such as 2m");
});

test("awaitReady() asks until the proxy is ready", async () => {
  let asked = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      asked++;
      expect(new URL(request.url).pathname).toBe("/ready");
      return new Response("", { status: asked < 3 ? 503 : 200 });
    },
  });
  await awaitReady({ port: server.port ?? 0, timeout: 5000, backoff: 1 });
  expect(asked).toBe(3);
  await server.stop(true);
});

test("awaitReady() gives up with what the proxy said", async () => {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("", { status: 503 }) });
  const given = awaitReady({ port: server.port ?? 0, timeout: 5, backoff: 3 });
  expect(given).rejects.toThrow("answered with status 503");
  await given.catch(() => {});
  await server.stop(true);
});

test("awaitReady() says when nothing listens", async () => {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("") });
  const port = server.port ?? 0;
  await server.stop(true);
  const given = awaitReady({ port, timeout: 5, backoff: 3 });
  expect(given).rejects.toThrow(`The proxy at port ${port} did not get ready in time: nothing listens there`);
  await given.catch(() => {});
});
