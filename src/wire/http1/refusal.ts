import { MeshError } from "#lib/errors.ts";

/** Why a message is refused. The closed list is also the label of the metric. */
export type Http1Reason =
  | "start-line"
  | "method"
  | "target"
  | "target-too-long"
  | "version"
  | "status"
  | "head-too-large"
  | "too-many-headers"
  | "header-name"
  | "header-value"
  | "obs-fold"
  | "line-end"
  | "host"
  | "content-length"
  | "transfer-encoding"
  | "length-and-chunked"
  | "connection"
  | "chunk-size"
  | "chunk-extension"
  | "chunk-end"
  | "trailer"
  | "truncated";

const statuses: Partial<Record<Http1Reason, number>> = {
  "target-too-long": 414,
  version: 505,
  "head-too-large": 431,
  "too-many-headers": 431,
};

/** A message that breaks HTTP/1, or goes over a limit: code "protocol", `details.reason` and the fitting `details.status`. */
export function refusal(reason: Http1Reason, message: string): MeshError {
  return new MeshError("protocol", message, { details: { reason, status: statuses[reason] ?? 400 } });
}

/** The status that answers a refused request: 400 unless the refusal says otherwise. */
export function refusalStatus(error: MeshError): number {
  const status = error.details["status"];
  return typeof status === "number" ? status : 400;
}
