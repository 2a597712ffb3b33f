import { expect, test } from "bun:test";
import type { TapEvent } from "../client/tap-event.ts";
import { TapRows } from "./tap-rows.ts";

const since = { seconds: 0, nanos: 2_500_000 };

function event(what: Partial<TapEvent>): TapEvent {
  return {
    source: { ip: "10.0.0.1", port: 4000, metadata: {} },
    destination: {
      ip: "10.0.0.2",
      port: 8080,
      metadata: { deployment: "api", pod: "api-1", namespace: "n", tls: "true", server_id: "api.n.id" },
    },
    routeMeta: {},
    proxyDirection: "OUTBOUND",
    ...what,
  };
}

const id = (stream: number) => ({ base: 1, stream });
const began = (stream: number, path = "/books") =>
  event({
    requestInitEvent: { id: id(stream), method: "GET", scheme: "http", authority: "api", path, headers: [] },
  });
const answered = (stream: number) =>
  event({ responseInitEvent: { id: id(stream), sinceRequestInit: since, httpStatus: 503, headers: [] } });
const ended = (stream: number) =>
  event({
    responseEndEvent: { id: id(stream), sinceRequestInit: since, responseBytes: 7, trailers: [], resetErrorCode: 8 },
  });

test("a request is a row when its response begins, and again when it ends", () => {
  const rows = new TapRows();
  expect(rows.take(began(1))).toBeNull();
  expect(rows.take(answered(1))).toMatchObject({
    direction: "out",
    from: { kind: "address", name: "10.0.0.1:4000" },
    to: { kind: "deployment", name: "api", namespace: "n" },
    secured: true,
    peerId: "api.n.id",
    status: 503,
    latency: 2.5,
    end: null,
  });
  expect(rows.take(ended(1))).toMatchObject({ status: 503, end: { duration: 2.5, bytes: 7, reset: 8 } });
  expect(rows.take(ended(1))).toBeNull();
});

test("what began before anybody looked has no row, and what never ends is forgotten", () => {
  const rows = new TapRows();
  expect(rows.take(answered(1))).toBeNull();
  for (let stream = 1; stream <= 6000; stream++) rows.take(began(stream));
  expect(rows.take(ended(1))).toBeNull();
  expect(rows.take(ended(6000))).not.toBeNull();
});

test("paths are cut", () => {
  const rows = new TapRows();
  rows.take(began(1, `/${"x".repeat(100_000)}`));
  expect(rows.take(ended(1))!.path.length).toBeLessThan(2100);
});
