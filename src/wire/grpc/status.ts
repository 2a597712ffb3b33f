/** gRPC status codes (grpc.io/docs/guides/status-codes). */
export const grpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

const names = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** For logs and labels: "DEADLINE_EXCEEDED"; an unknown code as its number. */
export function grpcCodeName(code: number): string {
  return names[code] ?? String(code);
}

/** How a call ended. */
export interface GrpcStatus {
  readonly code: number;
  /** For people; "" when there is nothing to say. */
  readonly message: string;
}

/** Longer messages are cut: they travel in a header. */
const maxMessageLength = 1024;

/** `grpc-message` as it is sent: UTF-8 with everything but visible ASCII, and "%", percent-encoded. */
export function encodeGrpcMessage(message: string): string {
  const text = message.length > maxMessageLength ? `${message.slice(0, maxMessageLength)}…` : message;
  if (/^[ -$&-~]*$/.test(text)) return text.trim();
  let encoded = "";
  for (const byte of Buffer.from(text, "utf8")) {
    const plain = byte >= 0x21 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** The reverse; what is not valid percent-encoding stays as it came, as the protocol demands. */
export function decodeGrpcMessage(text: string): string {
  if (!text.includes("%")) return text;
  const bytes = Buffer.from(
    text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );
  return bytes.toString("utf8");
}

/** What a response without `grpc-status` means, from its HTTP status. */
export function statusOfHttp(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
      return grpcCode.internal;
    case 401:
      return grpcCode.unauthenticated;
    case 403:
      return grpcCode.permissionDenied;
    case 404:
      return grpcCode.unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return grpcCode.unavailable;
    default:
      return grpcCode.unknown;
  }
}

/** What the end of a stream by RST_STREAM means, from its HTTP/2 error code. */
export function statusOfReset(http2Code: number): number {
  switch (http2Code) {
    case 7:
      return grpcCode.unavailable;
    case 8:
      return grpcCode.cancelled;
    case 11:
      return grpcCode.resourceExhausted;
    case 12:
      return grpcCode.permissionDenied;
    default:
      return grpcCode.internal;
  }
}

/** Reads `grpc-status` and `grpc-message` of trailers; null when there is no valid status. */
export function readStatus(get: (name: string) => string | null): GrpcStatus | null {
  const text = get("grpc-status");
  if (text === null || !/^\d{1,3}$/.test(text)) return null;
  return { code: Number(text), message: decodeGrpcMessage(get("grpc-message") ?? "") };
}

/** The fields of trailers: names and values alternate. */
export function statusFields(status: GrpcStatus): string[] {
  const fields = ["grpc-status", String(status.code)];
  if (status.message !== "") fields.push("grpc-message", encodeGrpcMessage(status.message));
  return fields;
}
