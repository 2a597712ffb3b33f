import { MeshError } from "#lib/errors.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { checkEgressNetwork } from "../../admission/rules/egress-network.ts";
import { Field } from "../../admission/field.ts";
import { Findings } from "../../admission/findings.ts";
import { readCidr } from "../../admission/rules/networks.ts";
import { networksOf, type NetworkRange, type NetworkSpec } from "./networks.ts";
import { policyRecord, type PolicyRecord, validSpec } from "./policy-record.ts";

/** Addresses outside of the cluster, and whether traffic to them is let out. */
export interface EgressNetworkRecord extends PolicyRecord {
  /** Null: everything outside of the cluster's networks. */
  readonly networks: readonly NetworkRange[] | null;
  readonly allow: boolean;
  /** Those of the mesh. */
  readonly annotations: Readonly<Record<string, string>>;
  /** What is wrong with it; null: nothing is. */
  readonly invalid: string | null;
  /** `status` as it is stored. */
  readonly status: unknown;
}

/**
 * One with a mistake counts as far as it can be read, because without it traffic that it denies would go out: what can't be
 * read is let out by nobody, and denied where the rest says which addresses are meant.
 */
export function decodeEgressNetwork(object: KubeObject): EgressNetworkRecord {
  const annotations: Record<string, string> = {};
  for (const [key, value] of Object.entries(object.metadata.annotations ?? {})) {
    if (key.includes("linkerd.io/")) annotations[key] = value;
  }
  return {
    ...policyRecord(object),
    ...meaning(object),
    annotations,
    status: (object as KubeObject & { readonly status?: unknown }).status ?? null,
  };
}

function meaning(object: KubeObject): Pick<EgressNetworkRecord, "networks" | "allow" | "invalid"> {
  try {
    const spec = validSpec<{ trafficPolicy: string; networks?: readonly NetworkSpec[] }>(
      object,
      "policy.linkerd.io",
      checkEgressNetwork,
    );
    const networks = spec.networks === undefined || spec.networks === null ? null : networksOf(spec.networks);
    return { networks, allow: spec.trafficPolicy === "Allow", invalid: null };
  } catch (thrown) {
    if (!(thrown instanceof MeshError) || thrown.code !== "invalid-argument") throw thrown;
    const spec = new Field("spec", (object as KubeObject & { readonly spec?: unknown }).spec, new Findings());
    const allow = spec.at("trafficPolicy").value === "Allow";
    const networks = spec.at("networks");
    const readable = networks.items().flatMap((network) => readableNetwork(network, allow));
    return { networks: networks.present ? readable : null, allow, invalid: thrown.message };
  }
}

/** A hole that can't be read: nothing of the network is let out, or all of it is denied. */
function readableNetwork(network: Field, allow: boolean): NetworkRange[] {
  const net = readCidr(network.at("cidr"));
  const except = network.at("except").items().map(readCidr);
  if (net === null || (allow && except.includes(null))) return [];
  return [{ net, except: except.filter((hole) => hole !== null) }];
}
