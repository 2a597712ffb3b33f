/** FaultInjection: what goes wrong on purpose, for clients of a Service or requests of a route. Ours, not Linkerd's. */
import { ageColumn, crd } from "./definition.ts";
import {
  array,
  cel,
  condition,
  group as groupName,
  holding,
  integer,
  kind,
  name,
  object,
  string,
  text,
} from "./schema.ts";

export const extensionGroup = "policy.linkerd-ts.dev";

export const faultInjection = crd(
  { group: extensionGroup, kind: "FaultInjection", plural: "faultinjections", categories: ["policy"] },
  [
    {
      name: "v1alpha1",
      storage: true,
      spec: object(
        {
          "targetRef*": object({ group: groupName(), "kind*": kind(), "name*": name }),
          header: object({ "name*": text(1, 128), "value*": string({ maxLength: 256 }) }),
          percent: { type: "number", minimum: 0, maximum: 100 },
          delay: string({ pattern: "^([0-9]{1,5}(h|m|s|ms)){1,4}$" }),
          bytesPerSecond: integer("int64", { minimum: 1, maximum: 4294967295 }),
          abort: object({
            httpStatus: integer("int32", { minimum: 200, maximum: 599 }),
            grpcStatus: integer("int32", { minimum: 1, maximum: 16 }),
          }),
          reset: { type: "boolean" },
        },
        holding(
          cel("!(has(self.abort) && has(self.reset) && self.reset)", "abort and reset exclude each other"),
          cel(
            "has(self.abort) || has(self.delay) || has(self.bytesPerSecond) || (has(self.reset) && self.reset)",
            "one of abort, reset, delay and bytesPerSecond is needed",
          ),
        ),
      ),
      status: object({ conditions: array(condition(false)) }),
      columns: [
        { name: "Target_kind", type: "string", jsonPath: ".spec.targetRef.kind" },
        { name: "Target_name", type: "string", jsonPath: ".spec.targetRef.name" },
        { name: "Percent", type: "string", jsonPath: ".spec.percent" },
        { name: "Accepted", type: "string", jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
        ageColumn,
      ],
    },
  ],
);
