/** Errors of a pod's spec, the same in pods and in templates. */
import { checkName, checkQualifiedName } from "../names.ts";
import type { StatusCause } from "../status-error.ts";
import { duplicate, fieldForbidden, invalid, notSupported, required } from "../validation/causes.ts";
import { record, records, text } from "./strategy.ts";
import type { Rec } from "./strategy.ts";

const refusedVolumes = ["persistentVolumeClaim", "csi", "nfs", "ephemeral", "image"];

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65535;
}

const portRange = "must be between 1 and 65535, inclusive";

function checkVolumes(spec: Rec, path: string, causes: StatusCause[]): Set<string> {
  const seen = new Set<string>();
  for (const [index, volume] of records(spec["volumes"]).entries()) {
    const at = `${path}.volumes[${index}]`;
    const name = text(volume["name"]);
    causes.push(...checkName(name, "label", `${at}.name`));
    if (seen.has(name)) causes.push(duplicate(`${at}.name`, name));
    seen.add(name);
    const sources = Object.keys(volume).filter((field) => field !== "name");
    if (sources.length === 0) causes.push(required(at, "must specify a volume type"));
    for (const source of sources.slice(1))
      causes.push(fieldForbidden(`${at}.${source}`, "may not specify more than 1 volume type"));
    for (const source of sources) {
      if (refusedVolumes.includes(source)) {
        causes.push(fieldForbidden(`${at}.${source}`, "this local cluster has no storage; use an emptyDir volume"));
      }
    }
  }
  return seen;
}

function checkProbe(probe: Rec, path: string, causes: StatusCause[]): void {
  const kinds = ["exec", "httpGet", "tcpSocket", "grpc"].filter((kind) => probe[kind] !== undefined);
  if (kinds.length === 0) causes.push(required(path, "must specify a handler type"));
  for (const kind of kinds.slice(1))
    causes.push(fieldForbidden(`${path}.${kind}`, "may not specify more than 1 handler type"));
  for (const field of [
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
  ]) {
    const value = probe[field];
    if (typeof value === "number" && value < 0)
      causes.push(invalid(`${path}.${field}`, value, "must be greater than or equal to 0"));
  }
  for (const kind of ["httpGet", "tcpSocket", "grpc"]) {
    const port = record(probe[kind])["port"];
    if (typeof port === "number" && !isPort(port)) causes.push(invalid(`${path}.${kind}.port`, port, portRange));
  }
}

function checkPorts(container: Rec, path: string, names: Set<string>, causes: StatusCause[]): void {
  for (const [index, port] of records(container["ports"]).entries()) {
    const at = `${path}.ports[${index}]`;
    if (!isPort(port["containerPort"])) causes.push(invalid(`${at}.containerPort`, port["containerPort"], portRange));
    const name = port["name"];
    if (typeof name !== "string" || name === "") continue;
    if (name.length > 15) causes.push(invalid(`${at}.name`, name, "must be no more than 15 characters"));
    else if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name) || !/[a-z]/.test(name)) {
      causes.push(
        invalid(
          `${at}.name`,
          name,
          "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), with at least one letter",
        ),
      );
    } else if (names.has(name)) causes.push(duplicate(`${at}.name`, name));
    names.add(name);
  }
}

function checkContainer(
  container: Rec,
  path: string,
  volumes: Set<string>,
  ports: Set<string>,
  causes: StatusCause[],
): void {
  causes.push(...checkName(text(container["name"]), "label", `${path}.name`));
  if (text(container["image"]) === "") causes.push(required(`${path}.image`));
  checkPorts(container, path, ports, causes);
  for (const [index, item] of records(container["env"]).entries()) {
    const at = `${path}.env[${index}]`;
    const name = text(item["name"]);
    if (/[=\0]/.test(name))
      causes.push(
        invalid(
          `${at}.name`,
          name,
          "a valid environment variable name must consist only of printable ASCII characters other than '='",
        ),
      );
    if (item["valueFrom"] !== undefined && text(item["value"]) !== "") {
      causes.push(invalid(`${at}.valueFrom`, "", "may not be specified when `value` is not empty"));
    }
  }
  const mounts = new Set<string>();
  for (const [index, mount] of records(container["volumeMounts"]).entries()) {
    const at = `${path}.volumeMounts[${index}]`;
    const name = text(mount["name"]);
    if (!volumes.has(name))
      causes.push({ reason: "FieldValueNotFound", message: `Not found: ${JSON.stringify(name)}`, field: `${at}.name` });
    const where = text(mount["mountPath"]);
    if (mounts.has(where)) causes.push(invalid(`${at}.mountPath`, where, "must be unique"));
    mounts.add(where);
  }
  for (const probe of ["livenessProbe", "readinessProbe", "startupProbe"]) {
    if (container[probe] !== undefined) checkProbe(record(container[probe]), `${path}.${probe}`, causes);
  }
  for (const kind of ["limits", "requests"]) {
    for (const [name, amount] of Object.entries(record(record(container["resources"])[kind]))) {
      causes.push(...checkQualifiedName(name, `${path}.resources.${kind}`));
      if (!/^[+-]?(\d+|\d*\.\d+|\d+\.)([eE][+-]?\d+|[munkKMGTPE]i?)?$/.test(text(amount))) {
        causes.push(
          invalid(
            `${path}.resources.${kind}[${name}]`,
            amount,
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
          ),
        );
      }
    }
  }
}

export function checkPodSpec(spec: Rec, path: string, causes: StatusCause[]): void {
  const volumes = checkVolumes(spec, path, causes);
  const names = new Set<string>();
  for (const field of ["initContainers", "containers"]) {
    for (const [index, container] of records(spec[field]).entries()) {
      const at = `${path}.${field}[${index}]`;
      const name = text(container["name"]);
      if (names.has(name)) causes.push(duplicate(`${at}.name`, name));
      names.add(name);
      const restart = container["restartPolicy"];
      if (restart !== undefined && (field === "containers" || restart !== "Always")) {
        causes.push(
          field === "containers"
            ? fieldForbidden(`${at}.restartPolicy`, "may not be set for non-init containers")
            : notSupported(`${at}.restartPolicy`, restart, ["Always"]),
        );
      }
      if (field === "initContainers" && restart !== "Always") {
        for (const probe of ["livenessProbe", "readinessProbe", "startupProbe"]) {
          if (container[probe] !== undefined)
            causes.push(
              fieldForbidden(`${at}.${probe}`, "may not be set for init containers without restartPolicy=Always"),
            );
        }
      }
      checkContainer(container, at, volumes, new Set(), causes);
    }
  }
  const grace = spec["terminationGracePeriodSeconds"];
  if (typeof grace === "number" && grace < 0)
    causes.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, "must be greater than or equal to 0"));
  const account = text(spec["serviceAccountName"]);
  if (account !== "") causes.push(...checkName(account, "subdomain", `${path}.serviceAccountName`));
}
