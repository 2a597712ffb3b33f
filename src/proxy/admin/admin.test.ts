import { afterEach, describe, expect, test } from "bun:test";
import { systemClock } from "#lib/clock.ts";
import { memoryLog, parseLevelFilter, type LogSink } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import type { Listener } from "#lib/net/socket.ts";
import { startAdmin } from "./admin.ts";
import { adminRoutes } from "./routes.ts";

let listener: Listener | null = null;
afterEach(() => listener?.close());

function start(more: { missing?: string[]; shutdown?: () => void } = {}) {
  const registry = new Registry();
  const sink: LogSink = { filter: parseLevelFilter("info"), format: "plain", write() {}, wall: () => 0 };
  const { log } = memoryLog();
  const missing = more.missing ?? [];
  const handler = adminRoutes({
    registry,
    sink,
    logFilter: "info",
    siblings: null,
    notReady: () => missing,
    shutdown: more.shutdown ?? null,
    env: () => ({ LINKERD2_PROXY_LOG: "info" }),
  });
  const started = startAdmin({ listen: { ip: "127.0.0.1", port: 0 }, handler, tls: null, clock: systemClock, log });
  listener = started;
  return { registry, sink, missing, url: `http://127.0.0.1:${started.addr.port}`, port: started.addr.port };
}

/** Sends bytes and gives everything that comes back until the server closes. */
function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let out = "";
    Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => void socket.write(bytes),
        data: (_socket, data) => {
          out += data.toString("latin1");
        },
        close: () => resolve(out),
        error: (_socket, error) => reject(error),
      },
    }).catch(reject);
  });
}

describe("admin", () => {
  test("is live at once and ready when nothing is missing", async () => {
    const { url, missing } = start({ missing: ["identity"] });
    expect((await fetch(`${url}/live`)).status).toBe(200);
    const early = await fetch(`${url}/ready`);
    expect([early.status, await early.text()]).toEqual([503, "not ready: identity\n"]);
    missing.length = 0;
    expect((await fetch(`${url}/ready`)).status).toBe(200);
  });

  test("prints metrics, compressed when the scraper takes gzip", async () => {
    const { url, registry, port } = start();
    registry.counter("request_total", "Requests").cell({ direction: "inbound" }).value = 7;
    const response = await fetch(`${url}/metrics`, { headers: { "accept-encoding": "gzip" } });
    expect(response.headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
    expect(await response.text()).toContain('request_total{direction="inbound"} 7\n');
    const packed = await raw(
      port,
      "GET /metrics HTTP/1.1\r\nhost: a\r\naccept-encoding: br, gzip\r\nconnection: close\r\n\r\n",
    );
    expect(packed).toContain("content-encoding: gzip");
    const plain = await raw(
      port,
      "GET /metrics HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip;q=0\r\nconnection: close\r\n\r\n",
    );
    expect(plain).not.toContain("content-encoding");
  });

  test("changes the log level and refuses a filter that makes no sense", async () => {
    const { url, sink } = start();
    expect(await (await fetch(`${url}/proxy-log-level`)).text()).toBe("info\n");
    expect((await fetch(`${url}/proxy-log-level`, { method: "PUT", body: "warn,linkerd=debug" })).status).toBe(204);
    expect(sink.filter.fallback).toBe("warn");
    expect(await (await fetch(`${url}/proxy-log-level`)).text()).toBe("warn,linkerd=debug\n");
    expect((await fetch(`${url}/proxy-log-level`, { method: "PUT", body: "loud" })).status).toBe(400);
    expect(sink.filter.fallback).toBe("warn");
  });

  test("offers shutdown only when it is enabled, and only by POST", async () => {
    expect((await fetch(`${start().url}/shutdown`, { method: "POST" })).status).toBe(404);
    listener?.close();
    let asked = 0;
    const { url } = start({ shutdown: () => asked++ });
    expect((await fetch(`${url}/shutdown`)).status).toBe(405);
    expect((await fetch(`${url}/shutdown`, { method: "POST" })).status).toBe(200);
    expect(asked).toBe(1);
  });

  test("answers pipelined requests in order and closes when asked to", async () => {
    const { port } = start();
    const out = await raw(
      port,
      "GET /live HTTP/1.1\r\nhost: a\r\n\r\nGET /ready HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    );
    expect(out.match(/HTTP\/1\.1 200 OK/g)?.length).toBe(2);
    expect(out.indexOf("live")).toBeLessThan(out.indexOf("ready"));
  });

  test("answers garbage, ambiguity and long bodies with an error and closes", async () => {
    const { port } = start();
    expect(await raw(port, "NONSENSE\r\n\r\n")).toStartWith("HTTP/1.1 400 ");
    expect(await raw(port, "GET /live HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n")).toStartWith("HTTP/1.1 400 ");
    const long = `PUT /proxy-log-level HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n${"x".repeat(70_000)}`;
    expect(await raw(port, long)).toStartWith("HTTP/1.1 413 ");
    expect((await fetch(`http://127.0.0.1:${port}/live`)).status).toBe(200);
  });

  test("knows no other path", async () => {
    expect((await fetch(`${start().url}/debug`)).status).toBe(404);
  });
});
