/** Services. Addresses and node ports are given out right before the write (see service-address.ts). */
import type { StatusCause } from "../status-error.ts";
import { duplicate, fieldForbidden, invalid, required } from "../validation/causes.ts";
import { checkLabels } from "../names.ts";
import { ensure, record, records, text } from "./strategy.ts";
import type { KindRules } from "./strategy.ts";

const portRange = "must be between 1 and 65535, inclusive";

function inRange(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65535;
}

function checkPorts(spec: Record<string, unknown>, causes: StatusCause[]): void {
  const ports = records(spec["ports"]);
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    const name = text(port["name"]);
    if (name === "" && ports.length > 1) causes.push(required(`${at}.name`));
    else if (name !== "" && !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)) {
      causes.push(
        invalid(
          `${at}.name`,
          name,
          "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
        ),
      );
    } else if (name !== "" && names.has(name)) causes.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (!inRange(port["port"])) causes.push(invalid(`${at}.port`, port["port"], portRange));
    const target = port["targetPort"];
    if (typeof target === "number" && !inRange(target)) causes.push(invalid(`${at}.targetPort`, target, portRange));
    const key = `${text(port["protocol"])}/${String(port["port"])}`;
    if (numbers.has(key)) causes.push(duplicate(at, { port: port["port"], protocol: port["protocol"] }));
    numbers.add(key);
  }
}

export const serviceRules: KindRules = {
  after(service, previous) {
    const spec = ensure(service, "spec");
    for (const port of records(spec["ports"])) port["targetPort"] ??= port["port"];
    if (spec["type"] === "ExternalName") {
      for (const field of ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]) delete spec[field];
    } else {
      spec["internalTrafficPolicy"] ??= "Cluster";
      spec["ipFamilies"] ??= ["IPv4"];
      spec["ipFamilyPolicy"] ??= "SingleStack";
      if (spec["type"] !== "ClusterIP") spec["externalTrafficPolicy"] ??= "Cluster";
      // A client that replaces a Service without repeating its address means to keep it.
      const before = record(previous?.["spec"]);
      const address = text(before["clusterIP"]);
      if (text(spec["clusterIP"]) === "" && address !== "") spec["clusterIP"] = address;
      if (text(spec["clusterIP"]) !== "") spec["clusterIPs"] = [spec["clusterIP"]];
    }
    service["status"] ??= { loadBalancer: {} };
  },
  validate(service, previous, causes) {
    const spec = record(service["spec"]);
    const headless = spec["clusterIP"] === "None";
    if (records(spec["ports"]).length === 0 && spec["type"] !== "ExternalName" && !headless) {
      causes.push(required("spec.ports"));
    }
    checkPorts(spec, causes);
    causes.push(...checkLabels(record(spec["selector"]), "spec.selector"));
    if (spec["type"] === "ExternalName" && text(spec["externalName"]) === "")
      causes.push(required("spec.externalName"));
    if (headless && (spec["type"] === "NodePort" || spec["type"] === "LoadBalancer")) {
      causes.push(
        invalid("spec.clusterIPs[0]", "None", `may not be set to 'None' for ${String(spec["type"])} services`),
      );
    }
    const families = spec["ipFamilies"];
    if (Array.isArray(families) && families.some((family) => family !== "IPv4")) {
      causes.push(fieldForbidden("spec.ipFamilies", "this local cluster serves IPv4 only"));
    }
    if (previous === null) return;
    const before = record(previous["spec"]);
    const changed = text(before["clusterIP"]) !== "" && text(spec["clusterIP"]) !== text(before["clusterIP"]);
    if (changed && spec["type"] !== "ExternalName") {
      causes.push(invalid("spec.clusterIPs[0]", [spec["clusterIP"]], "may not change once set"));
    }
  },
};
