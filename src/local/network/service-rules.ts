/**
 * Services and their endpoints → nftables rules that translate addresses. Pure.
 *
 * One lookup by (address, protocol, port) leads to a chain of the Service port, which picks an endpoint at random for
 * each new connection. The text replaces the whole table in one transaction; loading it takes some 15 ms.
 */
import type { EndpointSlice, Service } from "../types.ts";
import { nodeIp } from "./addresses.ts";

/** One Service port and where it leads. */
export interface ServicePortRule {
  /** "namespace/name:port", for comments and chain names. */
  readonly name: string;
  readonly protocol: "tcp" | "udp";
  /** Cluster addresses, IPv4. */
  readonly ips: readonly string[];
  readonly port: number;
  readonly nodePort: number | null;
  /** Clients stick to an endpoint by their address. */
  readonly sticky: boolean;
  /** "ip . port" pairs; empty: connections are refused. */
  readonly targets: ReadonlyArray<{ readonly ip: string; readonly port: number }>;
}

/** Ready endpoints; when there are none, those that are terminating but still serve (Kubernetes: ProxyTerminatingEndpoints). */
function usable(slices: readonly EndpointSlice[]): Array<{ slice: EndpointSlice; ips: string[] }> {
  const all = slices.flatMap((slice) => (slice.endpoints ?? []).map((endpoint) => ({ slice, endpoint })));
  const ready = all.filter(({ endpoint }) => endpoint.conditions?.ready !== false);
  const chosen =
    ready.length > 0
      ? ready
      : all.filter(({ endpoint }) => endpoint.conditions?.serving === true && endpoint.conditions.terminating === true);
  return chosen.map(({ slice, endpoint }) => ({ slice, ips: endpoint.addresses }));
}

/** What Services and EndpointSlices ask for, in a fixed order. */
export function servicePortRules(services: readonly Service[], slices: readonly EndpointSlice[]): ServicePortRule[] {
  const byService = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const service = slice.metadata.labels?.["kubernetes.io/service-name"];
    if (service === undefined || slice.addressType !== "IPv4") continue;
    const key = `${slice.metadata.namespace}/${service}`;
    byService.set(key, [...(byService.get(key) ?? []), slice]);
  }
  const rules: ServicePortRule[] = [];
  for (const service of services) {
    const ip = service.spec.clusterIP;
    if (service.spec.type === "ExternalName" || ip === undefined || ip === "" || ip === "None") continue;
    const key = `${service.metadata.namespace}/${service.metadata.name}`;
    const endpoints = usable(byService.get(key) ?? []);
    for (const port of service.spec.ports ?? []) {
      const protocol = (port.protocol ?? "TCP").toLowerCase();
      if (protocol !== "tcp" && protocol !== "udp") continue;
      const targets: Array<{ ip: string; port: number }> = [];
      for (const { slice, ips } of endpoints) {
        const found = (slice.ports ?? []).find((entry) => (entry.name ?? "") === (port.name ?? ""));
        if (found?.port === undefined) continue;
        for (const target of ips) targets.push({ ip: target, port: found.port });
      }
      rules.push({
        name: `${key}:${port.name ?? port.port}`,
        protocol,
        ips: service.spec.clusterIPs?.filter((address) => !address.includes(":")) ?? [ip],
        port: port.port,
        nodePort: port.nodePort ?? null,
        sticky: service.spec.sessionAffinity === "ClientIP",
        targets: targets.toSorted((a, b) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : a.port - b.port)),
      });
    }
  }
  return rules.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const table = "table inet linkerd_services";

function elements(entries: readonly string[]): string {
  return entries.length === 0 ? "" : `    elements = { ${entries.join(", ")} }\n`;
}

/** The text for `nft -f -`. */
export function serviceRuleset(rules: readonly ServicePortRule[]): string {
  const services: string[] = [];
  const nodePorts: string[] = [];
  const refused: string[] = [];
  const chains: string[] = [];
  const hairpins = new Set<string>();
  rules.forEach((rule, index) => {
    const keys = rule.ips.map((ip) => `${ip} . ${rule.protocol} . ${rule.port}`);
    if (rule.targets.length === 0) {
      refused.push(...keys);
      if (rule.nodePort !== null) refused.push(`${nodeIp} . ${rule.protocol} . ${rule.nodePort}`);
      return;
    }
    const chain = `svc-${index}`;
    for (const key of keys) services.push(`${key} : goto ${chain}`);
    if (rule.nodePort !== null) nodePorts.push(`${nodeIp} . ${rule.protocol} . ${rule.nodePort} : goto ${chain}`);
    for (const { ip } of rule.targets) hairpins.add(`${ip} . ${ip}`);
    const map = rule.targets.map(({ ip, port }, at) => `${at} : ${ip} . ${port}`).join(", ");
    const pick = rule.sticky ? "jhash ip saddr" : "numgen random";
    chains.push(
      `  chain ${chain} {\n    meta l4proto ${rule.protocol} dnat ip to ${pick} mod ${rule.targets.length} map { ${map} } comment "${rule.name}"\n  }\n`,
    );
  });
  return `${table}
delete ${table}
${table} {
  map services {
    type ipv4_addr . inet_proto . inet_service : verdict
${elements([...services, ...nodePorts])}  }
  set refused {
    type ipv4_addr . inet_proto . inet_service
${elements(refused)}  }
  set hairpins {
    type ipv4_addr . ipv4_addr
${elements([...hairpins].toSorted())}  }
${chains.join("")}  chain translate {
    ip daddr . meta l4proto . th dport vmap @services
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    jump translate
  }
  chain output {
    type nat hook output priority -100; policy accept;
    jump translate
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat ip saddr . ip daddr @hairpins snat ip to ${nodeIp}
  }
  chain refuse {
    ip daddr . meta l4proto . th dport @refused meta l4proto tcp reject with tcp reset
    ip daddr . meta l4proto . th dport @refused reject
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state new jump refuse
  }
  chain input {
    type filter hook input priority filter; policy accept;
    ct state new jump refuse
  }
  chain local {
    type filter hook output priority filter; policy accept;
    ct state new jump refuse
  }
}
`;
}
