import { MeshError } from "#lib/errors.ts";
import { parseIp } from "#lib/net-addr.ts";

/** What a path such as "web.emojivoto.svc.cluster.local:80" names. */
export type Authority =
  | { readonly kind: "ip"; readonly ip: string; readonly port: number }
  | {
      readonly kind: "service";
      readonly namespace: string;
      readonly service: string;
      /** One instance of a StatefulSet, or null for the whole Service. */
      readonly hostname: string | null;
      readonly port: number;
      /** Without port, in lower case, without a final dot. */
      readonly host: string;
    };

/**
 * Reads `host:port`; without a port it is 80. Throws "invalid-argument" for names outside the cluster's domain: the caller's
 * proxy then forwards without the mesh's help.
 */
export function parseAuthority(path: string, clusterDomain: string): Authority {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(path.trim());
  const host = (match?.[1] ?? match?.[2] ?? "").toLowerCase().replace(/\.$/, "");
  const port = Number(match?.[3] ?? 80);
  // 253 is the longest DNS name (RFC 1035 §2.3.4).
  if (host === "" || host.length > 253 || port < 1 || port > 65535) {
    throw new MeshError("invalid-argument", `"${path}" is not a host and port`);
  }
  if (parseIp(host) !== null) return { kind: "ip", ip: host, port };
  const suffix = `.svc.${clusterDomain.toLowerCase()}`;
  const labels = host.endsWith(suffix) ? host.slice(0, -suffix.length).split(".") : [];
  const [namespace, service, hostname] = labels.toReversed();
  if (namespace === undefined || service === undefined || labels.length > 3 || labels.includes("")) {
    throw new MeshError("invalid-argument", `"${path}" is not a Service's name below "svc.${clusterDomain}"`);
  }
  return { kind: "service", namespace, service, hostname: hostname ?? null, port, host };
}
