/** ServiceProfile (linkerd.io): strictly, since a field with a typing mistake would have no effect and say nothing. */
import { parseDuration } from "#lib/duration.ts";
import type { Field } from "../field.ts";
import type { Rule } from "../rule.ts";
import { isToken } from "./route-parts.ts";

const label = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
const fullName = new RegExp(`^${label}(\\.${label})*$`);
/** Conditions nest; nobody needs more, and each level costs stack. */
const maxDepth = 32;

export const checkServiceProfile: Rule = ({ name, metadata, spec }) => {
  if (name.length > 253 || !fullName.test(name)) {
    metadata.at("name").problem(`"${name}" is not the full name of a Service`);
  }
  spec.object(["routes", "retryBudget", "dstOverrides", "opaquePorts"]);
  for (const route of spec.at("routes").items()) checkRoute(route);
  checkBudget(spec.at("retryBudget"));
  for (const override of spec.at("dstOverrides").items()) {
    override.object(["authority", "weight"]);
    const authority = override.at("authority").required().text();
    if (authority === "") override.at("authority").problem("is empty");
    checkWeight(override.at("weight").required());
  }
  for (const port of spec.at("opaquePorts").items()) port.text();
};

function checkRoute(route: Field): void {
  route.object(["name", "condition", "responseClasses", "isRetryable", "timeout"]);
  if (route.at("name").required().text() === "") route.at("name").problem("is empty");
  checkRequest(route.at("condition").required(), 0);
  for (const response of route.at("responseClasses").items()) {
    response.object(["condition", "isFailure"]);
    checkResponse(response.at("condition").required(), 0);
    response.at("isFailure").boolean();
  }
  route.at("isRetryable").boolean();
  duration(route.at("timeout"));
}

function checkRequest(match: Field, depth: number): void {
  if (!match.object(["method", "pathRegex", "all", "any", "not"])) return;
  const method = match.at("method").text();
  if (method !== null && !isToken(method)) match.at("method").problem(`"${method}" is not a method`);
  match.at("pathRegex").pattern();
  combined(match, ["method", "pathRegex"], depth, checkRequest);
}

function checkResponse(match: Field, depth: number): void {
  if (!match.object(["status", "all", "any", "not"])) return;
  const status = match.at("status");
  if (status.object(["min", "max"])) {
    const min = status.at("min").integer(100, 599);
    const max = status.at("max").integer(100, 599);
    if (!status.at("min").present && !status.at("max").present) status.problem('"min" or "max" is needed');
    if (min !== null && max !== null && min > max) status.problem(`the range from ${min} to ${max} is empty`);
  }
  combined(match, ["status"], depth, checkResponse);
}

/** The conditions within a condition. */
function combined(
  match: Field,
  own: readonly string[],
  depth: number,
  check: (match: Field, depth: number) => void,
): void {
  if (depth >= maxDepth) {
    match.problem(`conditions are nested more than ${maxDepth} deep`);
    return;
  }
  const combining = ["all", "any", "not"].filter((key) => match.at(key).present);
  if (combining.length > 1) match.problem(`${combining.map((key) => `"${key}"`).join(" and ")} exclude each other`);
  if (combining.length === 0 && !own.some((key) => match.at(key).present)) {
    match.problem(`one of ${[...own, "all", "any", "not"].join(", ")} is needed`);
  }
  for (const list of [match.at("all"), match.at("any")]) {
    for (const item of list.items()) check(item, depth + 1);
  }
  check(match.at("not"), depth + 1);
}

function checkBudget(budget: Field): void {
  if (!budget.object(["retryRatio", "minRetriesPerSecond", "ttl"])) return;
  const ratio = budget.at("retryRatio");
  if (ratio.present && !(typeof ratio.value === "number" && ratio.value >= 0)) {
    ratio.problem(`${JSON.stringify(ratio.value)} is not a number of at least 0`);
  }
  budget.at("minRetriesPerSecond").integer(0, 0x7fff_ffff);
  duration(budget.at("ttl").required());
}

function duration(field: Field): void {
  const text = field.text();
  // The day is not a unit of Go's, which this format is.
  if (text === null || (!text.includes("d") && parseDuration(text) !== null)) return;
  field.problem(`"${text}" is not a duration such as 300ms, 10s or 1m30s`);
}

function checkWeight(weight: Field): void {
  const { value } = weight;
  if (!weight.present || (typeof value === "number" && value >= 0)) return;
  if (typeof value === "string" && /^\d+(\.\d*)?(m|k)?$/.test(value)) return;
  weight.problem(`${JSON.stringify(value)} is not a weight such as 10 or 500m`);
}
