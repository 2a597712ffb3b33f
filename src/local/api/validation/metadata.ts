/** metadata, the same for all kinds (Kubernetes API conventions, "Metadata"). */
import type { KubeObject } from "../../store/object.ts";
import { checkLabels, checkName, checkQualifiedName } from "../names.ts";
import type { ResourceInfo } from "../resource-info.ts";
import type { StatusCause } from "../status-error.ts";
import { fieldForbidden, invalid, required } from "./causes.ts";

/** Bytes of all annotations of one object together. */
const maxAnnotations = 256 * 1024;

export function checkMetadata(info: ResourceInfo, object: KubeObject): StatusCause[] {
  const meta = object.metadata;
  const causes: StatusCause[] = [];
  if (meta.name === "") causes.push(required("metadata.name", "name or generateName is required"));
  else causes.push(...checkName(meta.name, info.nameRule, "metadata.name"));
  causes.push(...checkLabels(meta.labels ?? {}, "metadata.labels"));
  let size = 0;
  for (const [key, value] of Object.entries(meta.annotations ?? {})) {
    causes.push(...checkQualifiedName(key.toLowerCase(), "metadata.annotations"));
    if (typeof value === "string") size += key.length + value.length;
    else causes.push(invalid("metadata.annotations", value, "must be a string"));
  }
  if (size > maxAnnotations) {
    causes.push({
      reason: "FieldValueTooLong",
      field: "metadata.annotations",
      message: `Too long: may not be more than ${maxAnnotations} bytes`,
    });
  }
  for (const [index, finalizer] of (meta.finalizers ?? []).entries()) {
    causes.push(...checkQualifiedName(finalizer, `metadata.finalizers[${index}]`));
  }
  const controllers = (meta.ownerReferences ?? []).filter((owner) => owner.controller === true);
  if (controllers.length > 1) {
    const names = controllers.map((owner) => `${owner.kind}/${owner.name}`).join(", ");
    causes.push(invalid("metadata.ownerReferences", names, "Only one reference can have Controller set to true"));
  }
  for (const [index, owner] of (meta.ownerReferences ?? []).entries()) {
    for (const field of ["apiVersion", "kind", "name", "uid"] as const) {
      if ((owner[field] ?? "") === "") {
        causes.push(invalid(`metadata.ownerReferences[${index}].${field}`, owner[field] ?? "", "must not be empty"));
      }
    }
  }
  return causes;
}

export function checkMetadataUpdate(object: KubeObject, previous: KubeObject): StatusCause[] {
  if (previous.metadata.deletionTimestamp === undefined) return [];
  const before = new Set(previous.metadata.finalizers);
  const added = (object.metadata.finalizers ?? []).filter((name) => !before.has(name));
  if (added.length === 0) return [];
  return [
    fieldForbidden(
      "metadata.finalizers",
      `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`,
    ),
  ];
}
