import type { Rule } from "../rule.ts";
import { checkBackends, checkHosts, checkParents, concernsUs } from "./route-parts.ts";

/** TCPRoute and TLSRoute (gateway.networking.k8s.io): a connection has one way to go. */
export const checkStreamRoute: Rule = (subject) => {
  if (!concernsUs(subject)) return;
  checkParents(subject);
  checkHosts(subject);
  const rules = subject.spec.at("rules").required();
  const list = rules.items();
  if (rules.present && list.length !== 1) rules.problem(`exactly one rule is possible, not ${list.length}`);
  for (const rule of rules.objects()) checkBackends(rule);
};
