/** Whatever a port's policy says: without one of its authorizations, or with a denial more, nobody gets in who did not before. */
import { expect, test } from "bun:test";
import { array, assert, constant, constantFrom, nat, oneof, property, record, type Arbitrary } from "fast-check";
import { parseCidr, parseIp } from "#lib/net-addr.ts";
import type { ClientTls } from "../inbound/ports.ts";
import { requestOf } from "../explain.ts";
import { findRoute, type RouteMatchers } from "../route/match.ts";
import { findAuthorization, isDenied, type Client } from "./authorize.ts";
import {
  builtIn,
  type Authorization,
  type ClientMatch,
  type InboundRoute,
  type NetworkMatch,
} from "./server-policy.ts";

const id = (account: string): string => `${account}.web.serviceaccount.identity.linkerd.cluster.local`;
const tls: readonly ClientTls[] = [
  { kind: "none", reason: "no_tls_from_remote" },
  { kind: "anonymous" } as ClientTls,
  ...["a", "b"].map((account): ClientTls => ({ kind: "meshed", clientId: id(account) })),
  { kind: "meshed", clientId: "evil.example" },
];
const clients: readonly Client[] = ["10.0.0.1", "10.1.0.1", "192.0.2.1", "fd00::1"].flatMap((ip) =>
  tls.map((proof) => ({ ip: parseIp(ip) ?? new Uint8Array(4), tls: proof })),
);
const heads = ["/", "/a", "/a/b", "/b", "/%61", "/x/../a"].map((path) =>
  requestOf({ method: "GET", path, host: "web", headers: [] }),
);

const networks: readonly NetworkMatch[] = [
  { net: parseCidr("0.0.0.0/0"), except: [] },
  { net: parseCidr("::/0"), except: [] },
  { net: parseCidr("10.0.0.0/8"), except: [parseCidr("10.1.0.0/16")] },
  { net: parseCidr("192.0.2.1/32"), except: [] },
];
const who: Arbitrary<ClientMatch> = oneof(
  constantFrom<ClientMatch>({ kind: "any" }, { kind: "tls" }, { kind: "meshed" }),
  record({
    kind: constant("identities" as const),
    identities: array(constantFrom(id("a"), id("b"), "evil.example"), { maxLength: 2 }).map((list) => new Set(list)),
    suffixes: array(constantFrom("", "web.serviceaccount.identity.linkerd.cluster.local", "example"), { maxLength: 1 }),
  }),
);
const authorization: Arbitrary<Authorization> = record({
  networks: array(constantFrom(...networks), { maxLength: 2 }),
  clients: who,
  origin: constant(builtIn("x")),
});
const authorizations = array(authorization, { maxLength: 3 });
const routes: Arbitrary<readonly InboundRoute[] | null> = oneof(
  constant(null),
  array(
    record({
      origin: constant(builtIn("r")),
      match: constantFrom("/", "/a", "/b").map((path): RouteMatchers => ({
        hosts: [],
        requests: [{ path: { kind: "prefix", path }, method: null, headers: [], query: [] }],
      })),
      authorizations,
      filters: constant(null),
    }),
    { maxLength: 3 },
  ),
);
const policies = record({ authorizations, routes, denials: array(authorization, { maxLength: 2 }) });

interface Policy {
  readonly authorizations: readonly Authorization[];
  readonly routes: readonly InboundRoute[] | null;
  readonly denials: readonly Authorization[];
}

/** Who gets through with what, as text. */
function admitted({ authorizations, routes, denials }: Policy): Set<string> {
  const out = new Set<string>();
  for (const [who, client] of clients.entries()) {
    if (isDenied(client, { denials })) continue;
    if (findAuthorization(client, authorizations) !== null) out.add(`${who} connects`);
    for (const head of heads) {
      const route = routes === null ? null : findRoute(routes, head);
      if (routes !== null && route === null) continue;
      const all = [...authorizations, ...(route?.authorizations ?? [])];
      if (findAuthorization(client, all) !== null) out.add(`${who} ${head.path}`);
    }
  }
  return out;
}

const without = <T>(list: readonly T[], at: number): T[] => list.filter((_, index) => index !== at % list.length);

/** The policy without one authorization, of the port or of a route; itself where there is none. */
function fewer(policy: Policy, at: number): Policy {
  const { authorizations, routes } = policy;
  if (at % 2 === 0 || routes === null || routes.length === 0) {
    return { ...policy, authorizations: without(authorizations, at >> 1) };
  }
  const chosen = (at >> 1) % routes.length;
  return {
    ...policy,
    routes: routes.map((route, index) =>
      index === chosen ? { ...route, authorizations: without(route.authorizations, at >> 4) } : route,
    ),
  };
}

test("removing an authorization never admits more, nor does a denial more", () => {
  let some = 0;
  let taken = 0;
  assert(
    property(policies, nat(), authorization, (policy, at, denial) => {
      const before = admitted(policy);
      const after = admitted(fewer(policy, at));
      const denied = admitted({ ...policy, denials: [...policy.denials, denial] });
      some += before.size;
      taken += before.size - after.size;
      expect([...after].filter((entry) => !before.has(entry))).toEqual([]);
      expect([...denied].filter((entry) => !before.has(entry))).toEqual([]);
      for (const [who, client] of clients.entries()) {
        if (!isDenied(client, { denials: [denial] })) continue;
        expect([...denied].filter((entry) => entry.startsWith(`${who} `))).toEqual([]);
      }
    }),
    { numRuns: 300 },
  );
  // It must have been about something.
  expect(some).toBeGreaterThan(1000);
  expect(taken).toBeGreaterThan(100);
});
