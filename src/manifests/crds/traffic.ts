/** HTTPLocalRateLimitPolicy, EgressNetwork and TrafficSplit. */
import { ageColumn, crd } from "./definition.ts";
import {
  array,
  condition,
  group as groupName,
  integer,
  kind,
  name,
  namespace,
  network,
  object,
  oneOf,
  cel,
  holding,
  string,
} from "./schema.ts";

const group = "policy.linkerd.io";
const rate = integer("int64", { minimum: 1 });
const limit = object({ "requestsPerSecond*": rate });

export const httpLocalRateLimitPolicy = crd(
  {
    group,
    kind: "HTTPLocalRateLimitPolicy",
    plural: "httplocalratelimitpolicies",
    singular: "httplocalratelimitpolicy",
  },
  [
    {
      name: "v1alpha1",
      storage: true,
      spec: object(
        {
          "targetRef*": object({ group: groupName(), "kind*": kind(), "name*": name }),
          total: limit,
          identity: limit,
          overrides: array(
            object({
              "requestsPerSecond*": rate,
              "clientRefs*": array(object({ group: groupName(), "kind*": kind(), namespace, "name*": name })),
            }),
          ),
        },
        holding(
          cel(
            "!has(self.total) || !has(self.identity) || self.identity.requestsPerSecond <= self.total.requestsPerSecond",
            "identity.requestsPerSecond must not be above total.requestsPerSecond",
          ),
          cel(
            "!has(self.total) || !has(self.overrides) || self.overrides.all(o, o.requestsPerSecond <= self.total.requestsPerSecond)",
            "overrides must not be above total.requestsPerSecond",
          ),
        ),
      ),
      status: object({
        conditions: array(condition(false)),
        "targetRef*": object({
          group: groupName({ default: group }),
          kind: kind({ default: "Server" }),
          "name*": name,
        }),
      }),
      columns: [
        { name: "Target_kind", type: "string", jsonPath: ".spec.targetRef.kind" },
        { name: "Target_name", type: "string", jsonPath: ".spec.targetRef.name" },
        { name: "Total_RPS", type: "integer", jsonPath: ".spec.total.requestsPerSecond" },
        { name: "Identity_RPS", type: "integer", jsonPath: ".spec.identity.requestsPerSecond" },
      ],
    },
  ],
);

export const egressNetwork = crd({ group, kind: "EgressNetwork", plural: "egressnetworks", categories: ["policy"] }, [
  {
    name: "v1alpha1",
    storage: true,
    spec: object({ "trafficPolicy*": oneOf(["Allow", "Deny"]), networks: array(network, { minItems: 1 }) }),
    status: object({ conditions: array(condition(false)) }),
  },
]);

/**
 * The Service Mesh Interface's traffic split (https://github.com/servicemeshinterface/smi-spec, traffic-split v1alpha1 to
 * v1alpha4). v1alpha1 writes weights as quantities, later ones as whole numbers.
 */
const matchRef = object({ "kind*": oneOf(["HTTPRouteGroup"]), "name*": string(), apiGroup: string() });
const split = (weight: ReturnType<typeof object>, withMatches: boolean) =>
  object({
    "service*": string(),
    "backends*": array(object({ "service*": string(), weight })),
    ...(withMatches ? { matches: array(matchRef) } : {}),
  });
const wholeWeight = { type: "number" };
const quantityWeight = {
  "x-kubernetes-int-or-string": true,
  anyOf: [{ type: "integer" }, { type: "string" }],
  pattern: "^([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(m|k)?$",
};
const serviceColumn = {
  name: "Service",
  type: "string",
  jsonPath: ".spec.service",
  description: "The apex service",
} as const;

export const trafficSplit = crd(
  { group: "split.smi-spec.io", kind: "TrafficSplit", plural: "trafficsplits", shortNames: ["ts"] },
  [
    { name: "v1alpha1", spec: split(quantityWeight, false), columns: [serviceColumn, ageColumn] },
    { name: "v1alpha2", spec: split(wholeWeight, false), storage: true, columns: [serviceColumn, ageColumn] },
    { name: "v1alpha3", spec: split(wholeWeight, true), columns: [serviceColumn, ageColumn] },
    { name: "v1alpha4", spec: split(wholeWeight, true), columns: [serviceColumn, ageColumn] },
  ],
);
