import type { Rule } from "../rule.ts";
import { checkIdentity } from "./identity-name.ts";
import { isKind, kindName, kindOf, kinds } from "./reference.ts";

/** MeshTLSAuthentication (policy.linkerd.io): who clients are, by name or by reference. */
export const checkMeshTlsAuthentication: Rule = ({ spec }) => {
  const identities = spec.at("identities");
  const references = spec.at("identityRefs");
  if (identities.present === references.present) {
    spec.problem('exactly one of "identities" and "identityRefs" is needed');
  }
  for (const list of [identities, references]) {
    if (list.present && list.items().length === 0) list.problem("is empty");
  }
  for (const identity of identities.items()) checkIdentity(identity, "spiffe-too");
  for (const reference of references.items()) {
    const kind = kindOf(reference);
    if (isKind(kind, kinds.namespace)) {
      if (reference.at("namespace").present) {
        reference.at("namespace").problem("a reference to a Namespace has no namespace");
      }
    } else if (!isKind(kind, kinds.serviceAccount)) {
      reference.problem(`${kindName(kind)} is no identity; use a ServiceAccount or a Namespace`);
    }
    reference.at("name").required().text();
    reference.at("namespace").text();
  }
};
