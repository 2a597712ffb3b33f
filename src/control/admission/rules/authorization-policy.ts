import type { Rule } from "../rule.ts";
import { isKind, kindName, kindOf, kinds } from "./reference.ts";

const targets = [kinds.server, kinds.policyHttpRoute, kinds.httpRoute, kinds.grpcRoute, kinds.namespace];

/** AuthorizationPolicy (policy.linkerd.io): a target, and what clients must prove; all of it. */
export const checkAuthorizationPolicy: Rule = ({ namespace, spec }) => {
  const target = spec.at("targetRef").required();
  const targetKind = kindOf(target);
  if (target.object()) {
    if (!targets.some((kind) => isKind(targetKind, kind))) {
      target.problem(`${kindName(targetKind)} can't be a target; use a Server, HTTPRoute, GRPCRoute or Namespace`);
    }
    const name = target.at("name").required().text();
    if (isKind(targetKind, kinds.namespace) && name !== null && name !== namespace) {
      target.at("name").problem(`another namespace can't be a target; use "${namespace}"`);
    }
  }
  const references = spec.at("requiredAuthenticationRefs").required();
  let identities = 0;
  let accounts = 0;
  let networks = 0;
  let tokens = 0;
  for (const reference of references.items()) {
    const kind = kindOf(reference);
    reference.at("name").required().text();
    reference.at("namespace").text();
    if (isKind(kind, kinds.meshTlsAuthentication)) identities++;
    else if (isKind(kind, kinds.serviceAccount)) accounts++;
    else if (isKind(kind, kinds.networkAuthentication)) networks++;
    else if (isKind(kind, kinds.jwtAuthentication)) tokens++;
    else {
      reference.problem(
        `${kindName(kind)} proves nothing; use a MeshTLSAuthentication, NetworkAuthentication, JWTAuthentication or ServiceAccount`,
      );
    }
  }
  if (identities > 1) references.problem("at most one MeshTLSAuthentication is possible");
  if (accounts > 1)
    references.problem("at most one ServiceAccount is possible; name several in a MeshTLSAuthentication");
  if (identities > 0 && accounts > 0) {
    references.warning("a client must be the ServiceAccount and also satisfy the MeshTLSAuthentication");
  }
  if (tokens > 1) references.problem("at most one JWTAuthentication is possible");
  if (networks > 1) references.problem("at most one NetworkAuthentication is possible");
};
