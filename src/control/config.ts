/** Settings of the destination and policy programs: the only reader of their flags. */
import { MeshError } from "#lib/errors.ts";
import { type Cidr, parseCidrs } from "#lib/net-addr.ts";
import { parsePortRanges } from "#lib/port-list.ts";
import { defaultOpaquePorts } from "#model/opaque-ports.ts";
import type { Http2ClientParams } from "#rpc/gen/destination_pb.ts";
import { parseHttp2Params } from "./api/http2-params.ts";
import type { DestinationSettings } from "./destination/settings.ts";
import { Flags, type FlagSpecs } from "./flags.ts";
import { parseDefaultPolicyName } from "./policy/default-policy.ts";
import type { InboundSettings } from "./policy/inbound.ts";
import type { OutboundSettings } from "./policy/outbound.ts";
import { certificateFlags, certificateSource, type CertificateSource } from "./serving/certificate-source.ts";

export interface ListenAddr {
  readonly ip: string;
  readonly port: number;
}

const value = { kind: "value" } as const;
const flag = { kind: "switch" } as const;
const ignoredValue = { kind: "value", ignored: true } as const;
const ignoredFlag = { kind: "switch", ignored: true } as const;

/** Flags of every program: logging, where Kubernetes is, and what has no meaning in this runtime. */
export const commonFlags: FlagSpecs = {
  "log-level": value,
  "log-format": value,
  kubeconfig: value,
  "enable-pprof": ignoredFlag,
  "kube-apiclient-qps": ignoredValue,
  "kube-apiclient-burst": ignoredValue,
};

