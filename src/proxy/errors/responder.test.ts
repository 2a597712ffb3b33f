import { describe, expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { text } from "#lib/metrics/text.ts";
import type { Failure, FailureCause } from "../http/ports.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { createErrorResponder } from "./responder.ts";

const failure = (cause: FailureCause, more: Partial<Failure> = {}): Failure => ({
  cause,
  message: "No endpoint is ready",
  grpc: false,
  meshed: false,
  ...more,
});

function responder(direction: "inbound" | "outbound", informationalHeaders = true) {
  const registry = new Registry();
  const { log, lines } = memoryLog();
  return {
    registry,
    lines,
    subject: createErrorResponder({ direction, registry, informationalHeaders, log, clock: new FakeClock() }),
  };
}

describe("createErrorResponder", () => {
  test("gives each cause its status and says whether the connection ends", () => {
    const { subject } = responder("outbound");
    const answers: Array<[FailureCause, number, boolean]> = [
      ["route-not-found", 404, false],
      ["unauthorized", 403, false],
      ["rate-limited", 429, false],
      ["failfast", 504, true],
      ["load-shed", 503, true],
      ["connect-timeout", 504, true],
      ["connect-failed", 502, true],
      ["identity-required", 502, true],
      ["request-timeout", 504, false],
      ["bad-response", 502, true],
      ["unexpected", 500, true],
    ];
    for (const [cause, status, close] of answers) {
      expect(subject.respond(failure(cause))).toMatchObject({ status, close });
    }
  });

  test("tells a local client why and that the proxy closes", () => {
    expect(responder("outbound").subject.respond(failure("failfast")).headers).toEqual([
      "l5d-proxy-error",
      "No endpoint is ready",
      "l5d-proxy-connection",
      "close",
    ]);
  });

  test("keeps the connection of another proxy when it has too much to do", () => {
    const { subject } = responder("inbound");
    for (const cause of ["load-shed", "failfast"] as const) {
      expect(subject.respond(failure(cause, { meshed: true })).close).toBe(false);
      expect(subject.respond(failure(cause)).close).toBe(true);
    }
    expect(subject.respond(failure("unexpected", { meshed: true })).close).toBe(true);
  });

  test("tells nothing to an unmeshed client inbound, and to anybody when headers are off", () => {
    expect(responder("inbound").subject.respond(failure("unauthorized")).headers).toEqual([]);
    expect(responder("outbound", false).subject.respond(failure("failfast")).headers).toEqual([]);
    const meshed = responder("inbound").subject.respond(failure("unauthorized", { meshed: true }));
    expect(meshed.headers).toEqual(["l5d-proxy-error", "No endpoint is ready"]);
  });

  test("answers gRPC with status 200, its own status and an encoded message", () => {
    const { subject } = responder("outbound");
    const answer = subject.respond(failure("load-shed", { grpc: true, message: "100% full" }));
    expect(answer.status).toBe(200);
    expect(answer.headers.slice(0, 6)).toEqual([
      "content-type",
      "application/grpc",
      "grpc-status",
      "14",
      "grpc-message",
      "100%25 full",
    ]);
  });

  test("never puts a line break into a header", () => {
    const answer = responder("outbound").subject.respond(failure("unexpected", { message: "a\r\nset-cookie: b" }));
    expect(answer.headers[1]).toBe("unexpected error");
  });

  test("counts HTTP and TCP failures by kind, and tells the log", () => {
    const { subject, registry, lines } = responder("outbound");
    subject.respond(failure("failfast"));
    subject.tcpFailed("connect-failed", new MeshError("connection-refused", "Refused"));
    expect(text(registry)).toContain('outbound_http_errors_total{error="failfast"} 1');
    expect(text(registry)).toContain('outbound_tcp_errors_total{error="i/o"} 1');
    expect(lines.length).toBe(2);
    expect(lines[0]).toContain("No endpoint is ready");
    expect(lines[1]).toContain("Refused");
    subject.respond(failure("injected"));
    expect(lines.length).toBe(2);
  });
});
