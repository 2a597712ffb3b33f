/** What a workload's port accepts and from whom: the domain form, before it becomes messages. */
import type { Cidr } from "#lib/net-addr.ts";

/** Where a policy, route or authorization comes from; ends up in metric labels. Built-in ones have kind "default". */
export interface Origin {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

export const builtIn = (name: string): Origin => ({ group: "", kind: "default", name });

export interface NetworkMatch {
  readonly net: Cidr;
  readonly except: readonly Cidr[];
}

export type ClientMatch =
  /** Anybody, with or without TLS. */
  | { readonly kind: "any" }
  /** Mutual TLS of the mesh, whoever it is. */
  | { readonly kind: "any-identity" };

export interface Authorization {
  readonly networks: readonly NetworkMatch[];
  readonly clients: ClientMatch;
  readonly origin: Origin;
}

export interface InboundRoute {
  readonly origin: Origin;
  /** Besides those of the server. */
  readonly authorizations: readonly Authorization[];
  /** Exact paths for GET; empty: every request. */
  readonly getPaths: readonly string[];
}

export type InboundProtocol =
  /** `timeout` in ms, after which a connection counts as opaque. */
  { readonly kind: "detect"; readonly timeout: number } | { readonly kind: "opaque" };

export interface InboundPolicy {
  readonly origin: Origin;
  readonly protocol: InboundProtocol;
  /** Own addresses of the workload. */
  readonly serverIps: readonly string[];
  /** Any is enough; none: nobody may connect. */
  readonly authorizations: readonly Authorization[];
  readonly routes: readonly InboundRoute[];
}
