import { defaultPolicies, type DefaultPolicyName } from "#model/default-policy.ts";
import type { Labels, Requirement } from "#model/label-selector.ts";
import { MeshError } from "#lib/errors.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { policyRecord, type PolicyRecord, type SelectorSpec } from "./policy-record.ts";
import { requirementsOf } from "./selector.ts";

export type ServerProtocol = "detect" | "opaque" | "tls" | "http1" | "http2" | "grpc";

export interface ServerRecord extends PolicyRecord {
  readonly labels: Labels;
  readonly selects: "pods" | "external-workloads";
  readonly selector: readonly Requirement[];
  /** A number or the name of a container port. */
  readonly port: number | string;
  readonly protocol: ServerProtocol;
  readonly accessPolicy: DefaultPolicyName;
}

const protocols: Readonly<Record<string, ServerProtocol>> = {
  unknown: "detect",
  "HTTP/1": "http1",
  "HTTP/2": "http2",
  gRPC: "grpc",
  opaque: "opaque",
  TLS: "tls",
};

interface ServerSpec {
  readonly podSelector?: SelectorSpec;
  readonly externalWorkloadSelector?: SelectorSpec;
  readonly port?: unknown;
  readonly proxyProtocol?: string;
  readonly accessPolicy?: string;
}

/**
 * As long as it is known which port it is about, a Server counts, whatever else is wrong: without it, the port would have
 * the default policy, which may be wider. What can't be read then means the strictest.
 */
export function decodeServer(object: KubeObject): ServerRecord {
  const { spec } = object as KubeObject & { readonly spec?: ServerSpec };
  const selector = spec?.podSelector ?? spec?.externalWorkloadSelector;
  const port = spec?.port;
  if (selector === undefined || (typeof port !== "number" && typeof port !== "string")) {
    throw new MeshError("invalid-argument", `Server "${object.metadata.name}" says no selector and port`);
  }
  return {
    ...policyRecord(object),
    labels: object.metadata.labels ?? {},
    selects: spec?.podSelector === undefined ? "external-workloads" : "pods",
    selector: requirementsOf(selector),
    port,
    protocol: protocols[spec?.proxyProtocol ?? "unknown"] ?? "detect",
    accessPolicy: defaultPolicies.find((name) => name === spec?.accessPolicy) ?? "deny",
  };
}
