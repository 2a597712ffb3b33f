/** What a workload's port accepts and from whom: the domain form, before it becomes messages. */
import type { NetworkRange } from "../index/policy/networks.ts";
import type { GrpcMatch, HttpMatch } from "../index/policy/route.ts";
import type { RouteFilter } from "../index/policy/route-filter.ts";

/** Where a policy, route or authorization comes from; ends up in metric labels. Built-in ones have kind "default". */
export interface Origin {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

export const builtIn = (name: string): Origin => ({ group: "", kind: "default", name });

export type NetworkMatch = NetworkRange;

export type ClientMatch =
  /** Anybody, with or without TLS. */
  | { readonly kind: "any" }
  /** TLS of the mesh; who the client is does not matter. */
  | { readonly kind: "any-tls" }
  /** Mutual TLS of the mesh, whoever it is. */
  | { readonly kind: "any-identity" }
  /** One of the names, or one that ends in "." and one of the suffixes; "" is every name. None at all: nobody. */
  | { readonly kind: "identities"; readonly names: readonly string[]; readonly suffixes: readonly string[] };

export interface Authorization {
  readonly networks: readonly NetworkMatch[];
  readonly clients: ClientMatch;
  readonly origin: Origin;
  /** Only requests that bring such a token; absent: none is needed. */
  readonly token?: TokenMatch;
}

export interface TokenMatch {
  readonly issuer: string;
  /** One of them is enough. */
  readonly audiences: readonly string[];
  /** All of them; of each one value is enough. */
  readonly claims: ReadonlyArray<{ readonly name: string; readonly values: readonly string[] }>;
  /** The issuer's JSON Web Key Set; "": it is not available. */
  readonly keySet: string;
}

export interface InboundRule<M> {
  readonly matches: readonly M[];
  readonly filters: readonly RouteFilter[];
}

export interface InboundRoute<M> {
  readonly origin: Origin;
  /** "*.example.com" or whole names; empty: any host. */
  readonly hosts: readonly string[];
  /** Besides those of the server. */
  readonly authorizations: readonly Authorization[];
  readonly rules: ReadonlyArray<InboundRule<M>>;
}

export type InboundProtocol =
  /** `timeout` in ms, after which a connection counts as opaque. */
  | {
      readonly kind: "detect";
      readonly timeout: number;
      readonly routes: ReadonlyArray<InboundRoute<HttpMatch>>;
    }
  | { readonly kind: "http1" | "http2"; readonly routes: ReadonlyArray<InboundRoute<HttpMatch>> }
  | { readonly kind: "grpc"; readonly routes: ReadonlyArray<InboundRoute<GrpcMatch>> }
  | { readonly kind: "opaque" }
  /** TLS of the application, passed through. */
  | { readonly kind: "tls" };

/** Requests per second of each proxy; null: no limit. */
export interface RateLimit {
  readonly origin: Origin;
  readonly total: number | null;
  readonly identity: number | null;
  readonly overrides: ReadonlyArray<{ readonly limit: number; readonly names: readonly string[] }>;
}

export interface InboundPolicy {
  readonly origin: Origin;
  readonly protocol: InboundProtocol;
  /** Own addresses of the workload. */
  readonly serverIps: readonly string[];
  /** Any is enough; none: nobody may connect. */
  readonly authorizations: readonly Authorization[];
  readonly rateLimit: RateLimit | null;
  /** Win over all authorizations; absent: none. */
  readonly denials?: readonly Authorization[];
}
