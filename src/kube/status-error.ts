/** Kubernetes' Status answers in the project's own words. */
import { MeshError, type ErrorCode } from "#lib/errors.ts";
import type { KubeStatus } from "./types/meta.ts";

/** Reads a Status out of a body; null when it is none. */
export function parseStatus(body: string): KubeStatus | null {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null && "kind" in value && value.kind === "Status") {
      return value as KubeStatus;
    }
    return null;
  } catch {
    // A load balancer in front of the API answers in HTML or plain text: the caller shows the text itself.
    return null;
  }
}

function codeOf(httpStatus: number, reason: string): ErrorCode {
  switch (httpStatus) {
    case 400:
    case 415:
    case 422:
      return "invalid-argument";
    case 401:
      return "unauthenticated";
    case 403:
      return "permission-denied";
    case 404:
      return "not-found";
    case 405:
    case 501:
      return "unimplemented";
    case 409:
      return "conflict";
    case 410:
      // A list or watch position that the server no longer has; `isExpired` tells it from other conflicts.
      return "conflict";
    case 413:
    case 429:
      return "resource-exhausted";
    case 504:
      return "timeout";
    default:
      return reason === "Timeout" || reason === "ServerTimeout" ? "timeout" : "unavailable";
  }
}

/**
 * The error for an answer that is not a success. `action` completes "Failed to …"; the server's own message follows,
 * because it names the field, the webhook or the missing right.
 */
export function statusError(httpStatus: number, body: string, action: string): MeshError {
  const status = parseStatus(body);
  const reason = status?.reason ?? "";
  const text = (status?.message ?? body.slice(0, 300)).trim().replace(/\s+/g, " ");
  const said = text === "" ? `the API server answered with status ${httpStatus}` : text;
  const details: Record<string, string | number> = { status: httpStatus };
  if (reason !== "") details["reason"] = reason;
  const retryAfter = status?.details?.retryAfterSeconds;
  if (retryAfter !== undefined) details["retryAfterSeconds"] = retryAfter;
  return new MeshError(codeOf(httpStatus, reason), `Failed to ${action}: ${said}`, { details });
}

/** Whether the error means "this resource version or continue token is too old" (410 Gone, reason Expired). */
export function isExpired(error: unknown): boolean {
  return error instanceof MeshError && (error.details["status"] === 410 || error.details["reason"] === "Expired");
}
