/** The six policies that apply where no Server resource does. */
import { MeshError } from "#lib/errors.ts";
import type { Cidr } from "#lib/net-addr.ts";
import { defaultPolicies, type DefaultPolicyName } from "#model/default-policy.ts";
import { everywhere } from "../index/policy/networks.ts";
import { type Authorization, builtIn } from "./inbound-policy.ts";

export function isDefaultPolicyName(text: string): text is DefaultPolicyName {
  return defaultPolicies.some((name) => name === text);
}

/** Throws "invalid-argument" with the possible names. */
export function parseDefaultPolicyName(text: string): DefaultPolicyName {
  if (isDefaultPolicyName(text)) return text;
  throw new MeshError(
    "invalid-argument",
    `"${text}" is not a default policy; use one of ${defaultPolicies.join(", ")}`,
  );
}

/** The policy's name says it all: from where, and whether with an identity. */
export function defaultAuthorizations(name: DefaultPolicyName, clusterNetworks: readonly Cidr[]): Authorization[] {
  if (name === "deny") return [];
  const networks = name.startsWith("cluster-") ? clusterNetworks.map((net) => ({ net, except: [] })) : everywhere;
  const clients = name.endsWith("-authenticated") ? ({ kind: "any-identity" } as const) : ({ kind: "any" } as const);
  return [{ networks, clients, origin: builtIn(name) }];
}

/** The same from where, but with an identity: for ports on which one is required. */
export function withIdentity(name: DefaultPolicyName): DefaultPolicyName {
  switch (name) {
    case "all-unauthenticated":
    case "audit":
      return "all-authenticated";
    case "cluster-unauthenticated":
      return "cluster-authenticated";
    case "all-authenticated":
    case "cluster-authenticated":
    case "deny":
      return name;
  }
}
