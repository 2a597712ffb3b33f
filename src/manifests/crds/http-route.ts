/** HTTPRoute of policy.linkerd.io: Gateway API's HTTPRoute as it was before it could be attached to Services. */
import type { JsonObject } from "../json.ts";
import { ageColumn, crd } from "./definition.ts";
import {
  array,
  condition,
  group as groupName,
  hostname,
  integer,
  kind,
  mapList,
  name,
  namespace,
  object,
  oneOf,
  port,
  cel,
  holding,
  string,
  text,
  wildcardHostname,
  type Schema,
} from "./schema.ts";

const group = "policy.linkerd.io";
/** RFC 9110 §5.6.2 token. */
const headerName = text(1, 256, { pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$" });
const headerValue = object({ "name*": headerName, "value*": text(1, 4096) });
const headerChanges = object({
  set: mapList(["name"], headerValue, { maxItems: 16 }),
  add: mapList(["name"], headerValue, { maxItems: 16 }),
  remove: array(string(), { maxItems: 16 }),
});
const path = string({ maxLength: 1024 });
const requestRedirect = object({
  scheme: oneOf(["http", "https"]),
  hostname,
  path: object({
    "type*": oneOf(["ReplaceFullPath", "ReplacePrefixMatch"]),
    replaceFullPath: path,
    replacePrefixMatch: path,
  }),
  port,
  statusCode: { type: "integer", enum: [301, 302], default: 302 },
});
const filter = object({
  "type*": oneOf(["RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect"]),
  requestHeaderModifier: headerChanges,
  responseHeaderModifier: headerChanges,
  requestRedirect,
});
const filters = array(filter, { maxItems: 16 });

const anyPath: JsonObject = { type: "PathPrefix", value: "/" };
const matchType = (values: string[]): Schema => oneOf(values, { default: "Exact" });
const match = object({
  path: object(
    {
      type: oneOf(["Exact", "PathPrefix", "RegularExpression"], { default: "PathPrefix" }),
      value: string({ maxLength: 1024, default: "/" }),
    },
    {
      default: anyPath,
      ...holding(cel("self.type == 'RegularExpression' || self.value.startsWith('/')", "value must begin with /")),
    },
  ),
  headers: mapList(
    ["name"],
    object({ type: matchType(["Exact", "RegularExpression"]), "name*": headerName, "value*": text(1, 4096) }),
    { maxItems: 16 },
  ),
  queryParams: mapList(
    ["name"],
    object({ type: matchType(["Exact", "RegularExpression"]), "name*": text(1, 256), "value*": text(1, 1024) }),
    { maxItems: 16 },
  ),
  method: oneOf(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]),
});

const backendRef = object({
  group: groupName({ default: "" }),
  kind: kind({ default: "Service" }),
  "name*": name,
  namespace,
  port,
  weight: integer("int32", { minimum: 0, maximum: 1_000_000, default: 1 }),
  filters,
});
const parentRef = object({
  group: groupName({ default: group }),
  kind: kind({ default: "Gateway" }),
  namespace,
  "name*": name,
  sectionName: text(1, 253, { pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" }),
  port,
});

/** Timeouts came with v1beta3, backends with v1beta1: fields that an older version doesn't have are pruned when it is used. */
function spec(options: { backends: boolean; timeouts: boolean }): Schema {
  const rule = object({
    matches: array(match, { maxItems: 8, default: [{ path: anyPath }] }),
    filters,
    ...(options.backends ? { backendRefs: array(backendRef, { maxItems: 16 }) } : {}),
    ...(options.timeouts
      ? {
          timeouts: object(
            { request: string({ format: "duration" }), backendRequest: string({ format: "duration" }) },
            holding(
              cel(
                "!has(self.request) || !has(self.backendRequest) || self.request == duration('0s') || self.backendRequest <= self.request",
                "backendRequest must not be longer than request",
              ),
            ),
          ),
        }
      : {}),
  });
  return object({
    parentRefs: array(parentRef, { maxItems: 32 }),
    hostnames: array(wildcardHostname, { maxItems: 16 }),
    rules: array(rule, { maxItems: 16, default: [{ matches: [{ path: anyPath }] }] }),
  });
}

const status = object({
  "parents*": array(
    object({
      "parentRef*": parentRef,
      "controllerName*": text(1, 253, {
        pattern:
          "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+$",
      }),
      conditions: mapList(["type"], condition(true), { minItems: 1, maxItems: 8 }),
    }),
    { maxItems: 32 },
  ),
});

const columns = [{ name: "Hostnames", type: "string", jsonPath: ".spec.hostnames" } as const, ageColumn];

export const httpRoute = crd({ group, kind: "HTTPRoute", plural: "httproutes" }, [
  { name: "v1alpha1", spec: spec({ backends: false, timeouts: false }), status, columns },
  { name: "v1beta1", spec: spec({ backends: false, timeouts: false }), status, columns },
  { name: "v1beta2", spec: spec({ backends: true, timeouts: false }), status, columns },
  { name: "v1beta3", spec: spec({ backends: true, timeouts: true }), status, columns, storage: true },
]);