/** Levels of Go's and of Rust's loggers in one; a filter such as "info,linkerd=debug" is taken as it is. */
export function logSettings(args: readonly string[]): { readonly filter: string; readonly format: "plain" | "json" } {
  const find = (name: string): string | undefined => {
    const at = args.findIndex((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
    const arg = args[at];
    return arg?.includes("=") === true ? arg.slice(arg.indexOf("=") + 1) : args[at + 1];
  };
  const given = args.some((arg) => arg.startsWith("--log-level")) ? (find("log-level") ?? "info") : "info";
  const level = { panic: "error", fatal: "error", warning: "warn" }[given] ?? given;
  const format = args.some((arg) => arg.startsWith("--log-format")) ? find("log-format") : "plain";
  return { filter: level, format: format === "json" ? "json" : "plain" };
}

const destinationFlags: FlagSpecs = {
  ...commonFlags,
  addr: value,
  "metrics-addr": value,
  "controller-namespace": value,
  "outbound-transport-mode": value,
  "enable-h2-upgrade": flag,
  "enable-ipv6": flag,
  "identity-trust-domain": value,
  "cluster-domain": value,
  "default-opaque-ports": value,
  "stream-queue-capacity": value,
  "enable-endpoint-slices": ignoredFlag,
  "export-queue-metrics": ignoredFlag,
  "ext-endpoint-zone-weights": ignoredFlag,
  "meshed-http2-client-params": value,
  "cluster-networks": ignoredValue,
  "trace-collector": ignoredValue,
  "trace-collector-name": ignoredValue,
};

export interface DestinationConfig {
  readonly listen: ListenAddr;
  readonly admin: ListenAddr;
  readonly kubeconfig: string;
  /** Updates that may wait for a slow client. Default 100. */
  readonly queueCapacity: number;
  readonly settings: DestinationSettings;
  /** How proxies are to speak HTTP/2 to each other; null: as they like. */
  readonly http2: Http2ClientParams | null;
}

export function destinationConfig(args: readonly string[]): DestinationConfig {
  const flags = new Flags(args, destinationFlags);
  const clusterDomain = domain(flags, "cluster-domain", "cluster.local");
  return {
    listen: flags.listenAddr("addr", ":8086"),
    admin: flags.listenAddr("metrics-addr", ":9996"),
    kubeconfig: flags.text("kubeconfig", ""),
    queueCapacity: flags.integer("stream-queue-capacity", 100, { min: 1, max: 100_000 }),
    http2: flags.parsed("meshed-http2-client-params", "", parseHttp2Params),
    settings: {
      clusterDomain,
      trustDomain: domain(flags, "identity-trust-domain", clusterDomain),
      controlPlaneNamespace: flags.text("controller-namespace", "linkerd"),
      defaultOpaquePorts: flags.parsed("default-opaque-ports", defaultOpaquePorts, parsePortRanges),
      enableH2Upgrade: flags.boolean("enable-h2-upgrade", true),
      transportMode: flags.oneOf("outbound-transport-mode", "transport-header", ["transport-header", "transparent"]),
      enableIpv6: flags.boolean("enable-ipv6", false),
    },
  };
}

const policyFlags: FlagSpecs = {
  ...commonFlags,
  ...certificateFlags,
  "grpc-addr": value,
  "admin-addr": value,
  "control-plane-namespace": value,
  "cluster-networks": value,
  "identity-domain": value,
  "cluster-domain": value,
  "default-policy": value,
  "probe-networks": value,
  "default-opaque-ports": value,
  "outbound-transport-mode": value,
  "enable-h2-upgrade": flag,
  "enable-ipv6": flag,
  "stream-queue-capacity": value,
  "policy-deployment-name": ignoredValue,
  "patch-timeout-ms": value,
  "allow-l5d-request-headers": flag,
  "global-egress-network-namespace": value,
  "admission-controller-disabled": flag,
  "server-addr": value,
  "server-tls-key": value,
  "server-tls-certs": value,
};

export interface PolicyConfig {
  readonly listen: ListenAddr;
  readonly admin: ListenAddr;
  readonly kubeconfig: string;
  readonly queueCapacity: number;
  readonly inbound: InboundSettings;
  readonly outbound: OutboundSettings;
  /** The validating webhook; null: none. */
  readonly webhook: PolicyWebhookConfig | null;
  readonly status: {
    /** Where the lease is that says who writes statuses. */
    readonly namespace: string;
    /** ms until a write must have ended. Default 5 s. */
    readonly patchTimeout: number;
  };
}

export interface PolicyWebhookConfig {
  readonly listen: ListenAddr;
  readonly certificate: CertificateSource;
}

/** Private IPv4 ranges, shared address space and unique local IPv6, as Linkerd's charts have it. */
export const defaultClusterNetworks = "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8";

export function policyConfig(args: readonly string[]): PolicyConfig {
  const flags = new Flags(args, policyFlags);
  const clusterDomain = domain(flags, "cluster-domain", "cluster.local");
  const clusterNetworks: readonly Cidr[] = flags.parsed("cluster-networks", defaultClusterNetworks, parseCidrs);
  const trustDomain = domain(flags, "identity-domain", clusterDomain);
  const controlPlaneNamespace = flags.text("control-plane-namespace", "linkerd");
  const opaque = flags.parsed("default-opaque-ports", defaultOpaquePorts, parsePortRanges);
  return {
    listen: flags.listenAddr("grpc-addr", ":8090"),
    admin: flags.listenAddr("admin-addr", ":9990"),
    kubeconfig: flags.text("kubeconfig", ""),
    queueCapacity: flags.integer("stream-queue-capacity", 100, { min: 1, max: 100_000 }),
    inbound: {
      trustDomain,
      controlPlaneNamespace,
      defaultPolicy: flags.parsed("default-policy", "all-unauthenticated", parseDefaultPolicyName),
      clusterNetworks,
      probeNetworks: flags.parsed("probe-networks", "0.0.0.0/0,::/0", parseCidrs),
      defaultOpaquePorts: opaque,
    },
    outbound: {
      clusterDomain,
      trustDomain,
      controlPlaneNamespace,
      defaultOpaquePorts: opaque,
      enableH2Upgrade: flags.boolean("enable-h2-upgrade", true),
      transportMode: flags.oneOf("outbound-transport-mode", "transport-header", ["transport-header", "transparent"]),
      enableIpv6: flags.boolean("enable-ipv6", false),
      clusterNetworks,
      allowRequestHeaders: flags.boolean("allow-l5d-request-headers", false),
      globalEgressNamespace: flags.text("global-egress-network-namespace", "linkerd-egress"),
    },
    webhook: policyWebhook(flags),
    status: {
      namespace: controlPlaneNamespace,
      patchTimeout: flags.integer("patch-timeout-ms", 5000, { min: 100, max: 600_000 }),
    },
  };
}

/** The webhook runs where it was told where to listen and not to stay away. */
function policyWebhook(flags: Flags): PolicyWebhookConfig | null {
  if (flags.boolean("admission-controller-disabled", false) || flags.text("server-addr", "") === "") return null;
  return {
    listen: flags.listenAddr("server-addr", ":9443"),
    certificate: certificateSource(
      flags,
      {
        cert: flags.text("server-tls-certs", "/var/run/linkerd/tls/tls.crt"),
        key: flags.text("server-tls-key", "/var/run/linkerd/tls/tls.key"),
      },
      { name: "linkerd-policy-validator", namespace: flags.text("control-plane-namespace", "linkerd") },
    ),
  };
}

/** A DNS suffix without dots around it. */
function domain(flags: Flags, name: string, fallback: string): string {
  return flags.parsed(name, fallback, (text) => {
    const trimmed = text.replace(/\.$/, "");
    if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(trimmed)) {
      throw new MeshError("invalid-argument", `"${text}" is not a domain`);
    }
    return trimmed;
  });
}
