import type { Rule } from "../rule.ts";
import { checkNetworks } from "./networks.ts";

/** EgressNetwork (policy.linkerd.io): addresses outside of the cluster. */
export const checkEgressNetwork: Rule = ({ spec }) => {
  spec.at("trafficPolicy").required().oneOf(["Allow", "Deny"]);
  const networks = spec.at("networks");
  if (networks.present && networks.items().length === 0) {
    networks.problem("is empty; leave it out to mean everything outside of the cluster");
  }
  checkNetworks(networks);
};
