import type { KubeObject } from "#kube/types/meta.ts";
import { checkNetworkAuthentication } from "../../admission/rules/network-authentication.ts";
import { networksOf, type NetworkRange, type NetworkSpec } from "./networks.ts";
import { policyRecord, type PolicyRecord, validSpec } from "./policy-record.ts";

export interface NetworkAuthenticationRecord extends PolicyRecord {
  readonly networks: readonly NetworkRange[];
}

export function decodeNetworkAuthentication(object: KubeObject): NetworkAuthenticationRecord {
  const { networks } = validSpec<{ networks: readonly NetworkSpec[] }>(
    object,
    "policy.linkerd.io",
    checkNetworkAuthentication,
  );
  return { ...policyRecord(object), networks: networksOf(networks) };
}
