import type { Rule } from "../rule.ts";
import { checkNetworks } from "./networks.ts";

/** NetworkAuthentication (policy.linkerd.io): where clients are. */
export const checkNetworkAuthentication: Rule = ({ spec }) => {
  const networks = spec.at("networks").required();
  if (networks.present && networks.items().length === 0) networks.problem("at least one network is needed");
  checkNetworks(networks);
};
