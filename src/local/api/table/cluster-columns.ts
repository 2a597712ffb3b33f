/** `kubectl get` of access, admission and extension kinds. */
import type { KubeObject } from "../../store/object.ts";
import { ageColumn, column, nameColumn } from "./column.ts";
import type { Column } from "./column.ts";
import { joined, list, num, rec, str } from "./read.ts";

const createdAt = column("Created At", (object) => object.metadata.creationTimestamp);

const subjects =
  (kind: string) =>
  (binding: KubeObject): string =>
    list(binding["subjects"])
      .filter((item) => item["kind"] === kind)
      .map((item) => (kind === "ServiceAccount" ? `${str(item["namespace"])}/${str(item["name"])}` : str(item["name"])))
      .join(", ");

export const roleColumns: readonly Column[] = [nameColumn, createdAt];

export const bindingColumns: readonly Column[] = [
  nameColumn,
  column("Role", (binding) => `${str(rec(binding["roleRef"])["kind"])}/${str(rec(binding["roleRef"])["name"])}`),
  ageColumn,
  column("wide:Users", subjects("User")),
  column("wide:Groups", subjects("Group")),
  column("wide:ServiceAccounts", subjects("ServiceAccount")),
];

export const webhookColumns: readonly Column[] = [
  nameColumn,
  column("#Webhooks", (object) => list(object["webhooks"]).length),
  ageColumn,
];

export const leaseColumns: readonly Column[] = [
  nameColumn,
  column("Holder", (object) => str(rec(object["spec"])["holderIdentity"])),
  ageColumn,
];

export const budgetColumns: readonly Column[] = [
  nameColumn,
  column("Min Available", (object) => str(rec(object["spec"])["minAvailable"]) || "N/A"),
  column("Max Unavailable", (object) => str(rec(object["spec"])["maxUnavailable"]) || "N/A"),
  column("#Allowed Disruptions", (object) => num(rec(object["status"])["disruptionsAllowed"])),
  ageColumn,
];

export const revisionColumns: readonly Column[] = [
  nameColumn,
  column("Controller", (object) => {
    const owner = object.metadata.ownerReferences?.find((item) => item.controller === true);
    return owner === undefined ? "<none>" : joined([`${owner.kind.toLowerCase()}.apps/${owner.name}`]);
  }),
  column("#Revision", (object) => num(object["revision"])),
  ageColumn,
];

export const priorityColumns: readonly Column[] = [
  nameColumn,
  column("#Value", (object) => num(object["value"])),
  column("Global-Default", (object) => object["globalDefault"] === true),
  ageColumn,
];
