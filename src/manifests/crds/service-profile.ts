/** ServiceProfile: routes, retries and timeouts of a Service by its full name. */
import { crd } from "./definition.ts";
import { anyObject, array, boolean, integer, object, string, type Schema } from "./schema.ts";

/** Conditions nest without end, which a structural schema can't say; the validating webhook and the controller check the inside. */
const condition = object({
  pathRegex: string(),
  method: string(),
  all: array(anyObject),
  any: array(anyObject),
  not: { "x-kubernetes-preserve-unknown-fields": true },
});
const responseCondition = object({
  status: object({ min: integer("int32"), max: integer("int32") }),
  all: array(anyObject),
  any: array(anyObject),
  not: { "x-kubernetes-preserve-unknown-fields": true },
});
const routes = array(
  object({
    "name*": string(),
    "condition*": condition,
    responseClasses: array(object({ "condition*": responseCondition, isFailure: boolean })),
    isRetryable: boolean,
    timeout: string(),
  }),
);

const weight: Schema = {
  "x-kubernetes-int-or-string": true,
  anyOf: [{ type: "integer" }, { type: "string" }],
  pattern: "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?[0-9]+))?$",
};
const members = {
  dstOverrides: array(object({ "authority*": string(), "weight*": weight })),
  opaquePorts: array(string()),
  retryBudget: object({
    "minRetriesPerSecond*": integer("int32"),
    "retryRatio*": { type: "number", format: "float" },
    "ttl*": string(),
  }),
};

export const serviceProfile = crd(
  { group: "linkerd.io", kind: "ServiceProfile", plural: "serviceprofiles", shortNames: ["sp"] },
  [
    { name: "v1alpha1", spec: object({ ...members, "routes*": routes }), specRequired: false },
    { name: "v1alpha2", spec: object({ ...members, routes }), specRequired: false, storage: true },
  ],
);
