import type { Field } from "../field.ts";
import type { Rule } from "../rule.ts";
import {
  checkBackends,
  checkHeaderChanges,
  checkHeaderName,
  checkHosts,
  checkMirror,
  checkParents,
  checkValueMatch,
  concernsUs,
} from "./route-parts.ts";
import { checkRouteAnnotations } from "./traffic-annotations.ts";

/** GRPCRoute (gateway.networking.k8s.io). */
export const checkGrpcRoute: Rule = (subject) => {
  if (!concernsUs(subject)) return;
  checkRouteAnnotations(subject.metadata);
  checkParents(subject);
  checkHosts(subject);
  for (const rule of subject.spec.at("rules").objects()) {
    for (const match of rule.at("matches").objects()) checkGrpcMatch(match);
    checkFilters(rule.at("filters"));
    checkBackends(rule, checkFilters);
  }
};

/** gRPC's full names, e.g. "helloworld.Greeter" and "SayHello". */
const serviceName = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/;
const methodName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** One of a rule's matches. */
export function checkGrpcMatch(match: Field): void {
  const method = match.at("method");
  if (method.object()) {
    const type = method.at("type").oneOf(["Exact", "RegularExpression"]) ?? "Exact";
    const names = [
      [method.at("service"), serviceName],
      [method.at("method"), methodName],
    ] as const;
    if (names.every(([field]) => !field.present)) method.problem('"service" or "method" is needed');
    for (const [field, form] of names) {
      if (type === "RegularExpression") {
        field.pattern();
        continue;
      }
      const text = field.text();
      if (text !== null && !form.test(text)) field.problem(`"${text}" is not a gRPC name`);
    }
  }
  for (const header of match.at("headers").objects()) {
    checkHeaderName(header.at("name"));
    checkValueMatch(header);
  }
}

function checkFilters(filters: Field): void {
  for (const filter of filters.objects()) {
    filter.at("type").required().text();
    checkHeaderChanges(filter.at("requestHeaderModifier"));
    checkHeaderChanges(filter.at("responseHeaderModifier"));
    checkMirror(filter.at("requestMirror"));
  }
}
