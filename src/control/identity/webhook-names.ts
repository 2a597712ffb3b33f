import type { TrustScope } from "#model/identity.ts";
import type { TokenOwner } from "./token-review.ts";

/** ServiceAccounts of the control plane, and the webhooks that they serve. */
const servers: Readonly<Record<string, readonly string[]>> = {
  "linkerd-proxy-injector": ["linkerd-proxy-injector"],
  "linkerd-destination": ["linkerd-sp-validator", "linkerd-policy-validator"],
};

/**
 * Names besides its own that a ServiceAccount may have a certificate for: those by which the API server calls the webhooks
 * of the control plane. With them, webhooks need no certificates of their own making.
 */
export function webhookNames({ namespace, serviceAccount }: TokenOwner, scope: TrustScope): readonly string[] {
  if (namespace !== scope.controlPlaneNamespace || !Object.hasOwn(servers, serviceAccount)) return [];
  return (servers[serviceAccount] ?? []).map((service) => `${service}.${namespace}.svc`);
}
