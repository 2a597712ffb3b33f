/** Which EndpointSlices the ExternalWorkloads behind Services need. Pure. */
import { parseIp } from "#lib/net-addr.ts";
import type { EndpointSlice, SliceEndpoint } from "#kube/types/discovery.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { ExternalWorkload } from "../index/external-workload.ts";
import type { ServiceRecord } from "../index/service.ts";

/** By this label Kubernetes' own controller leaves them alone, and we find ours. */
export const managedByLabel = "endpointslice.kubernetes.io/managed-by";
export const managedBy = "linkerd-external-workloads-controller";

/** As in Kubernetes' own slices: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/ */
const endpointsPerSlice = 100;

/** The slices of all Services, by "namespace/name". */
export function wantedSlices(index: ClusterIndex): Map<string, EndpointSlice> {
  const wanted = new Map<string, EndpointSlice>();
  const byNamespace = Map.groupBy(index.externalWorkloads.values(), ({ namespace }) => namespace);
  if (byNamespace.size === 0) return wanted;
  for (const service of index.services.values()) {
    const machines = byNamespace.get(service.namespace);
    if (machines === undefined) continue;
    for (const slice of slicesOf(service, machines)) {
      wanted.set(`${service.namespace}/${slice.metadata.name}`, slice);
    }
  }
  return wanted;
}

function slicesOf(service: ServiceRecord, machines: readonly ExternalWorkload[]): EndpointSlice[] {
  const { selector } = service;
  if (selector === null || service.kind === "external-name") return [];
  const selected = machines
    .filter(({ labels }) => Object.entries(selector).every(([key, value]) => labels[key] === value))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  // Endpoints of a slice share their ports, and names may stand for other numbers on other machines.
  const groups = new Map<string, { family: "IPv4" | "IPv6"; ports: Port[]; endpoints: SliceEndpoint[] }>();
  for (const machine of selected) {
    const ports = portsOf(service, machine);
    if (ports.length === 0 && service.ports.length > 0) continue;
    for (const family of ["IPv4", "IPv6"] as const) {
      const addresses = machine.ips.filter((ip) => (parseIp(ip)?.length === 4) === (family === "IPv4"));
      if (addresses.length === 0) continue;
      const key = JSON.stringify([family, ports]);
      const group = groups.get(key) ?? { family, ports, endpoints: [] };
      group.endpoints.push(endpoint(machine, addresses));
      groups.set(key, group);
    }
  }
  return [...groups].flatMap(([key, group]) => chunks(service, key, group));
}

interface Port {
  readonly name: string;
  readonly port: number;
  readonly protocol: "TCP";
}

function portsOf(service: ServiceRecord, machine: ExternalWorkload): Port[] {
  return service.ports.flatMap(({ name, targetPort }) => {
    const port = typeof targetPort === "number" ? targetPort : machine.namedPorts[targetPort];
    return port === undefined ? [] : [{ name, port, protocol: "TCP" as const }];
  });
}

function endpoint({ namespace, name, uid, ready }: ExternalWorkload, addresses: readonly string[]): SliceEndpoint {
  return {
    addresses,
    conditions: { ready, serving: ready, terminating: false },
    targetRef: { kind: "ExternalWorkload", namespace, name, uid },
  };
}

function chunks(
  service: ServiceRecord,
  key: string,
  group: { readonly family: "IPv4" | "IPv6"; readonly ports: readonly Port[]; readonly endpoints: SliceEndpoint[] },
): EndpointSlice[] {
  const { namespace, name } = service;
  // The same for the same content, so that a controller that starts anew finds what another one wrote.
  const hash = Bun.hash.crc32(key).toString(16).padStart(8, "0");
  const out: EndpointSlice[] = [];
  for (let at = 0; at < group.endpoints.length; at += endpointsPerSlice) {
    out.push({
      metadata: {
        namespace,
        name: `linkerd-external-${name}-${hash}-${at / endpointsPerSlice}`,
        labels: {
          "kubernetes.io/service-name": name,
          [managedByLabel]: managedBy,
          ...(service.kind === "headless" ? { "service.kubernetes.io/headless": "" } : {}),
        },
      },
      addressType: group.family,
      endpoints: group.endpoints.slice(at, at + endpointsPerSlice),
      ports: group.ports,
    });
  }
  return out;
}
