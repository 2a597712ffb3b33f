/** Who may use a Server or route: ServerAuthorizations and AuthorizationPolicies with the authentications that they name. */
import { matchesLabels } from "#model/label-selector.ts";
import { serviceAccountIdentity, type TrustScope } from "#model/identity.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Track } from "../index/derivations.ts";
import type { AuthorizationPolicyRecord } from "../index/policy/authorization-policy.ts";
import { everywhere } from "../index/policy/networks.ts";
import type { RouteRecord } from "../index/policy/route.ts";
import type { ServerAuthorizationRecord } from "../index/policy/server-authorization.ts";
import type { ServerRecord } from "../index/policy/server.ts";
import { identityMatch } from "./identities.ts";
import type { Authorization, ClientMatch, Origin, TokenMatch } from "./inbound-policy.ts";

const group = "policy.linkerd.io";

/** Of a Server: those that name or select it, and those for its whole namespace. */
export function serverAuthorizations(
  index: ClusterIndex,
  scope: TrustScope,
  server: ServerRecord,
  track: Track,
): Authorization[] {
  const { namespace } = server;
  const out: Authorization[] = [];
  for (const record of index.policy.serverAuthorizationsIn(namespace, track)) {
    if (selects(record, server)) out.push(ofServerAuthorization(record, scope));
  }
  for (const policy of index.policy.authorizationPoliciesIn(namespace, track)) {
    const { target } = policy;
    const meant =
      (target.group === group && target.kind === "server" && target.name === server.name) ||
      (target.group === "" && target.kind === "namespace" && target.name === namespace);
    const authorization = meant ? ofPolicy(index, scope, policy, track) : null;
    if (authorization !== null) out.push(authorization);
  }
  return out;
}

/** Of a route, besides those of its Server. */
export function routeAuthorizations(
  index: ClusterIndex,
  scope: TrustScope,
  route: RouteRecord,
  track: Track,
): Authorization[] {
  const out: Authorization[] = [];
  for (const policy of index.policy.authorizationPoliciesIn(route.namespace, track)) {
    const { target } = policy;
    if (target.group !== route.group || target.kind !== route.kind.toLowerCase() || target.name !== route.name)
      continue;
    const authorization = ofPolicy(index, scope, policy, track);
    if (authorization !== null) out.push(authorization);
  }
  return out;
}

function selects({ server }: ServerAuthorizationRecord, { name, labels }: ServerRecord): boolean {
  return "name" in server ? server.name === name : matchesLabels(server.selector, labels);
}

function ofServerAuthorization(
  { name, networks, clients }: ServerAuthorizationRecord,
  scope: TrustScope,
): Authorization {
  const origin: Origin = { group, kind: "serverauthorization", name };
  return {
    networks,
    clients: clients.kind === "identities" ? identityMatch(clients.identities, scope) : clients,
    origin,
  };
}

/** Null when it names an authentication that is not there: what can't be checked permits nobody. */
function ofPolicy(
  index: ClusterIndex,
  scope: TrustScope,
  policy: AuthorizationPolicyRecord,
  track: Track,
): Authorization | null {
  let networks = everywhere;
  let identities: ClientMatch | null = null;
  let account: string | null = null;
  let token: TokenMatch | null = null;
  for (const { kind, namespace, name } of policy.authentications) {
    switch (kind) {
      case "networkauthentication": {
        const found = index.policy.networkAuthentication(namespace, name, track);
        if (found === undefined) return null;
        networks = found.networks;
        break;
      }
      case "meshtlsauthentication": {
        const found = index.policy.meshTlsAuthentication(namespace, name, track);
        if (found === undefined) return null;
        identities = identityMatch(found.identities, scope);
        break;
      }
      case "jwtauthentication": {
        const found = index.policy.jwtAuthentication(namespace, name, track);
        if (found === undefined) return null;
        const { issuer, audiences, claims, keys } = found;
        const keySet = keys.kind === "inline" ? keys.keySet : index.policy.keySets.get(keys.uri, track);
        token = { issuer, audiences, claims, keySet };
        break;
      }
      case "serviceaccount":
        account = serviceAccountIdentity(name, namespace, scope);
        break;
      default:
        return null;
    }
  }
  const origin = { group, kind: "authorizationpolicy", name: policy.name };
  return { networks, clients: bothOf(identities, account), origin, ...(token === null ? {} : { token }) };
}

/** Who satisfies both; null: nothing is asked. */
function bothOf(identities: ClientMatch | null, account: string | null): ClientMatch {
  if (account === null) return identities ?? { kind: "any" };
  const only: ClientMatch = { kind: "identities", names: [account], suffixes: [] };
  if (identities === null || identities.kind !== "identities") return only;
  const { names, suffixes } = identities;
  const fits = names.includes(account) || suffixes.some((suffix) => suffix === "" || account.endsWith(`.${suffix}`));
  return fits ? only : { ...only, names: [] };
}
