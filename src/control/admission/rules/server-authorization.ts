import type { Rule } from "../rule.ts";
import { checkIdentity } from "./identity-name.ts";
import { checkNetworks } from "./networks.ts";
import { checkSelector } from "./selector.ts";

/** ServerAuthorization (policy.linkerd.io): clients of one or several Servers. */
export const checkServerAuthorization: Rule = ({ spec }) => {
  const server = spec.at("server").required();
  if (server.object() && server.at("name").present === server.at("selector").present) {
    server.problem('exactly one of "name" and "selector" is needed');
  }
  server.at("name").text();
  checkSelector(server.at("selector"));
  const client = spec.at("client").required();
  client.object(["networks", "unauthenticated", "meshTLS"]);
  checkNetworks(client.at("networks"));
  const tls = client.at("meshTLS");
  tls.object(["unauthenticatedTLS", "identities", "serviceAccounts"]);
  if (client.at("unauthenticated").boolean() === true && tls.present) {
    client.problem('"unauthenticated" and "meshTLS" exclude each other');
  }
  const identities = tls.at("identities");
  const accounts = tls.at("serviceAccounts");
  if (tls.at("unauthenticatedTLS").boolean() === true) {
    for (const list of [identities, accounts]) {
      if (list.items().length > 0) list.problem('excludes "unauthenticatedTLS"');
    }
  }
  for (const identity of identities.items()) checkIdentity(identity, "dns-only");
  for (const account of accounts.items()) {
    account.at("name").required().text();
    account.at("namespace").text();
  }
};
