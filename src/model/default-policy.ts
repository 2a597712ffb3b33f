/** What a port admits where no Server selects it: who may connect, and whether a mesh identity is needed. */
export const defaultPolicies = [
  "all-unauthenticated",
  "all-authenticated",
  "cluster-unauthenticated",
  "cluster-authenticated",
  "deny",
  /** Lets everybody in; proxies count and log whom "deny" would have refused. */
  "audit",
] as const;

export type DefaultPolicyName = (typeof defaultPolicies)[number];
