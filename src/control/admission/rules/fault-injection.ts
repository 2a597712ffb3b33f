import type { Field } from "../field.ts";
import { maxFaultDelay } from "../../policy/outbound/fault.ts";
import type { Rule } from "../rule.ts";
import { isKind, kindName, kindOf, kinds } from "./reference.ts";
import { checkHeaderName, readDuration } from "./route-parts.ts";

const targets = [kinds.service, kinds.httpRoute, kinds.grpcRoute, kinds.policyHttpRoute];

/** What the group of a target is where none is written: routes of the Gateway API are meant, and not Linkerd's own older ones. */
export function faultTarget(target: Field) {
  const written = target.at("group").text();
  const found = kindOf(target);
  return written === null && found.kind.toLowerCase() === "httproute" ? kinds.httpRoute : found;
}

/** FaultInjection (policy.linkerd-ts.dev): without its gate or share a fault would hit everybody, so nothing may be unclear. */
export const checkFaultInjection: Rule = ({ spec }) => {
  spec.object(["targetRef", "header", "percent", "delay", "bytesPerSecond", "abort", "reset"]);
  const target = spec.at("targetRef").required();
  if (target.object()) {
    const kind = faultTarget(target);
    if (!targets.some((known) => isKind(kind, known))) {
      target.problem(`${kindName(kind)} can't be a target; use a Service, HTTPRoute or GRPCRoute`);
    }
    target.at("name").required().text();
  }
  const header = spec.at("header");
  if (header.object()) {
    checkHeaderName(header.at("name"));
    const value = header.at("value").required().text();
    if (value !== null && !/^[ -~]{0,256}$/.test(value)) header.at("value").problem("is not printable ASCII up to 256");
  }
  const { value: percent } = spec.at("percent");
  if (spec.at("percent").present && !(typeof percent === "number" && percent >= 0 && percent <= 100)) {
    spec.at("percent").problem(`${JSON.stringify(percent)} is not a number from 0 to 100`);
  }
  const delay = readDuration(spec.at("delay"));
  if (delay !== null && delay > maxFaultDelay) spec.at("delay").problem("is longer than an hour");
  spec.at("bytesPerSecond").integer(1, 0xffff_ffff);
  const abort = spec.at("abort");
  if (abort.object(["httpStatus", "grpcStatus"])) {
    abort.at("httpStatus").integer(200, 599);
    abort.at("grpcStatus").integer(1, 16);
  }
  const reset = spec.at("reset").boolean() === true;
  if (reset && abort.present) spec.problem("abort and reset exclude each other");
  if (!reset && !abort.present && !spec.at("delay").present && !spec.at("bytesPerSecond").present) {
    spec.problem("one of abort, reset, delay and bytesPerSecond is needed");
  }
};
