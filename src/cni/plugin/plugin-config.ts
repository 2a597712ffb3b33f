/** Our entry in the node's network configuration: written by the installer, read by the plugin. */
import { MeshError } from "#lib/errors.ts";
import type { PortRange } from "#lib/port-list.ts";
import { parsePorts, parseSubnet, type RedirectSettings } from "../rules.ts";
import type { JsonObject } from "./protocol.ts";

/** The plugin's name: its type in the configuration and its file in the folder of plugins. */
export const pluginName = "linkerd-cni";

export interface PluginConfig {
  /** Path of the kubeconfig on the node. */
  readonly kubeconfig: string;
  /** What to redirect when the pod doesn't say otherwise. */
  readonly rules: RedirectSettings;
  /** Namespaces whose pods are never injected: the API server is not asked about them, so that they start without it. */
  readonly excludeNamespaces: readonly string[];
  readonly logLevel: string;
}

const rangeTexts = (ranges: readonly PortRange[]): string[] =>
  ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));

/** The entry, with Linkerd's key names. */
export function pluginEntry({ kubeconfig, rules, excludeNamespaces, logLevel }: PluginConfig): JsonObject {
  return {
    name: pluginName,
    type: pluginName,
    log_level: logLevel,
    policy: { type: "k8s" },
    kubernetes: { kubeconfig, exclude_namespaces: excludeNamespaces },
    linkerd: {
      "incoming-proxy-port": rules.inboundPort ?? -1,
      "outgoing-proxy-port": rules.outboundPort ?? -1,
      "proxy-uid": rules.proxyUid ?? -1,
      "proxy-gid": rules.proxyGid ?? -1,
      "ports-to-redirect": rangeTexts(rules.inboundOnlyPorts),
      "inbound-ports-to-ignore": rangeTexts(rules.inboundSkipPorts),
      "outbound-ports-to-ignore": rangeTexts(rules.outboundSkipPorts),
      "subnets-to-ignore": rules.skipSubnets,
      ipv6: rules.ipv6,
    },
  };
}

function section(config: JsonObject, key: string): JsonObject {
  const value = config[key] ?? {};
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new MeshError("invalid-argument", `"${key}" of the network configuration is no object`);
}

function whole(of: JsonObject, key: string): number | null {
  const value = of[key] ?? -1;
  if (typeof value !== "number" || !Number.isInteger(value) || value > 0xffff_ffff) {
    throw new MeshError("invalid-argument", `"${key}" of the network configuration is ${JSON.stringify(value)}`);
  }
  return value < 0 ? null : value;
}

/** Texts or numbers: Linkerd's own entries have both. */
function texts(of: JsonObject, key: string): string[] {
  const value = of[key] ?? [];
  if (!Array.isArray(value))
    throw new MeshError("invalid-argument", `"${key}" of the network configuration is no list`);
  return value.map(String);
}

/** Throws "invalid-argument" naming the key. */
export function readPluginConfig(config: JsonObject): PluginConfig {
  const kubernetes = section(config, "kubernetes");
  const linkerd = section(config, "linkerd");
  const ports = (key: string): PortRange[] => parsePorts(texts(linkerd, key).join(","), key);
  const port = (key: string): number | null => {
    const value = whole(linkerd, key);
    if (value !== null && (value === 0 || value > 65535)) {
      throw new MeshError("invalid-argument", `"${key}" of the network configuration is ${value}, no port`);
    }
    return value;
  };
  if (typeof kubernetes["kubeconfig"] !== "string" || kubernetes["kubeconfig"] === "") {
    throw new MeshError("invalid-argument", `"kubernetes.kubeconfig" of the network configuration is missing`);
  }
  return {
    kubeconfig: kubernetes["kubeconfig"],
    excludeNamespaces: texts(kubernetes, "exclude_namespaces"),
    logLevel: typeof config["log_level"] === "string" ? config["log_level"] : "info",
    rules: {
      inboundPort: port("incoming-proxy-port"),
      outboundPort: port("outgoing-proxy-port"),
      proxyUid: whole(linkerd, "proxy-uid"),
      proxyGid: whole(linkerd, "proxy-gid"),
      proxyMark: null,
      inboundOnlyPorts: ports("ports-to-redirect"),
      inboundSkipPorts: ports("inbound-ports-to-ignore"),
      outboundSkipPorts: ports("outbound-ports-to-ignore"),
      skipSubnets: texts(linkerd, "subnets-to-ignore").map((cidr) => parseSubnet(cidr, "subnets-to-ignore")),
      ipv6: linkerd["ipv6"] !== false,
    },
  };
}
