import { describe, expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { defaultHttp1Limits } from "#wire/http1/limits.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { parseResponseHead } from "#wire/http1/parse-response.ts";
import type { RequestControl, RequestHandler } from "../http/request-handler.ts";
import type { ClientTls } from "../inbound/ports.ts";
import { createAccessLog, LineWriter, type AccessLogFormat } from "./access-log.ts";

const request = (...lines: string[]) => parseRequestHead(`${lines.join("\r\n")}\r\n`, defaultHttp1Limits);
const response = (...lines: string[]) => parseResponseHead(`${lines.join("\r\n")}\r\n`, defaultHttp1Limits);
const get = request("GET /a?b=1 HTTP/1.1", "Host: web");
const connection = {} as RequestControl;
const plain: ClientTls = { kind: "none", reason: "no_tls_from_remote" };

function setUp(format: AccessLogFormat, tls: ClientTls = plain, ip = "10.0.0.7", major: 1 | 2 = 1) {
  const clock = new FakeClock(Date.UTC(2026, 10, 24, 9, 8, 7));
  const lines: string[] = [];
  const writer = new LineWriter((text, done) => {
    lines.push(...text.split("\n").slice(0, -1));
    done();
  }, clock);
  const calls: string[] = [];
  const inner: RequestHandler = {
    onRequest: () => void calls.push("request"),
    onUnsent: () => void calls.push("unsent"),
    onNoAnswer: () => void calls.push("no answer"),
    onResponse: (head) => void calls.push(`response ${head.status}`),
    onRequestBody: (bytes) => void calls.push(`sent ${bytes}`),
    onResponseBody: (bytes) => void calls.push(`got ${bytes}`),
    onExchangeEnd: (status, end) => void calls.push(`end ${status} ${end}`),
    onAbandoned: () => void calls.push("abandoned"),
    onClosed: () => void calls.push("closed"),
  };
  const facts = { client: { ip, port: 40_000 }, target: { ip: "10.1.1.1", port: 8080 }, tls };
  const handler = createAccessLog(format, writer, clock).wrap(inner, facts, major);
  const taken = (): string[] => {
    clock.advance(50);
    return lines.splice(0);
  };
  return { clock, calls, handler, inner, taken };
}

describe("The access log", () => {
  test("has a line in Apache's form for each response, with the client's identity", () => {
    const t = setUp("apache", { kind: "meshed", clientId: "vote-bot.emojivoto.serviceaccount.identity" });
    t.handler.onRequest(connection, get);
    t.handler.onResponse(response("HTTP/1.1 503 Busy", "Content-Length: 0"));
    t.handler.onExchangeEnd(503, "complete", -1);
    expect(t.taken()).toEqual([
      '10.0.0.7:40000 vote-bot.emojivoto.serviceaccount.identity - [2026-11-24T09:08:07.000Z] "GET /a?b=1 HTTP/1.1" 503',
    ]);
    expect(t.calls).toEqual(["request", "response 503", "end 503 complete"]);
  });

  test("keeps a target's quotes from ending the field that it stands in", () => {
    const t = setUp("apache");
    t.handler.onRequest(connection, request('GET /a"-200-"forged HTTP/1.1', "Host: web"));
    t.handler.onResponse(response("HTTP/1.1 404 No", "Content-Length: 0"));
    t.handler.onExchangeEnd(404, "complete", -1);
    expect(t.taken()[0]).toEndWith('"GET /a%22-200-%22forged HTTP/1.1" 404');
  });

  test("has Linkerd's fields in JSON, with the time until the response's head", () => {
    const t = setUp("json", plain, "fd00::7");
    const trace = ["X-Amzn-Trace-Id: no", "X-Request-Id: abc"];
    const post = request("POST /vote HTTP/1.1", "Host: web:80", "Content-Length: 3", 'User-Agent: a"b', ...trace);
    t.handler.onRequest(connection, post);
    t.clock.advance(12.5);
    t.handler.onResponse(response("HTTP/1.1 200 OK", "Content-Length: 1234"));
    t.clock.advance(1000);
    t.handler.onExchangeEnd(200, "complete", -1);
    const [line, ...more] = t.taken();
    expect(more).toEqual([]);
    expect(JSON.parse(line ?? "")).toEqual({
      "client.addr": "[fd00::7]:40000",
      "client.id": "-",
      timestamp: "2026-11-24T09:08:07.000Z",
      method: "POST",
      uri: "/vote",
      version: "HTTP/1.1",
      trace_id: "abc",
      request_bytes: "3",
      user_agent: 'a"b',
      host: "web:80",
      status: 200,
      response_bytes: "1234",
      total_ns: "12500000",
      processing_ns: "0",
    });
  });

  test("counts as processing only what the proxy itself works", () => {
    const t = setUp("json");
    t.inner.onRequest = () => t.clock.advance(2);
    t.inner.onResponse = () => t.clock.advance(1);
    t.handler.onRequest(connection, get);
    t.clock.advance(100);
    t.handler.onResponse(response("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"));
    const line = JSON.parse(t.taken()[0] ?? "") as Record<string, unknown>;
    expect([line["processing_ns"], line["total_ns"], line["response_bytes"]]).toEqual([
      "3000000",
      "103000000",
      undefined,
    ]);
  });

  test("has the whole URI of a request that came by HTTP/2", () => {
    const t = setUp("apache", plain, "10.0.0.7", 2);
    t.handler.onRequest(connection, get);
    t.handler.onResponse(response("HTTP/1.1 200 OK"));
    expect(t.taken()[0]).toEndWith('"GET http://web/a?b=1 HTTP/2.0" 200');
  });

  test("has the proxy's own answer, and one line without a status for a client that left", () => {
    const t = setUp("apache");
    t.inner.onRequest = () => t.handler.onExchangeEnd(403, "complete", -1);
    t.handler.onRequest(connection, get);
    t.inner.onRequest = () => {};
    t.handler.onRequest(connection, get);
    t.handler.onExchangeEnd(0, "client-gone", -1);
    expect(t.taken().map((line) => line.split("] ")[1])).toEqual([
      '"GET /a?b=1 HTTP/1.1" 403',
      '"GET /a?b=1 HTTP/1.1"',
    ]);
  });
});

describe("The line writer", () => {
  test("gathers lines for 50 ms, or up to 16 KiB", () => {
    const clock = new FakeClock();
    const written: string[] = [];
    const lines = new LineWriter((text) => written.push(text), clock);
    lines.write("a");
    lines.write("b");
    expect(written).toEqual([]);
    clock.advance(50);
    expect(written).toEqual(["a\nb\n"]);
    lines.write("x".repeat(16_384));
    expect(written).toHaveLength(2);
    clock.advance(50);
    expect(written).toHaveLength(2);
    expect(clock.timers).toBe(0);
  });

  test("drops lines that nobody reads at 1 MiB, and says how many", () => {
    const clock = new FakeClock();
    const pending: Array<() => void> = [];
    let length = 0;
    let last = "";
    const lines = new LineWriter((text, done) => {
      length += text.length;
      last = text;
      pending.push(done);
    }, clock);
    for (let count = 0; count < 2048; count++) lines.write("x".repeat(1023));
    clock.advance(50);
    expect(length).toBe(1_048_576);
    for (const done of pending.splice(0)) done();
    lines.write("back");
    clock.advance(50);
    expect(last).toBe("1024 access log lines were dropped because nobody reads them fast enough\nback\n");
  });
});

test("the last lines of a process go out at its exit", async () => {
  const script = `
    import { stderrAccessLog } from "#proxy/telemetry/access-log.ts";
    const clock = { now: () => 0, wall: () => 0, after: () => ({ cancel() {} }) };
    const log = stderrAccessLog("apache", clock);
    const facts = { client: { ip: "10.0.0.7", port: 1 }, tls: { kind: "none" } };
    const inner = { onRequest() {}, onResponse() {} };
    const handler = log.wrap(inner, facts, 1);
    handler.onRequest(null, { method: "GET", target: "/", minor: 1 });
    handler.onResponse({ status: 200 });
    process.exit(3);`;
  const options = { cwd: import.meta.dir, stdout: "pipe", stderr: "pipe" } as const;
  const child = Bun.spawn([process.execPath, "-e", script], options);
  expect(await child.exited).toBe(3);
  expect(await new Response(child.stderr).text()).toBe(
    '10.0.0.7:1 - - [1970-01-01T00:00:00.000Z] "GET / HTTP/1.1" 200\n',
  );
});
