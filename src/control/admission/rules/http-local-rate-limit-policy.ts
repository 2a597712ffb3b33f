import type { Field } from "../field.ts";
import type { Rule } from "../rule.ts";
import { isKind, kindName, kindOf, kinds } from "./reference.ts";

/** HTTPLocalRateLimitPolicy (policy.linkerd.io): requests per second that each proxy of a Server takes. */
export const checkHttpLocalRateLimitPolicy: Rule = ({ spec }) => {
  const target = spec.at("targetRef").required();
  if (target.object()) {
    const kind = kindOf(target);
    if (!isKind(kind, kinds.server)) target.problem(`${kindName(kind)} can't be a target; use a Server`);
    target.at("name").required().text();
  }
  const total = rate(spec.at("total"));
  const identity = rate(spec.at("identity"));
  if (total !== null && identity !== null && identity > total) {
    spec.at("identity").problem(`${identity} requests per second are more than the total of ${total}`);
  }
  for (const override of spec.at("overrides").items()) {
    const own = rate(override);
    if (total !== null && own !== null && own > total) {
      override.problem(`${own} requests per second are more than the total of ${total}`);
    }
    for (const reference of override.at("clientRefs").required().items()) {
      const kind = kindOf(reference);
      if (!isKind(kind, kinds.serviceAccount)) {
        reference.problem(`${kindName(kind)} is no client; use a ServiceAccount`);
      }
      reference.at("name").required().text();
    }
  }
};

/** Null when there is none, or none that can be read. */
export function rate(limit: Field): number | null {
  if (!limit.object()) return null;
  return limit.at("requestsPerSecond").required().integer(1, 0xffff_ffff);
}
