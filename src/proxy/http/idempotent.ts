/** Methods that may be sent again when a connection was lost under them (RFC 9110 §9.2.2). */
export const idempotent: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);
