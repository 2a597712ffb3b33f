/** The files that the node writes for each pod. Pure. */
import type { Pod } from "../types.ts";

/** A host name has at most 63 characters. */
export function podHostname(pod: Pod): string {
  return (pod.spec.hostname ?? pod.metadata.name).slice(0, 63).replace(/[-.]+$/, "");
}

/** /etc/resolv.conf by the pod's dnsPolicy and dnsConfig (Kubernetes: "DNS for Services and Pods"). */
export function resolvConf(pod: Pod, clusterDomain: string, dnsIp: string): string {
  const { dnsPolicy = "ClusterFirst", dnsConfig = {} } = pod.spec;
  const nameservers: string[] = [];
  const searches: string[] = [];
  const options = new Map<string, string | undefined>();
  // There is nothing outside to ask: "Default" gets the cluster's server too, without its search path.
  if (dnsPolicy !== "None") nameservers.push(dnsIp);
  if (dnsPolicy === "ClusterFirst" || dnsPolicy === "ClusterFirstWithHostNet") {
    searches.push(`${pod.metadata.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain);
    options.set("ndots", "5");
  }
  nameservers.push(...(dnsConfig.nameservers ?? []));
  searches.push(...(dnsConfig.searches ?? []));
  for (const { name, value } of dnsConfig.options ?? []) options.set(name, value);
  const lines = [...new Set(nameservers)].slice(0, 3).map((ip) => `nameserver ${ip}`);
  if (searches.length > 0) lines.unshift(`search ${[...new Set(searches)].slice(0, 32).join(" ")}`);
  if (options.size > 0) {
    lines.push(
      `options ${[...options].map(([name, value]) => (value === undefined ? name : `${name}:${value}`)).join(" ")}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

/** /etc/hosts */
export function hostsFile(pod: Pod, ip: string, clusterDomain: string): string {
  const hostname = podHostname(pod);
  const { subdomain } = pod.spec;
  const names =
    subdomain === undefined
      ? [hostname]
      : [`${hostname}.${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`, hostname];
  const lines = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback", `${ip}\t${names.join("\t")}`];
  for (const alias of pod.spec.hostAliases ?? []) lines.push(`${alias.ip}\t${(alias.hostnames ?? []).join("\t")}`);
  return `${lines.join("\n")}\n`;
}
