import { type ErrorCode, MeshError, errorChain } from "#lib/errors.ts";
import { type GrpcStatus, grpcCode, grpcCodeName } from "#wire/grpc/status.ts";

const codeOfError: Readonly<Record<ErrorCode, number>> = {
  internal: grpcCode.internal,
  cancelled: grpcCode.cancelled,
  "invalid-argument": grpcCode.invalidArgument,
  "not-found": grpcCode.notFound,
  conflict: grpcCode.alreadyExists,
  "permission-denied": grpcCode.permissionDenied,
  unauthenticated: grpcCode.unauthenticated,
  "resource-exhausted": grpcCode.resourceExhausted,
  timeout: grpcCode.deadlineExceeded,
  unavailable: grpcCode.unavailable,
  unimplemented: grpcCode.unimplemented,
  "connection-refused": grpcCode.unavailable,
  "connection-reset": grpcCode.unavailable,
  unreachable: grpcCode.unavailable,
  dns: grpcCode.unavailable,
  "address-in-use": grpcCode.internal,
  "too-many-open-files": grpcCode.resourceExhausted,
  "tls-handshake": grpcCode.unavailable,
  "tls-identity": grpcCode.unavailable,
  protocol: grpcCode.internal,
  environment: grpcCode.internal,
};

const errorOfCode: Readonly<Record<number, ErrorCode>> = {
  [grpcCode.cancelled]: "cancelled",
  [grpcCode.invalidArgument]: "invalid-argument",
  [grpcCode.deadlineExceeded]: "timeout",
  [grpcCode.notFound]: "not-found",
  [grpcCode.alreadyExists]: "conflict",
  [grpcCode.permissionDenied]: "permission-denied",
  [grpcCode.resourceExhausted]: "resource-exhausted",
  [grpcCode.failedPrecondition]: "invalid-argument",
  [grpcCode.aborted]: "conflict",
  [grpcCode.outOfRange]: "invalid-argument",
  [grpcCode.unimplemented]: "unimplemented",
  [grpcCode.unavailable]: "unavailable",
  [grpcCode.unauthenticated]: "unauthenticated",
};

/** The status that tells a peer about an error. Bugs of ours say no more than that they are. */
export function statusOfError(thrown: unknown): GrpcStatus {
  if (!(thrown instanceof MeshError)) return { code: grpcCode.internal, message: "Internal error" };
  return { code: codeOfError[thrown.code], message: errorChain(thrown) };
}

/** The error that a status is on our side; `details.grpcCode` keeps the exact code. `action`: what failed, "Calling …". */
export function errorOfStatus(status: GrpcStatus, action: string): MeshError {
  const what = status.message === "" ? grpcCodeName(status.code) : status.message;
  return new MeshError(errorOfCode[status.code] ?? "internal", `${action} failed: ${what}`, {
    details: { grpcCode: status.code },
  });
}
