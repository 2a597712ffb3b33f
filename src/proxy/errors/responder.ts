/** Turns failures into answers, counts them and tells the log: the only place that does. */
import type { Clock } from "#lib/clock.ts";
import type { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import type { ErrorAnswer, ErrorResponder, Failure, FailureCause } from "../http/ports.ts";
import { statusOf, type Direction } from "./answers.ts";
import { FailureLog } from "./failure-log.ts";

export interface ResponderOptions {
  readonly direction: Direction;
  readonly registry: Registry;
  /** Whether answers may tell why at all: off in ingress mode. Inbound they only ever tell meshed clients. */
  readonly informationalHeaders: boolean;
  readonly log: Log;
  readonly clock: Clock;
}

/**
 * Answers of who has too much to do. A meshed client's connection is its proxy's and serves many: to close it would cost both
 * a handshake for each refused request, just when they have no time for it.
 */
const busy: ReadonlySet<FailureCause> = new Set(["load-shed", "failfast"]);

export function createErrorResponder(options: ResponderOptions): ErrorResponder {
  const { direction, registry } = options;
  const failures = new FailureLog(options.log, options.clock);
  const http = registry.counter(
    `${direction}_http_errors_total`,
    "The total number of HTTP requests that could not be served",
  );
  const tcp = registry.counter(
    `${direction}_tcp_errors_total`,
    "The total number of TCP connections that ended by an error of the proxy",
  );
  return {
    respond(failure: Failure): ErrorAnswer {
      const status = { ...statusOf(failure.cause), ...failure.status };
      const close = status.close && !(direction === "inbound" && failure.meshed && busy.has(failure.cause));
      http.cell({ error: status.label }).value++;
      // Injected ones are as somebody wants them.
      if (failure.cause !== "injected") failures.add("Request failed", status.label, failure.message);
      const tell = options.informationalHeaders && (direction === "outbound" || failure.meshed);
      const message = headerValue(failure.message);
      const headers: string[] = [];
      if (failure.grpc) {
        headers.push("content-type", "application/grpc", "grpc-status", String(status.grpc));
        if (tell) headers.push("grpc-message", percentEncode(message));
      }
      if (tell) {
        headers.push("l5d-proxy-error", message);
        if (close) headers.push("l5d-proxy-connection", "close");
      }
      if (failure.challenge !== undefined) headers.push("www-authenticate", failure.challenge);
      // A second's worth of requests may come at once, so a second is always enough.
      if (failure.cause === "rate-limited") headers.push("retry-after", "1");
      return { status: failure.grpc ? 200 : status.http, headers, close };
    },
    tcpFailed(cause: FailureCause, error: MeshError | null): void {
      const label =
        error?.code === "timeout" && cause === "unexpected" ? "tls detection timeout" : statusOf(cause).label;
      tcp.cell({ error: label }).value++;
      failures.add("Connection failed", label, error?.message ?? "");
    },
  };
}

/** The text if a header may carry it (RFC 9110 §5.5: visible ASCII, space, tab), otherwise a stand-in. */
function headerValue(message: string): string {
  return /^[\t\x20-\x7e]*$/.test(message) ? message : "unexpected error";
}

/** grpc-message as its wire format wants it (PROTOCOL-HTTP2.md, Percent-Encoded). */
function percentEncode(message: string): string {
  return message.replaceAll(
    /[^\x20-\x24\x26-\x7e]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}
