/** An error's text for people: our own words for what the network did, without the runtime's behind them. */
import { type ErrorCode, MeshError } from "#lib/errors.ts";

/** Codes whose message says already what the runtime's text behind it would say again. */
const explained: readonly ErrorCode[] = [
  "cancelled",
  "connection-refused",
  "connection-reset",
  "dns",
  "timeout",
  "tls-handshake",
  "unreachable",
];

/** Deepest chain of causes that is shown. */
const maxDepth = 5;

/** The message and those of its causes, outermost first, joined by ": ", none twice. */
export function explain(thrown: unknown): string {
  const parts: string[] = [];
  let current: unknown = thrown;
  for (let depth = 0; depth < maxDepth && current !== undefined && current !== null; depth++) {
    const message = current instanceof Error ? current.message : String(current);
    if (!parts.some((part) => part.includes(message))) parts.push(message);
    const cause: unknown = current instanceof Error ? current.cause : undefined;
    const enough = current instanceof MeshError && explained.includes(current.code) && !(cause instanceof MeshError);
    current = enough ? undefined : cause;
  }
  // Advice of the runtime for programmers.
  return parts
    .join(": ")
    .replace(/\. For more information, pass `verbose: true` in the second argument to fetch\(\)/g, "");
}

const why: Partial<Record<ErrorCode, string>> = {
  "connection-refused": "the server refused the connection",
  "connection-reset": "the connection broke",
  dns: "the server's name can't be resolved",
  timeout: "the server did not answer in time",
  "tls-handshake": "the server's certificate is not trusted",
  unreachable: "the server can't be reached",
};

/** What went wrong with a request whose failure has this code, for any server. */
export function networkReason(code: ErrorCode): string {
  return why[code] ?? "the server can't be reached";
}
