/** MeshTLSRequirement: to whom clients' proxies send nothing but mutual TLS. Ours, not Linkerd's. */
import { ageColumn, crd } from "./definition.ts";
import { extensionGroup } from "./fault-injection.ts";
import { array, condition, group as groupName, kind, name, object } from "./schema.ts";

export const meshTlsRequirement = crd(
  { group: extensionGroup, kind: "MeshTLSRequirement", plural: "meshtlsrequirements", categories: ["policy"] },
  [
    {
      name: "v1alpha1",
      storage: true,
      spec: object({ "targetRef*": object({ group: groupName(), "kind*": kind(), "name*": name }) }),
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
