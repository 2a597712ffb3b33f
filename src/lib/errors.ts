/**
 * The one error class of the project.
 *
 * Code that fails throws (or hands to a callback) a {@link MeshError} whose `code` is one of the closed list below.
 * Errors of other makers (Node, Bun, libc, HTTP) are translated once, at the edge where they come in; inner code never
 * looks at strings such as "ECONNRESET". `docs/errors.md` explains every code and a test holds the two lists together.
 */

/** Every code a MeshError can carry. */
export const errorCodes = [
  /** A bug of ours: a state that should not exist. */
  "internal",
  /** The work was given up on request (shutdown, cancel). */
  "cancelled",
  /** A caller's input is malformed: a flag, an annotation, a manifest, a message. */
  "invalid-argument",
  /** The named thing does not exist. */
  "not-found",
  /** The thing to create exists already, or another writer was first. */
  "conflict",
  /** The peer proved no identity that is allowed to do this. */
  "permission-denied",
  /** The caller's credentials are missing or wrong. */
  "unauthenticated",
  /** A bounded queue, buffer, table or limit is full. */
  "resource-exhausted",
  /** A deadline passed. */
  "timeout",
  /** The other side can't be reached or answers that it is not ready. */
  "unavailable",
  /** The request is understood and deliberately not supported. */
  "unimplemented",
  /** The operating system refused the connection. */
  "connection-refused",
  /** The peer reset the connection, or it broke. */
  "connection-reset",
  /** No route to the host or network. */
  "unreachable",
  /** A name could not be resolved. */
  "dns",
  /** The address or port is in use by somebody else. */
  "address-in-use",
  /** The process has no file descriptors left. */
  "too-many-open-files",
  /** The TLS handshake failed. */
  "tls-handshake",
  /** The peer's certificate is valid but names another identity than the expected one. */
  "tls-identity",
  /** Bytes on the wire break the protocol that they claim to be. */
  "protocol",
  /** The operating system lacks a tool, a right or a feature that is needed. */
  "environment",
] as const;

/** One of {@link errorCodes}. */
export type ErrorCode = (typeof errorCodes)[number];

/** What may be given with a new error. */
export interface MeshErrorOptions {
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** Facts for logs and structured output; never secrets. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** An error with a code from the closed list. Messages: sentence case, the action that failed, values quoted, no full stop. */
export class MeshError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(code: ErrorCode, message: string, options: MeshErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "MeshError";
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** The MeshError behind any thrown value; foreign errors become code "internal" with the cause kept. */
export function asMeshError(thrown: unknown, action: string): MeshError {
  if (thrown instanceof MeshError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new MeshError("internal", `${action}: ${message}`, { cause: thrown });
}

/** The message of an error and of its causes, outermost first, joined by ": " without repeats; at most 5 deep. */
export function errorChain(thrown: unknown): string {
  const parts: string[] = [];
  let current: unknown = thrown;
  for (let depth = 0; depth < 5 && current !== undefined && current !== null; depth++) {
    const message = current instanceof Error ? current.message : String(current);
    if (!parts.some((part) => part.includes(message))) parts.push(message);
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(": ");
}

/** Ends an exhaustive switch: compiles only when every case was handled. */
export function unreachable(value: never): never {
  throw new MeshError("internal", `Reached a case that should not exist: "${String(value)}"`);
}
