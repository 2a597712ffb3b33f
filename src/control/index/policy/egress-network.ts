import type { KubeObject } from "#kube/types/meta.ts";
import { checkEgressNetwork } from "../../admission/rules/egress-network.ts";
import { networksOf, type NetworkRange, type NetworkSpec } from "./networks.ts";
import { policyRecord, type PolicyRecord, validSpec } from "./policy-record.ts";

/** Addresses outside of the cluster, and whether traffic to them is let out. */
export interface EgressNetworkRecord extends PolicyRecord {
  /** Null: everything outside of the cluster's networks. */
  readonly networks: readonly NetworkRange[] | null;
  readonly allow: boolean;
  /** Those of the mesh. */
  readonly annotations: Readonly<Record<string, string>>;
  /** `status` as it is stored. */
  readonly status: unknown;
}

export function decodeEgressNetwork(object: KubeObject): EgressNetworkRecord {
  const spec = validSpec<{ trafficPolicy: string; networks?: readonly NetworkSpec[] }>(
    object,
    "policy.linkerd.io",
    checkEgressNetwork,
  );
  const annotations: Record<string, string> = {};
  for (const [key, value] of Object.entries(object.metadata.annotations ?? {})) {
    if (key.includes("linkerd.io/")) annotations[key] = value;
  }
  return {
    ...policyRecord(object),
    networks: spec.networks === undefined ? null : networksOf(spec.networks),
    allow: spec.trafficPolicy === "Allow",
    annotations,
    status: (object as KubeObject & { readonly status?: unknown }).status ?? null,
  };
}
