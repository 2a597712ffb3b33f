/** Field selectors: `path=value` and `path!=value`, of the fields that Kubernetes lets each kind be selected by. */
import type { KubeObject } from "../../store/object.ts";
import { badRequest } from "../status-error.ts";

export interface FieldTerm {
  readonly path: string;
  readonly equal: boolean;
  readonly value: string;
}

const always = ["metadata.name", "metadata.namespace"];

const byKind: Readonly<Record<string, readonly string[]>> = {
  pods: [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
  ],
  events: [
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
  ],
  namespaces: ["status.phase"],
  nodes: ["spec.unschedulable"],
  secrets: ["type"],
  services: ["spec.clusterIP", "spec.type"],
  "replicasets.apps": ["status.replicas"],
  "jobs.batch": ["status.successful"],
};

/** Reads a selector for the resource with this storage key. Throws 400 for a field that can't be selected by. */
export function parseFieldSelector(text: string, key: string): FieldTerm[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(part);
      if (match?.[1] === undefined) throw badRequest(`invalid selector: "${part}"; can't understand it`);
      const path = match[1].trim();
      if (!always.includes(path) && byKind[key]?.includes(path) !== true) {
        throw badRequest(`field label not supported: ${path}`);
      }
      return { path, equal: match[2] !== "!=", value: (match[3] ?? "").trim() };
    });
}

function read(object: KubeObject, path: string): string {
  if (path === "source") {
    const component = (object["source"] as { component?: string } | undefined)?.component;
    return component ?? String(object["reportingComponent"] ?? "");
  }
  let value: unknown = object;
  for (const part of path.split(".")) {
    value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[part] : undefined;
  }
  if (value === undefined || value === null)
    return path === "spec.unschedulable" || path === "spec.hostNetwork" ? "false" : "";
  return String(value);
}

export function matchesFields(terms: readonly FieldTerm[], object: KubeObject): boolean {
  return terms.every((term) => (read(object, term.path) === term.value) === term.equal);
}
