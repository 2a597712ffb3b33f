/** Objects of discovery.k8s.io/v1; only fields that are read here. */
import type { KubeObject } from "./meta.ts";
import type { ObjectReference } from "./core.ts";

export interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly zone?: string;
  readonly targetRef?: ObjectReference;
  readonly conditions?: {
    /** Absent means true. */
    readonly ready?: boolean;
    readonly serving?: boolean;
    readonly terminating?: boolean;
  };
  readonly hints?: { readonly forZones?: ReadonlyArray<{ readonly name: string }> };
}

export interface SlicePort {
  /** "" for a Service's only, unnamed port. */
  readonly name?: string;
  readonly port?: number;
  readonly protocol?: "TCP" | "UDP" | "SCTP";
  readonly appProtocol?: string;
}

/** Belongs to the Service that its label `kubernetes.io/service-name` names. */
export interface EndpointSlice extends KubeObject {
  readonly addressType: "IPv4" | "IPv6" | "FQDN";
  readonly endpoints?: readonly SliceEndpoint[] | null;
  readonly ports?: readonly SlicePort[] | null;
}
