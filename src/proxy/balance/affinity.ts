/** By what requests that belong together are known, and where they go. Pure. */
import { header, type RequestHead } from "#wire/http1/head.ts";
import type { BalancedEndpoint } from "./endpoint.ts";

export type Affinity =
  | { readonly kind: "header"; /** In lower case. */ readonly name: string }
  | { readonly kind: "cookie"; readonly name: string }
  /** The client's address. */
  | { readonly kind: "source" };

/** Of a request that belongs to no other. */
export const noKey = 0;

/** What of a key counts, characters: a client writes it, and it is read for every request. */
const maxKey = 256;

/** @param source the client's address */
export function affinityKey(affinity: Affinity, head: RequestHead | null, source: string): number {
  switch (affinity.kind) {
    case "source":
      return hashOf(source);
    case "header":
      return hashOf((head === null ? null : header(head.headers, affinity.name)) ?? "");
    case "cookie":
      return hashOf((head === null ? null : cookie(head, affinity.name)) ?? "");
  }
}

/** The first cookie of that name (RFC 6265 §5.4); over HTTP/2 there may be several fields. */
function cookie(head: RequestHead, name: string): string | null {
  const { headers } = head;
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] !== "cookie") continue;
    for (const pair of (headers[at + 1] ?? "").split(";", 100)) {
      const equals = pair.indexOf("=");
      if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
    }
  }
  return null;
}

/** FNV-1a; never {@link noKey} but for the empty text. */
export function hashOf(text: string): number {
  if (text === "") return noKey;
  const end = Math.min(text.length, maxKey);
  let hash = 0x811c9dc5;
  for (let at = 0; at < end; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0 || 1;
}

/** Spreads a hash over all of its 32 bits (the finalizer of MurmurHash3). */
export function mixed(hash: number): number {
  let mix = hash ^ (hash >>> 16);
  mix = Math.imul(mix, 0x85ebca6b);
  mix ^= mix >>> 13;
  mix = Math.imul(mix, 0xc2b2ae35);
  return (mix ^ (mix >>> 16)) >>> 0;
}

/**
 * The endpoint of a key: each gives the key a rank, the highest wins (rendezvous hashing), so that an endpoint that comes or goes
 * moves only the keys that it gets or had. All proxies agree. Costs a few ns per endpoint.
 *
 * `even`: all weigh the same.
 */
export function endpointOfKey(
  endpoints: readonly BalancedEndpoint[],
  key: number,
  even: boolean,
): BalancedEndpoint | null {
  let best: BalancedEndpoint | null = null;
  let most = Number.NEGATIVE_INFINITY;
  for (const endpoint of endpoints) {
    const draw = mixed(key ^ endpoint.seed);
    // Weighted: https://www.ietf.org/archive/id/draft-ietf-bess-weighted-hrw-00.html. The order is the same where all weigh the same.
    const rank = even ? draw : endpoint.weighed / -Math.log((draw + 0.5) / 4_294_967_296);
    if (rank > most) {
      most = rank;
      best = endpoint;
    }
  }
  return best;
}
