/** What routes of all kinds share: parents, backends, header filters. */
import { parseDuration } from "#lib/duration.ts";
import type { Field } from "../field.ts";
import type { Subject } from "../rule.ts";
import { isKind, type Kind, kindOf, kinds } from "./reference.ts";

const gateway: Kind = { group: "gateway.networking.k8s.io", kind: "Gateway" };
const ourParents = [kinds.service, kinds.server, kinds.egressNetwork];

/** What a parent reference means where it leaves group or kind out. */
function parentKind(parent: Field, group: string): Kind {
  return kindOf(parent, { group, kind: gateway.kind });
}

/**
 * Whether the route is any of our business: one of its parents is, or it has none. Routes of ingress controllers come by too,
 * and their rules are not ours.
 */
export function concernsUs({ spec, group }: Subject): boolean {
  const parents = spec.at("parentRefs").items();
  return parents.length === 0 || parents.some((parent) => isOurs(parentKind(parent, group)));
}

function isOurs(given: Kind): boolean {
  return ourParents.some((kind) => isKind(given, kind));
}

export function checkParents({ spec, group }: Subject): void {
  for (const parent of spec.at("parentRefs").objects()) {
    parent.at("name").required().text();
    parent.at("namespace").text();
    const port = parent.at("port").integer(1, 65535);
    if (isKind(parentKind(parent, group), kinds.egressNetwork) && port === null) {
      parent.problem("an EgressNetwork as a parent needs a port");
    }
  }
}

export function checkHosts({ spec }: Subject): void {
  for (const host of spec.at("hostnames").items()) host.text();
}

/** RequestMirror: https://gateway-api.sigs.k8s.io/reference/spec/#httprequestmirrorfilter */
export function checkMirror(mirror: Field): void {
  if (!mirror.object()) return;
  const backend = mirror.at("backendRef").required();
  if (backend.object()) {
    kindOf(backend, kinds.service);
    backend.at("name").required().text();
    backend.at("namespace").text();
    backend.at("port").integer(1, 65535);
  }
  mirror.at("percent").integer(0, 100);
  const fraction = mirror.at("fraction");
  if (fraction.object()) {
    fraction.at("numerator").required().integer(0, 0x7fff_ffff);
    fraction.at("denominator").integer(1, 0x7fff_ffff);
  }
}

/** `filters`: looks at the filters of one backend. */
export function checkBackends(rule: Field, filters: (list: Field) => void = () => {}): void {
  for (const backend of rule.at("backendRefs").objects()) {
    backend.at("name").required().text();
    backend.at("namespace").text();
    const port = backend.at("port").integer(1, 65535);
    if (isKind(kindOf(backend, kinds.service), kinds.service) && port === null && !backend.at("port").present) {
      backend.problem("a Service as a backend needs a port");
    }
    backend.at("weight").integer(0, 1_000_000);
    filters(backend.at("filters"));
  }
}

/** RFC 9110 §5.6.2. */
const token = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

export function checkHeaderName(name: Field): void {
  const text = name.required().text();
  if (text !== null && !token.test(text)) name.problem(`"${text}" is not a header's name`);
}

export function isToken(text: string): boolean {
  return token.test(text);
}

/** RequestHeaderModifier and ResponseHeaderModifier. */
export function checkHeaderChanges(changes: Field): void {
  if (!changes.object()) return;
  for (const list of ["set", "add"]) {
    for (const header of changes.at(list).objects()) {
      checkHeaderName(header.at("name"));
      const value = header.at("value").required().text();
      if (value !== null && /[\0\r\n]/.test(value)) header.at("value").problem("holds a line break or NUL");
    }
  }
  for (const name of changes.at("remove").items()) checkHeaderName(name);
}

/** A value that is compared as a whole, or a regular expression: `{type, value}`. */
export function checkValueMatch(match: Field): void {
  const type = match.at("type").oneOf(["Exact", "RegularExpression"]);
  if (type === "RegularExpression") match.at("value").required().pattern();
  else match.at("value").required().text();
}

/** https://gateway-api.sigs.k8s.io/geps/gep-2257/ : up to four parts, e.g. "1h30m" or "500ms"; in ms, or null. */
export function readDuration(field: Field): number | null {
  const text = field.text();
  if (text === null) return null;
  if (!/^([0-9]{1,5}(h|m|s|ms)){1,4}$/.test(text)) {
    field.problem(`"${text}" is not a duration such as 500ms, 10s or 1h30m`);
    return null;
  }
  return parseDuration(text);
}
