/** CustomResourceDefinitions as objects: their defaults, errors and status. */
import type { KubeObject } from "../../store/object.ts";
import type { KindRules } from "../kinds/strategy.ts";
import { ensure, record, records, text } from "../kinds/strategy.ts";
import type { StatusCause } from "../status-error.ts";
import { duplicate, fieldForbidden, invalid, required } from "../validation/causes.ts";
import type { Schema } from "./schema.ts";
import { hasExpressions, isRecord } from "./schema.ts";

const ownGroups = new Set([
  "admissionregistration.k8s.io",
  "apiextensions.k8s.io",
  "apiregistration.k8s.io",
  "authentication.k8s.io",
  "authorization.k8s.io",
  "coordination.k8s.io",
  "discovery.k8s.io",
  "networking.k8s.io",
  "rbac.authorization.k8s.io",
  "scheduling.k8s.io",
  "storage.k8s.io",
]);

/** Schema levels below the root at most. */
const maxDepth = 60;

function checkStructural(schema: Schema, path: string, causes: StatusCause[], depth = 0): void {
  if (depth > maxDepth) {
    causes.push(fieldForbidden(path, `schemas deeper than ${maxDepth} levels are not served by this local cluster`));
    return;
  }
  const free = schema["x-kubernetes-int-or-string"] === true || schema["x-kubernetes-preserve-unknown-fields"] === true;
  if ((schema.type ?? "") === "" && !free)
    causes.push(required(`${path}.type`, "must not be empty for specified object fields"));
  if (schema.type === "array" && schema.items === undefined)
    causes.push(required(`${path}.items`, "must be specified"));
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    checkStructural(child, `${path}.properties[${name}]`, causes, depth + 1);
  }
  if (schema.items !== undefined) checkStructural(schema.items, `${path}.items`, causes, depth + 1);
  if (isRecord(schema.additionalProperties)) {
    checkStructural(schema.additionalProperties as Schema, `${path}.additionalProperties`, causes, depth + 1);
  }
}

function checkVersions(spec: Record<string, unknown>, causes: StatusCause[]): void {
  const versions = records(spec["versions"]);
  const names = new Set<string>();
  for (const [index, version] of versions.entries()) {
    const at = `spec.versions[${index}]`;
    const name = text(version["name"]);
    if (names.has(name)) causes.push(duplicate(`${at}.name`, name));
    names.add(name);
    const schema = record(version["schema"])["openAPIV3Schema"];
    if (!isRecord(schema)) causes.push(required(`${at}.schema.openAPIV3Schema`, "schemas are required"));
    else {
      if (schema["type"] !== "object") {
        causes.push(invalid(`${at}.schema.openAPIV3Schema.type`, schema["type"] ?? "", "must be object at the root"));
      }
      checkStructural(schema, `${at}.schema.openAPIV3Schema`, causes);
    }
  }
  if (versions.filter((version) => version["storage"] === true).length !== 1) {
    causes.push(invalid("spec.versions", [...names], "must have exactly one version marked as storage version"));
  }
}

function condition(object: KubeObject, type: string, reason: string, message: string): Record<string, unknown> {
  return { type, status: "True", lastTransitionTime: object.metadata.creationTimestamp, reason, message };
}

/** Definitions are served in the moment in which they are stored, so their status says so from the start. */
function freshStatus(object: KubeObject): Record<string, unknown> {
  const spec = record(object["spec"]);
  const storage = records(spec["versions"]).find((version) => version["storage"] === true);
  return {
    conditions: [
      condition(object, "NamesAccepted", "NoConflicts", "no conflicts found"),
      condition(object, "Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ],
    acceptedNames: structuredClone(record(spec["names"])),
    storedVersions: storage === undefined ? [] : [text(storage["name"])],
  };
}

export const customResourceDefinitionRules: KindRules = {
  after(object, previous) {
    const spec = ensure(object, "spec");
    const names = ensure(spec, "names");
    const kind = text(names["kind"]);
    if (kind !== "") {
      names["singular"] ??= kind.toLowerCase();
      names["listKind"] ??= `${kind}List`;
    }
    spec["conversion"] ??= { strategy: "None" };
    for (const version of records(spec["versions"])) {
      version["served"] ??= false;
      version["storage"] ??= false;
    }
    const status = freshStatus(object);
    if (previous === null) object["status"] = status;
    else {
      const stored = record(object["status"])["storedVersions"];
      const before = Array.isArray(stored) ? (stored as string[]) : [];
      const versions = [...new Set([...before, ...(status["storedVersions"] as string[])])];
      object["status"] = {
        ...record(object["status"]),
        acceptedNames: status["acceptedNames"],
        storedVersions: versions,
      };
    }
  },
  validate(object, previous, causes) {
    const spec = record(object["spec"]);
    const group = text(spec["group"]);
    const names = record(spec["names"]);
    const wanted = `${text(names["plural"])}.${group}`;
    if (object.metadata.name !== wanted)
      causes.push(invalid("metadata.name", object.metadata.name, `must be spec.names.plural+"."+spec.group`));
    if (!group.includes(".")) causes.push(invalid("spec.group", group, "should be a domain with at least one dot"));
    if (ownGroups.has(group)) causes.push(fieldForbidden("spec.group", "belongs to the cluster itself"));
    if (record(spec["conversion"])["strategy"] === "Webhook") {
      causes.push(
        fieldForbidden("spec.conversion.strategy", "conversion webhooks are not served by this local cluster"),
      );
    }
    checkVersions(spec, causes);
    if (previous === null) return;
    const before = record(previous["spec"]);
    for (const field of ["group", "scope"]) {
      if (spec[field] !== before[field]) causes.push(invalid(`spec.${field}`, spec[field], "field is immutable"));
    }
  },
  warnings(object) {
    const found = records(record(object["spec"])["versions"]).some((version) => {
      const schema = record(version["schema"])["openAPIV3Schema"];
      return isRecord(schema) && hasExpressions(schema);
    });
    return found ? ["x-kubernetes-validations are stored but not evaluated by this local cluster"] : [];
  },
};
