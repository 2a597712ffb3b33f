/** The label groups of the traffic metrics, with Linkerd's names. */
import type { Labels } from "#lib/metrics/registry.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import { formatSocketAddr } from "#lib/net-addr.ts";
import type { ClientTls } from "../inbound/ports.ts";
import type { EndpointTls } from "../outbound/ports.ts";

/** Where the traffic goes: address, IP and port. */
export function targetLabels(addr: SocketAddr): Labels {
  return { target_addr: formatSocketAddr(addr), target_ip: addr.ip, target_port: String(addr.port) };
}

/** TLS of an accepted connection. */
export function serverTlsLabels(tls: ClientTls): Labels {
  switch (tls.kind) {
    case "meshed":
      return { tls: "true", client_id: tls.clientId };
    case "anonymous":
      return { tls: "true" };
    case "passthrough":
      return { tls: "opaque", sni: tls.serverName ?? "" };
    case "none":
      // "identity_disabled" is the one reason that has a value of its own instead of a reason.
      return tls.reason === "identity_disabled"
        ? { tls: "disabled" }
        : { tls: "no_identity", no_tls_reason: tls.reason };
  }
}

/** TLS of a connection to an endpoint. `identityEnabled`: whether we could have used it. */
export function clientTlsLabels(tls: EndpointTls | null, identityEnabled: boolean): Labels {
  if (!identityEnabled) return { tls: "disabled" };
  if (tls !== null) return { tls: "true", server_id: tls.identity };
  return { tls: "no_identity", no_tls_reason: "not_provided_by_service_discovery" };
}

/** What the control plane says about a destination, e.g. deployment → dst_deployment. At most 32 of them. */
export function destinationLabels(labels: Labels): Labels {
  const out: Record<string, string> = {};
  for (const [key, value] of Object.entries(labels).slice(0, 32)) {
    // Prometheus label names take letters, digits and underscores only.
    out[`dst_${key.replaceAll(/\W/g, "_")}`] = value;
  }
  return out;
}

/** The resource that a policy is about, as `…_group`, `…_kind`, `…_namespace` and so on. */
export interface ResourceRef {
  /** "core" for Kubernetes' own; empty for what has no resource. */
  readonly group: string;
  /** For example "Service"; "default" for what has no resource. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Empty when the whole resource is meant. */
  readonly port: string;
  readonly section: string;
}

/** Labels of a resource that traffic is for ("parent") or goes to ("backend"). */
export function resourceLabels(prefix: "parent" | "backend", ref: ResourceRef): Labels {
  return {
    [`${prefix}_group`]: ref.group,
    [`${prefix}_kind`]: ref.kind,
    [`${prefix}_namespace`]: ref.namespace,
    [`${prefix}_name`]: ref.name,
    [`${prefix}_port`]: ref.port,
    [`${prefix}_section_name`]: ref.section,
  };
}
