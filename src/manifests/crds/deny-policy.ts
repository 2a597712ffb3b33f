/** DenyPolicy: clients that may not, whatever else permits them. Ours, not Linkerd's. */
import { ageColumn, crd } from "./definition.ts";
import { extensionGroup } from "./fault-injection.ts";
import { array, condition, group as groupName, kind, name, namespace, network, object, string } from "./schema.ts";

export const denyPolicy = crd(
  { group: extensionGroup, kind: "DenyPolicy", plural: "denypolicies", singular: "denypolicy", categories: ["policy"] },
  [
    {
      name: "v1alpha1",
      storage: true,
      spec: object({
        "targetRef*": object({ group: groupName(), "kind*": kind(), "name*": name }),
        "clients*": array(
          object({
            identities: array(string(), { minItems: 1 }),
            serviceAccounts: array(object({ "name*": name, namespace }), { minItems: 1 }),
            networks: array(network, { minItems: 1 }),
          }),
          { minItems: 1 },
        ),
      }),
      status: object({ conditions: array(condition(false)) }),
      columns: [
        { name: "Target_kind", type: "string", jsonPath: ".spec.targetRef.kind" },
        { name: "Target_name", type: "string", jsonPath: ".spec.targetRef.name" },
        { name: "Accepted", type: "string", jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
        ageColumn,
      ],
    },
  ],
);
