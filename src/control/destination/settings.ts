import type { PortRange } from "#lib/port-list.ts";

/** Settings that decide how endpoints are described. */
export interface DestinationSettings {
  /** Default "cluster.local". */
  readonly clusterDomain: string;
  /** Default: the cluster domain. */
  readonly trustDomain: string;
  /** Default "linkerd". */
  readonly controlPlaneNamespace: string;
  /** Ports whose protocol is opaque unless an annotation says otherwise. */
  readonly defaultOpaquePorts: readonly PortRange[];
  /** Let HTTP/1 between meshed pods travel as HTTP/2. */
  readonly enableH2Upgrade: boolean;
  /** Whether all meshed traffic goes to the proxy's inbound port, or only opaque traffic does. */
  readonly transportMode: "transport-header" | "transparent";
  /** Prefer IPv6 addresses where a Service has them. */
  readonly enableIpv6: boolean;
}
