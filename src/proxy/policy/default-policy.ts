/** The policies that need no control plane: what `config.linkerd.io/default-inbound-policy` can name. */
import type { Cidr } from "#lib/net-addr.ts";
import { parseCidr } from "#lib/net-addr.ts";
import type { InboundProtocol } from "../inbound/ports.ts";
import { builtIn, type Authorization, type ServerPolicy } from "./server-policy.ts";

export interface DefaultPolicyOptions {
  readonly name:
    | "all-unauthenticated"
    | "all-authenticated"
    | "cluster-unauthenticated"
    | "cluster-authenticated"
    | "deny"
    | "audit";
  readonly clusterNetworks: readonly Cidr[];
  /** ms */
  readonly detectTimeout: number;
  readonly protocol: InboundProtocol;
}

const everywhere = [parseCidr("0.0.0.0/0"), parseCidr("::/0")];

export function defaultPolicy(options: DefaultPolicyOptions): ServerPolicy {
  const origin = builtIn(options.name);
  const networks = options.name.startsWith("cluster-") ? options.clusterNetworks : everywhere;
  const clients: Authorization["clients"] = { kind: options.name.endsWith("-authenticated") ? "meshed" : "any" };
  const authorization: Authorization = { networks: networks.map((net) => ({ net, except: [] })), clients, origin };
  return {
    protocol: options.protocol,
    detectTimeout: options.detectTimeout,
    authorizations: options.name === "deny" ? [] : [authorization],
    routes: null,
    rateLimit: null,
    origin,
  };
}
