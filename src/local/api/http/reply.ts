/** Responses, and the way from any thrown value to a Status. */
import { asMeshError, MeshError } from "#lib/errors.ts";
import type { Status } from "../status-error.ts";
import { StatusError } from "../status-error.ts";

/** A Warning header as RFC 7234 §5.5 writes it; control characters can't be sent. */
function warningValue(textLine: string): string {
  const clean = textLine.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 1000);
  return `299 - "${clean.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

export function json(value: unknown, code = 200, warnings: readonly string[] = []): Response {
  const headers = new Headers({ "content-type": "application/json", "cache-control": "no-cache, private" });
  for (const line of warnings) headers.append("warning", warningValue(line));
  return new Response(JSON.stringify(value), { status: code, headers });
}

export function plain(body: string, code = 200): Response {
  return new Response(body, { status: code, headers: { "content-type": "text/plain; charset=utf-8" } });
}

/** The Status of any failure; a MeshError without one is told as it is, anything else is a bug and answered 500. */
export function statusOf(thrown: unknown): Status {
  if (thrown instanceof StatusError) return thrown.status;
  const error = asMeshError(thrown, "The API server failed");
  const reasons: Readonly<Record<string, string>> = {
    "invalid-argument": "BadRequest",
    "not-found": "NotFound",
    conflict: "Conflict",
    "permission-denied": "Forbidden",
    unauthenticated: "Unauthorized",
    "resource-exhausted": "TooManyRequests",
    timeout: "Timeout",
    unavailable: "ServiceUnavailable",
    unimplemented: "NotImplemented",
  };
  return new StatusError(reasons[error.code] ?? "InternalError", error.message).status;
}

export function failure(thrown: unknown): Response {
  const status = statusOf(thrown);
  return json(status, status.code);
}

/** True for what is worth an error line in the log: a bug, not a user's mistake. */
export function isBug(thrown: unknown): boolean {
  return !(thrown instanceof MeshError) || thrown.code === "internal";
}
