/** Failures in Kubernetes' form: an HTTP code and a `Status` object (Kubernetes API conventions, "Response Status Kind"). */
import { MeshError } from "#lib/errors.ts";
import type { ErrorCode } from "#lib/errors.ts";

export interface StatusCause {
  /** "FieldValueRequired", "FieldValueInvalid", … */
  readonly reason?: string;
  readonly message: string;
  /** Path of the field, as in "spec.ports[0].port". */
  readonly field?: string;
}

export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: Record<string, never>;
  readonly status: "Failure" | "Success";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly uid?: string;
    readonly causes?: readonly StatusCause[];
    readonly retryAfterSeconds?: number;
  };
  readonly code?: number;
}

const codes: Readonly<Record<string, readonly [http: number, code: ErrorCode]>> = {
  BadRequest: [400, "invalid-argument"],
  Unauthorized: [401, "unauthenticated"],
  Forbidden: [403, "permission-denied"],
  NotFound: [404, "not-found"],
  MethodNotAllowed: [405, "unimplemented"],
  NotAcceptable: [406, "invalid-argument"],
  AlreadyExists: [409, "conflict"],
  Conflict: [409, "conflict"],
  Expired: [410, "unavailable"],
  RequestEntityTooLarge: [413, "resource-exhausted"],
  UnsupportedMediaType: [415, "invalid-argument"],
  Invalid: [422, "invalid-argument"],
  TooManyRequests: [429, "resource-exhausted"],
  InternalError: [500, "internal"],
  NotImplemented: [501, "unimplemented"],
  ServiceUnavailable: [503, "unavailable"],
  Timeout: [504, "timeout"],
};

/** A MeshError that carries the Status to answer with. */
export class StatusError extends MeshError {
  readonly status: Status;

  /** `reason` is one of Kubernetes' StatusReason words; `http` overrides its usual code. */
  constructor(reason: string, message: string, details: Status["details"] = {}, http?: number) {
    const [usual, code] = codes[reason] ?? [500, "internal"];
    super(code, message);
    this.status = {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message,
      reason,
      details,
      code: http ?? usual,
    };
  }

  /** The HTTP status code. */
  get httpCode(): number {
    return this.status.code ?? 500;
  }
}

/** True for a StatusError with this reason, for example "NotFound" or "Conflict". */
export function isStatus(thrown: unknown, reason: string): boolean {
  return thrown instanceof StatusError && thrown.status.reason === reason;
}

/** "deployments.apps", or "pods" in the core group, as messages name a resource. */
function qualified(group: string, resource: string): string {
  return group === "" ? resource : `${resource}.${group}`;
}

interface Named {
  readonly group: string;
  readonly resource: string;
}

export function notFound({ group, resource }: Named, name: string): StatusError {
  return new StatusError("NotFound", `${qualified(group, resource)} "${name}" not found`, {
    name,
    group,
    kind: resource,
  });
}

export function alreadyExists({ group, resource }: Named, name: string): StatusError {
  const message = `${qualified(group, resource)} "${name}" already exists`;
  return new StatusError("AlreadyExists", message, { name, group, kind: resource });
}

/** Another writer was first. */
export function conflict(
  { group, resource }: Named,
  name: string,
  why = "the object has been modified; please apply your changes to the latest version and try again",
): StatusError {
  const message = `Operation cannot be fulfilled on ${qualified(group, resource)} "${name}": ${why}`;
  return new StatusError("Conflict", message, { name, group, kind: resource });
}

export function forbidden({ group, resource }: Named, name: string, why: string): StatusError {
  const target = name === "" ? qualified(group, resource) : `${qualified(group, resource)} "${name}"`;
  return new StatusError("Forbidden", `${target} is forbidden: ${why}`, { name, group, kind: resource });
}

export function badRequest(message: string): StatusError {
  return new StatusError("BadRequest", message);
}

/** Understood and deliberately not served by this cluster. */
export function notImplemented(message: string): StatusError {
  return new StatusError("NotImplemented", message);
}
