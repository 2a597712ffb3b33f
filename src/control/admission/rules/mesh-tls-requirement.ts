import type { Rule } from "../rule.ts";
import { isKind, kindName, kindOf, kinds } from "./reference.ts";

/** MeshTLSRequirement (policy.linkerd-ts.dev): a Service, or the own namespace with all that is in it. */
export const checkMeshTlsRequirement: Rule = ({ namespace, spec }) => {
  spec.object(["targetRef"]);
  const target = spec.at("targetRef").required();
  if (!target.object()) return;
  const kind = kindOf(target);
  const name = target.at("name").required().text();
  if (isKind(kind, kinds.namespace)) {
    if (name !== null && name !== namespace) {
      target.at("name").problem(`another namespace can't be a target; use "${namespace}"`);
    }
  } else if (!isKind(kind, kinds.service)) {
    target.problem(`${kindName(kind)} can't be a target; use a Service or Namespace`);
  }
};
