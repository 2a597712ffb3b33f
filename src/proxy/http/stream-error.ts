/** What kept a request from a whole answer, in the words of the metrics' label `error`. */
import type { FailureCause } from "./ports.ts";
import type { ExchangeEnd } from "./request-handler.ts";

export type StreamError =
  | "FAIL_FAST"
  | "LOAD_SHED"
  | "REQUEST_TIMEOUT"
  | "RESPONSE_HEADERS_TIMEOUT"
  | "RESPONSE_STREAM_TIMEOUT"
  | "IDLE_TIMEOUT"
  | "CANCEL"
  | "RESET"
  | "IO"
  | "UNKNOWN";

const ofCause: Partial<Record<FailureCause, StreamError>> = {
  failfast: "FAIL_FAST",
  "load-shed": "LOAD_SHED",
  "request-timeout": "REQUEST_TIMEOUT",
  "connect-timeout": "IO",
  "connect-failed": "IO",
};

/** Of an answer of ours; null: the answer is what the route wants. */
export function errorOfCause(cause: FailureCause): StreamError | null {
  return cause === "injected" ? null : (ofCause[cause] ?? "UNKNOWN");
}

/** Of the way it ended. */
export function errorOfEnd(end: ExchangeEnd): StreamError | null {
  if (end === "complete") return null;
  return end === "broken" ? "RESET" : "CANCEL";
}
