/** What a port accepts and from whom: the form that decisions are made on. */
import type { Labels } from "#lib/metrics/registry.ts";
import type { Cidr } from "#lib/net-addr.ts";
import type { InboundProtocol } from "../inbound/ports.ts";
import type { FilterChain } from "../route/filter.ts";
import type { RouteMatchers } from "../route/match.ts";
import type { RateLimit } from "./rate-limit.ts";
import type { TokenCheck } from "./token-check.ts";

/** Where a policy, route or authorization comes from. Built-in ones have kind "default" and an empty group. */
export interface Origin {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  /** Of a resource that has one. */
  readonly namespace?: string;
}

export interface NetworkMatch {
  readonly net: Cidr;
  readonly except: readonly Cidr[];
}

/** Which peers an authorization permits. */
export type ClientMatch =
  /** Anybody, with or without TLS. */
  | { readonly kind: "any" }
  /** TLS of the mesh; who the client is does not matter. */
  | { readonly kind: "tls" }
  /** Mutual TLS of the mesh with any identity. */
  | { readonly kind: "meshed" }
  /** One of these identities, or one that ends in "." and one of these suffixes; an empty suffix is any identity. */
  | { readonly kind: "identities"; readonly identities: ReadonlySet<string>; readonly suffixes: readonly string[] };

export interface Authorization {
  readonly networks: readonly NetworkMatch[];
  readonly clients: ClientMatch;
  readonly origin: Origin;
  /** Only for requests with such a token, and for no connection; absent: no token is needed. */
  readonly token?: TokenCheck;
}

export interface InboundRoute {
  readonly origin: Origin;
  readonly match: RouteMatchers;
  /** Besides those of the server. */
  readonly authorizations: readonly Authorization[];
  /** Null: none. */
  readonly filters: FilterChain | null;
}

export interface ServerPolicy {
  readonly protocol: InboundProtocol;
  /** ms */
  readonly detectTimeout: number;
  /** Any of them is enough. */
  readonly authorizations: readonly Authorization[];
  /** Null: every request is of the one built-in route. */
  readonly routes: readonly InboundRoute[] | null;
  /** Of HTTP requests; null: no limit. */
  readonly rateLimit: RateLimit | null;
  readonly origin: Origin;
  /** Whoever one of them is about is refused, whatever permits it; absent: none. */
  readonly denials?: readonly Authorization[];
}

/** Labels of an origin, e.g. originLabels("srv", …) → srv_group, srv_kind, srv_name. */
export function originLabels(prefix: "srv" | "route" | "authz", origin: Origin): Labels {
  return { [`${prefix}_group`]: origin.group, [`${prefix}_kind`]: origin.kind, [`${prefix}_name`]: origin.name };
}

/** A resource as the labels of telemetry have it. */
export interface ResourceRef {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly port: string;
  readonly section: string;
}

/** The same for the labels of routes, which say the namespace too. */
export function resourceOf({ group, kind, name, namespace }: Origin, port = ""): ResourceRef {
  return { group, kind, namespace: namespace ?? "", name, port, section: "" };
}

export const builtIn = (name: string): Origin => ({ group: "", kind: "default", name });
