/** What stands between a decoded object and the store. */
import type { KubeObject } from "../../store/object.ts";
import type { Context } from "../context.ts";
import type { ResourceInfo } from "../resource-info.ts";

export type Operation = "CREATE" | "UPDATE" | "DELETE" | "CONNECT";

export interface AdmissionRequest {
  readonly operation: Operation;
  readonly info: ResourceInfo;
  /** The subresource, "" for the object itself. */
  readonly part: string;
  readonly namespace: string;
  readonly name: string;
  /** Unfrozen; mutating steps change it in place. Null for DELETE. */
  readonly object: KubeObject | null;
  /** Null for CREATE. */
  readonly previous: KubeObject | null;
  readonly context: Context;
  /** Completes an object after a webhook changed it. */
  readonly settle?: (object: KubeObject) => void;
  /** Judges the object after the mutating steps; throws 422. */
  readonly validate?: () => void;
}

export interface Admission {
  /** Runs the mutating steps, `validate`, and the validating steps. Throws a StatusError to refuse. */
  admit(request: AdmissionRequest): Promise<void>;
  /** Gives out cluster-wide numbers (ClusterIP, node port) right before the write, in the same tick. */
  allocate(info: ResourceInfo, object: KubeObject, previous: KubeObject | null): void;
}
