/** The runtime's fetch failures in the project's own words. */
import { type ErrorCode, MeshError } from "#lib/errors.ts";

const codes: Readonly<Record<string, ErrorCode>> = {
  ConnectionRefused: "connection-refused",
  ECONNREFUSED: "connection-refused",
  ConnectionClosed: "connection-reset",
  ECONNRESET: "connection-reset",
  FailedToOpenSocket: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  ENOTFOUND: "dns",
  DNSResolveFailed: "dns",
  TimeoutError: "timeout",
  ConnectionTimedOut: "timeout",
  AbortError: "cancelled",
};

function codeOf(thrown: Error & { code?: unknown }): ErrorCode {
  for (const name of [thrown.code, thrown.name]) {
    if (typeof name !== "string") continue;
    const code = codes[name];
    if (code !== undefined) return code;
    if (/CERT|VERIFY|SSL|TLS|ALTNAME|SELF_SIGNED/i.test(name)) return "tls-handshake";
  }
  return "unavailable";
}

/** `action` completes "Failed to …". */
export function fetchError(thrown: unknown, action: string, server: string): MeshError {
  if (thrown instanceof MeshError) return thrown;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const code = codeOf(error);
  const why: Partial<Record<ErrorCode, string>> = {
    "connection-refused": `the API server at "${server}" refused the connection`,
    "connection-reset": `the connection to the API server at "${server}" broke`,
    unreachable: `the API server at "${server}" can't be reached`,
    dns: `the name of the API server "${server}" can't be resolved`,
    timeout: `the API server at "${server}" did not answer in time`,
    "tls-handshake": `the certificate of the API server at "${server}" is not trusted (${error.message})`,
    cancelled: "the request was given up",
  };
  return new MeshError(code, `Failed to ${action}: ${why[code] ?? error.message}`, { cause: thrown });
}
