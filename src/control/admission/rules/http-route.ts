/** HTTPRoute, of policy.linkerd.io and of gateway.networking.k8s.io. */
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
  isToken,
  readDuration,
} from "./route-parts.ts";
import { checkRouteAnnotations } from "./traffic-annotations.ts";

export const checkHttpRoute: Rule = (subject) => {
  if (!concernsUs(subject)) return;
  checkRouteAnnotations(subject.metadata);
  checkParents(subject);
  checkHosts(subject);
  for (const rule of subject.spec.at("rules").objects()) {
    for (const match of rule.at("matches").objects()) checkHttpMatch(match);
    checkFilters(rule.at("filters"));
    checkBackends(rule, checkFilters);
    checkTimeouts(rule.at("timeouts"));
  }
};

/** One of a rule's matches. */
export function checkHttpMatch(match: Field): void {
  const path = match.at("path");
  if (path.object()) {
    const type = path.at("type").oneOf(["Exact", "PathPrefix", "RegularExpression"]) ?? "PathPrefix";
    const value = path.at("value");
    if (type === "RegularExpression") value.pattern();
    else checkAbsolute(value);
  }
  for (const header of match.at("headers").objects()) {
    checkHeaderName(header.at("name"));
    checkValueMatch(header);
  }
  for (const parameter of match.at("queryParams").objects()) {
    parameter.at("name").required().text();
    checkValueMatch(parameter);
  }
  const method = match.at("method").text();
  if (method !== null && !isToken(method)) match.at("method").problem(`"${method}" is not a method`);
}

function checkAbsolute(path: Field): void {
  const text = path.text();
  if (text !== null && !text.startsWith("/")) path.problem(`"${text}" does not begin with "/"`);
}

function checkFilters(filters: Field): void {
  for (const filter of filters.objects()) {
    filter.at("type").required().text();
    checkHeaderChanges(filter.at("requestHeaderModifier"));
    checkHeaderChanges(filter.at("responseHeaderModifier"));
    const redirect = filter.at("requestRedirect");
    if (redirect.object()) {
      checkPathChange(redirect.at("path"));
      redirect.at("scheme").text();
      redirect.at("hostname").text();
      redirect.at("port").integer(1, 65535);
      redirect.at("statusCode").integer(300, 399);
    }
    const rewrite = filter.at("urlRewrite");
    if (rewrite.object()) {
      rewrite.at("hostname").text();
      checkPathChange(rewrite.at("path"));
    }
    checkMirror(filter.at("requestMirror"));
  }
}

function checkPathChange(path: Field): void {
  if (!path.object()) return;
  path.at("type").text();
  checkAbsolute(path.at("replaceFullPath"));
  checkAbsolute(path.at("replacePrefixMatch"));
}

function checkTimeouts(timeouts: Field): void {
  if (!timeouts.object()) return;
  const request = readDuration(timeouts.at("request"));
  const backend = readDuration(timeouts.at("backendRequest"));
  // A request timeout of 0 means none.
  if (request !== null && backend !== null && request > 0 && backend > request) {
    timeouts.at("backendRequest").problem("is longer than the timeout of the whole request");
  }
}
