import type { Rule } from "../rule.ts";
import { checkIdentity } from "./identity-name.ts";
import { checkNetworks } from "./networks.ts";
import { isKind, kindName, kindOf, kinds } from "./reference.ts";

/** DenyPolicy (policy.linkerd-ts.dev): one entry of `clients` is enough, of an entry everything must hold. */
export const checkDenyPolicy: Rule = ({ namespace, spec }) => {
  spec.object(["targetRef", "clients"]);
  const target = spec.at("targetRef").required();
  if (target.object()) {
    const kind = kindOf(target);
    const name = target.at("name").required().text();
    if (isKind(kind, kinds.namespace)) {
      if (name !== null && name !== namespace) {
        target.at("name").problem(`another namespace can't be a target; use "${namespace}"`);
      }
    } else if (!isKind(kind, kinds.server)) {
      target.problem(`${kindName(kind)} can't be a target; use a Server or Namespace`);
    }
  }
  const clients = spec.at("clients").required();
  if (clients.present && clients.items().length === 0) clients.problem("is empty");
  for (const client of clients.objects()) {
    client.object(["identities", "serviceAccounts", "networks"]);
    for (const list of ["identities", "serviceAccounts", "networks"].map((key) => client.at(key))) {
      if (list.present && list.items().length === 0) list.problem("is empty");
    }
    for (const identity of client.at("identities").items()) checkIdentity(identity, "spiffe-too");
    for (const account of client.at("serviceAccounts").objects()) {
      account.at("name").required().text();
      account.at("namespace").text();
    }
    checkNetworks(client.at("networks"));
  }
};
