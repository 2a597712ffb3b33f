import { MeshError } from "#lib/errors.ts";

/** Error codes of RST_STREAM and GOAWAY (RFC 9113 §7). */
export const http2Code = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;

const names = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];

/** The name that RFC 9113 §7 gives a code; "0x1f" for an unknown one. */
export function http2CodeName(code: number): string {
  return names[code] ?? `0x${code.toString(16)}`;
}

/** A violation that ends the whole connection; `details.http2Code` is what GOAWAY says. */
export function connectionError(code: number, message: string): MeshError {
  const kind = code === http2Code.enhanceYourCalm ? "resource-exhausted" : "protocol";
  return new MeshError(kind, `HTTP/2 connection failed: ${message}`, { details: { http2Code: code } });
}

/** The code that GOAWAY should carry: NO_ERROR for "cancelled", INTERNAL_ERROR for what is not a {@link connectionError}. */
export function http2CodeOf(thrown: unknown): number {
  if (thrown instanceof MeshError && thrown.code === "cancelled") return http2Code.noError;
  const code = thrown instanceof MeshError ? thrown.details["http2Code"] : undefined;
  return typeof code === "number" ? code : http2Code.internalError;
}
