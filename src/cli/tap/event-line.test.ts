import { test } from "bun:test";
import type { TapEvent } from "#viz/client/tap-event.ts";
import { expectGolden } from "../testing/golden.ts";
import { eventLine } from "./event-line.ts";

const id = { base: 1, stream: 7 };
const where = {
  source: { ip: "10.0.0.1", port: 1000, metadata: { pod: "web-1", deployment: "web", namespace: "app" } },
  destination: {
    ip: "fd00::2",
    port: 80,
    metadata: { pod: "db-0", statefulset: "db", namespace: "data", tls: "true", server_id: "db.data" },
  },
  routeMeta: { route_name: "get", route_group: "" },
  proxyDirection: "OUTBOUND",
} as const;
const duration = (ms: number) => ({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 });
const end = { id, sinceRequestInit: duration(1500), sinceResponseInit: duration(2.5), responseBytes: 12, trailers: [] };
const request = { id, method: "GET", scheme: "http", authority: "db:80", path: "/a?b=1", headers: [] };
const events: readonly TapEvent[] = [
  { ...where, requestInitEvent: request },
  { ...where, responseInitEvent: { id, sinceRequestInit: duration(1497.5), httpStatus: 200, headers: [] } },
  { ...where, responseEndEvent: end },
  { ...where, responseEndEvent: { ...end, grpcStatusCode: 14 } },
  { ...where, responseEndEvent: { ...end, grpcStatusCode: 99 } },
  {
    ...where,
    responseEndEvent: { id, sinceRequestInit: duration(3), responseBytes: 0, trailers: [], resetErrorCode: 8 },
  },
  {
    ...where,
    proxyDirection: "INBOUND",
    source: { ip: "10.0.0.9", port: 5, metadata: { tls: "no_identity", no_tls_reason: "no_tls_from_remote" } },
    requestInitEvent: { ...request, path: "/\u001b[2J\r\nreq id=0:0 \u202e", authority: "\u0007", method: "G\u009bET" },
  },
];

test("events are one line each, and no request can break out of its line", () => {
  const lines = [false, true].flatMap((wide) => events.map((event) => `${eventLine(event, wide)}\n`));
  expectGolden("tap-lines.txt", lines.join(""));
});
