/** `kubectl get` of Services, endpoints, nodes, namespaces, events and configuration. */
import type { KubeObject } from "../../store/object.ts";
import { age } from "./age.ts";
import { ageColumn, column, nameColumn } from "./column.ts";
import type { Column } from "./column.ts";
import { joined, list, num, pairs, rec, str } from "./read.ts";

function servicePorts(service: KubeObject): string {
  const ports = list(rec(service["spec"])["ports"]).map((port) => {
    const node = num(port["nodePort"]);
    return `${str(port["port"])}${node > 0 ? `:${node}` : ""}/${str(port["protocol"])}`;
  });
  return joined(ports);
}

function externalIp(service: KubeObject): string {
  const spec = rec(service["spec"]);
  const external = Array.isArray(spec["externalIPs"]) ? spec["externalIPs"].map(String) : [];
  switch (spec["type"]) {
    case "ExternalName":
      return str(spec["externalName"]);
    case "LoadBalancer": {
      const ingress = list(rec(rec(service["status"])["loadBalancer"])["ingress"]);
      const addresses = ingress.map((item) => str(item["ip"]) || str(item["hostname"]));
      return joined([...addresses, ...external], "<pending>");
    }
    default:
      return joined(external);
  }
}

export const serviceColumns: readonly Column[] = [
  nameColumn,
  column("Type", (object) => str(rec(object["spec"])["type"])),
  column("Cluster-IP", (object) => str(rec(object["spec"])["clusterIP"]) || "<none>"),
  column("External-IP", externalIp),
  column("Port(s)", servicePorts),
  ageColumn,
  column("wide:Selector", (object) => pairs(rec(object["spec"])["selector"])),
];

function addressList(object: KubeObject): string {
  const all: string[] = [];
  for (const subset of list(object["subsets"])) {
    const ports = list(subset["ports"]);
    for (const address of list(subset["addresses"])) {
      if (ports.length === 0) all.push(str(address["ip"]));
      for (const port of ports) all.push(`${str(address["ip"])}:${str(port["port"])}`);
    }
  }
  if (all.length <= 3) return joined(all);
  return `${all.slice(0, 3).join(",")} + ${all.length - 3} more...`;
}

function shortened(values: readonly string[], none: string): string {
  if (values.length === 0) return none;
  return values.length <= 3 ? values.join(",") : `${values.slice(0, 3).join(",")} + ${values.length - 3} more...`;
}

export const endpointsColumns: readonly Column[] = [nameColumn, column("Endpoints", addressList), ageColumn];

export const endpointSliceColumns: readonly Column[] = [
  nameColumn,
  column("AddressType", (object) => str(object["addressType"])),
  column("Ports", (object) =>
    shortened(
      list(object["ports"]).map((port) => str(port["port"]) || "*"),
      "<unset>",
    ),
  ),
  column("Endpoints", (object) =>
    shortened(
      list(object["endpoints"]).flatMap((item) =>
        Array.isArray(item["addresses"]) ? item["addresses"].slice(0, 1).map(String) : [],
      ),
      "<unset>",
    ),
  ),
  ageColumn,
];

function nodeStatus(node: KubeObject): string {
  const ready = list(rec(node["status"])["conditions"]).find((item) => item["type"] === "Ready");
  const words = [ready === undefined ? "Unknown" : ready["status"] === "True" ? "Ready" : "NotReady"];
  if (rec(node["spec"])["unschedulable"] === true) words.push("SchedulingDisabled");
  return words.join(",");
}

function nodeRoles(node: KubeObject): string {
  const prefix = "node-role.kubernetes.io/";
  const roles = Object.keys(node.metadata.labels ?? {})
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length));
  return joined(roles.sort());
}

const address =
  (type: string) =>
  (node: KubeObject): string =>
    str(list(rec(node["status"])["addresses"]).find((item) => item["type"] === type)?.["address"]) || "<none>";
const info =
  (field: string) =>
  (node: KubeObject): string =>
    str(rec(rec(node["status"])["nodeInfo"])[field]) || "<unknown>";

export const nodeColumns: readonly Column[] = [
  nameColumn,
  column("Status", nodeStatus),
  column("Roles", nodeRoles),
  ageColumn,
  column("Version", info("kubeletVersion")),
  column("wide:Internal-IP", address("InternalIP")),
  column("wide:External-IP", address("ExternalIP")),
  column("wide:OS-Image", info("osImage")),
  column("wide:Kernel-Version", info("kernelVersion")),
  column("wide:Container-Runtime", info("containerRuntimeVersion")),
];

export const namespaceColumns: readonly Column[] = [
  nameColumn,
  column("Status", (object) => str(rec(object["status"])["phase"])),
  ageColumn,
];

function eventTime(event: KubeObject, field: "firstTimestamp" | "lastTimestamp", now: number): string {
  return age(event[field] ?? event["eventTime"] ?? event.metadata.creationTimestamp, now);
}

function eventObject(event: KubeObject): string {
  const { kind, name } = rec(event["involvedObject"]);
  return `${str(kind).toLowerCase()}/${str(name)}`;
}

export const eventColumns: readonly Column[] = [
  column("Last Seen", (event, now) => eventTime(event, "lastTimestamp", now)),
  column("Type", (event) => str(event["type"])),
  column("Reason", (event) => str(event["reason"])),
  column("Object", eventObject),
  column("wide:Subobject", (event) => str(rec(event["involvedObject"])["fieldPath"])),
  column("wide:Source", (event) => {
    const source = rec(event["source"]);
    return joined(
      [str(source["component"]), str(source["host"])].filter((item) => item !== ""),
      str(event["reportingComponent"]),
    );
  }),
  column("Message", (event) => str(event["message"]).trim()),
  column("wide:First Seen", (event, now) => eventTime(event, "firstTimestamp", now)),
  column("wide:#Count", (event) => num(event["count"]) || 1),
  column("wide:Name", (event) => event.metadata.name),
];

export const configMapColumns: readonly Column[] = [
  nameColumn,
  column("#Data", (object) => Object.keys(rec(object["data"])).length + Object.keys(rec(object["binaryData"])).length),
  ageColumn,
];

export const secretColumns: readonly Column[] = [
  nameColumn,
  column("Type", (object) => str(object["type"])),
  column("#Data", (object) => Object.keys(rec(object["data"])).length),
  ageColumn,
];

export const serviceAccountColumns: readonly Column[] = [
  nameColumn,
  column("#Secrets", (object) => list(object["secrets"]).length),
  ageColumn,
];
